"""The dataset ``synthetic``: made on the user's machine, nothing to download, everything about it known
exactly.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from iper_bench.body import load_body
from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.dataset import DATA_VARIABLE, Dataset
from iper_bench.data.synthetic.blending import Floats
from iper_bench.data.synthetic.cache import FrameCache, cache_folder
from iper_bench.data.synthetic.casting import Part, cast
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.film import BLOCK, Film, RenderedFilm
from iper_bench.data.synthetic.true_flow import surface_flow
from iper_bench.errors import UserError, unknown_name

NAME = "synthetic"


class SyntheticClip(Clip):
    """A clip of one actor in one outfit.

    Attributes
    ----------
    name, subject, size, track: see :class:`iper_bench.data.clip.Clip`. The track is the nude body; it is
        made when first asked for.
    """

    def __init__(self, film: Film, part: Part) -> None:
        self._film = film
        self.part = part
        self.name = part.name
        self.subject = part.subject
        self.size = (film.config.size, film.config.size)

    def __len__(self) -> int:
        return self._film.length(self.part)

    @cached_property
    def track(self) -> BodyTrack:  # type: ignore[override]
        """The exact body of every frame."""
        return self._film.opening(self.part).track

    def frames(self, indices: Sequence[int]) -> Images:
        """Frames (N, S, S, 3) uint8 RGB. Raises UserError for a frame that the clip does not have."""
        return self._gather(indices, 0)

    def masks(self, indices: Sequence[int]) -> Images:
        """Exact mattes (N, S, S) uint8 of person, clothes and hair in steps of a quarter (2 x 2 samples),
        255 = person.
        """
        return self._gather(indices, 1)

    def backgrounds(self, indices: Sequence[int]) -> Images:
        """The room (N, S, S, 3) uint8, the same for every frame; frames equal it where the matte is 0."""
        self._check(indices)
        return np.repeat(self._film.opening(self.part).room[None], len(indices), axis=0)

    def true_flow(self, source: int, target: int) -> Floats:
        """Where every pixel of frame ``target`` comes from in frame ``source``: (S, S, 2) float32 (x, y) in
        [-1, 1].

        Exact flow of the clothed surface, sampled at pixel centres. -2 where the target shows the room or
        the source does not see the surface point. Raises UserError for a frame that the clip does not have.
        """
        self._check([source, target])
        return surface_flow(self._film.scene(self.part), source, target)

    def _gather(self, indices: Sequence[int], kind: int) -> Images:
        self._check(indices)
        shape = (len(indices), *self.size, 3)[: 4 - kind]
        out = np.empty(shape, np.uint8)
        for place, index in enumerate(indices):
            out[place] = self._film.block(self.part, int(index) // BLOCK)[kind][int(index) % BLOCK]
        return out

    def _check(self, indices: Sequence[int]) -> None:
        for index in indices:
            if not 0 <= int(index) < len(self):
                raise UserError(
                    f"no frame {index}", where=f"clip '{self.name}'", expected=f"0 to {len(self) - 1}"
                )


def true_flow(clip: Clip, source: int, target: int) -> Floats:
    """:meth:`SyntheticClip.true_flow` of a clip of this dataset. Raises TypeError for another dataset's
    clip.
    """
    if not isinstance(clip, SyntheticClip):
        raise TypeError(
            f"clip '{clip.name}' is not of the dataset '{NAME}'; only there the true flow is known"
        )
    return clip.true_flow(source, target)


class SyntheticDataset(Dataset):
    """The embedded dataset of one configuration.

    Parameters
    ----------
    config: what is in it.
    film: where frames come from; ``None`` renders them on demand with a cache under ``IPER_BENCH_HOME`` or
        the user's cache folder.
    fingerprint: of frames that were made before; ``None`` computes it.

    Raises
    ------
    UserError for an unknown body.
    """

    name = NAME

    def __init__(
        self, config: SyntheticConfig | None = None, film: Film | None = None, fingerprint: str | None = None
    ) -> None:
        self.config = config or SyntheticConfig()
        self.body = self.config.body
        self.image_size = self.config.size
        self.fingerprint = fingerprint or self.config.fingerprint(load_body(self.body).sha256)
        self.film = film or RenderedFilm(self.config, FrameCache(cache_folder() / self.fingerprint))
        self._splits = cast(self.config)
        self._parts = {part.name: part for parts in self._splits.values() for part in parts}
        self._clips: dict[str, SyntheticClip] = {}

    def splits(self) -> list[str]:
        """``test``, ``test_actor``, ``test_outfit``, ``train``, and ``action`` where the configuration asks
        for it.
        """
        return sorted(self._splits)

    def parts(self, split: str | None = None) -> list[Part]:
        """What is to be filmed for a split, or for all, in name order. Raises UserError for an unknown
        split.
        """
        if split is None:
            return [self._parts[name] for name in sorted(self._parts)]
        if split not in self._splits:
            raise unknown_name("split", split, self._splits, where=f"dataset '{NAME}'")
        return list(self._splits[split])

    def clip_names(self, split: str | None = None) -> list[str]:
        """Sorted clip names of a split, or all of them. Raises UserError for an unknown split."""
        return [part.name for part in self.parts(split)]

    def clip(self, name: str) -> SyntheticClip:
        """The clip called ``name``. Raises UserError with the nearest names when unknown."""
        if name not in self._parts:
            raise UserError(
                f"unknown clip '{name}'", where=f"dataset '{NAME}'", expected=_nearest(name, self._parts)
            )
        if name not in self._clips:
            self._clips[name] = SyntheticClip(self.film, self._parts[name])
        return self._clips[name]

    def subject_betas(self) -> dict[str, Floats]:
        """True shape coefficients (10,) of every actor, by name."""
        from iper_bench.data.synthetic.actor import draw_actor

        return {part.subject: draw_actor(self.config.seed, part.actor).betas for part in self.parts()}


def _nearest(name: str, names: Sequence[str] | dict[str, Part]) -> str:
    from iper_bench.errors import nearest

    close = nearest(name, names)
    return f"a name such as {' or '.join(close or sorted(names)[:1])}"


def open_synthetic(*, root: str | None = None, size: int | None = None) -> SyntheticDataset:
    """The embedded dataset.

    Parameters
    ----------
    root: a folder that ``iper-bench data make-synthetic --out`` wrote. ``None`` takes
        ``$IPER_BENCH_DATA/synthetic`` when that has been made, else renders the default configuration on
        demand.
    size: side of the frames in pixels; ``None`` takes what the folder holds, else 128.

    Raises
    ------
    UserError when the folder holds no such dataset or frames of another size.
    """
    from iper_bench.data.synthetic.folder import MANIFEST, open_folder

    folder = Path(root) if root is not None else None
    if folder is None and os.environ.get(DATA_VARIABLE):
        made = Path(os.environ[DATA_VARIABLE]).expanduser() / NAME
        folder = made if (made / MANIFEST).exists() else None
    if folder is not None:
        config, film, fingerprint = open_folder(folder)
        if size is not None and size != config.size:
            raise UserError(
                f"frames of {config.size} px, not {size}",
                where=str(folder),
                hint=f"iper-bench data make-synthetic --size {size} --out ANOTHER_FOLDER",
            )
        return SyntheticDataset(config, film, fingerprint)
    return SyntheticDataset(SyntheticConfig() if size is None else SyntheticConfig(size=size))
