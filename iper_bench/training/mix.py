"""Several datasets as one list of training clips.

Typed as ``NAME[@ROOT],NAME[@ROOT]``. Frames of all of them have one size; each clip keeps the body model that
its track refers to. Every clip is equally likely, whatever its length, as released (video = index mod number
of videos).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from iper_bench.body import load_body
from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.data.synthetic.dataset import SyntheticDataset
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.lwg.inputs import InputBuilder, InputOptions

TRAINING = "train"
MOST_CANDIDATES = 16  # source candidates of a clip without a turn-around


@dataclass(frozen=True)
class MixPart:
    """One dataset of a mix: registry name and root (``None`` = the dataset's own default)."""

    name: str
    root: str | None = None


@dataclass(frozen=True)
class MixClip:
    """A clip with the builder of its body model and the frames that may be its sources."""

    clip: Clip
    builder: InputBuilder
    candidates: tuple[int, ...]


@dataclass(frozen=True)
class Mix:
    """Opened datasets, of which at least one.

    Attributes
    ----------
    datasets: in the order typed.
    """

    datasets: tuple[Dataset, ...]

    @property
    def name(self) -> str:
        """The names with commas between."""
        return ",".join(dataset.name for dataset in self.datasets)

    @cached_property
    def fingerprint(self) -> str:
        """A single dataset's own, else a hash of all of them in order (the order decides what is drawn)."""
        prints = [dataset.fingerprint for dataset in self.datasets]
        return prints[0] if len(prints) == 1 else content_hash(prints)

    def clips(self, split: str, builders: Mapping[str, InputBuilder]) -> list[MixClip]:
        """The clips of a split of all datasets that have it, dataset after dataset in name order;
        ``builders`` by name of the body model. The list is empty where none has it.
        """
        return [
            MixClip(clip, builders[dataset.body], tuple(source_candidates(dataset, clip)))
            for dataset in self.datasets
            if split in dataset.splits()
            for clip in dataset.clips(split)
        ]

    def training_clips(self, builders: Mapping[str, InputBuilder]) -> list[MixClip]:
        """The clips of the split ``train``. Raises UserError for a dataset without it or with an empty
        one.
        """
        self.require_training_clips()
        return self.clips(TRAINING, builders)

    def bare_clips(self, split: str) -> list[tuple[Clip, str]]:
        """As :meth:`clips`, each with the name of its body model."""
        return [
            (clip, dataset.body)
            for dataset in self.datasets
            if split in dataset.splits()
            for clip in dataset.clips(split)
        ]

    def require_training_clips(self) -> None:
        """Raise UserError for a dataset without the split ``train`` or with an empty one."""
        for dataset in self.datasets:
            if TRAINING not in dataset.splits():
                raise UserError(
                    f"dataset '{dataset.name}' has no split '{TRAINING}'",
                    expected="a dataset with training clips",
                )
            if not dataset.clip_names(TRAINING):
                raise UserError(
                    f"the split '{TRAINING}' of dataset '{dataset.name}' is empty",
                    expected="at least one training clip",
                )

    def builders(self, size: int, options: InputOptions) -> dict[str, InputBuilder]:
        """One builder for each body model, by its name. Raises UserError when a body cannot be loaded."""
        names = sorted({dataset.body for dataset in self.datasets})
        return {name: InputBuilder(load_body(name), size, options) for name in names}


def parse_mix(text: str, data_root: str | None = None) -> tuple[MixPart, ...]:
    """``"synthetic,iper@/data/iPER"`` to its parts.

    ``data_root`` is the root of a single dataset that names none itself. Raises UserError for an empty entry,
    a dataset that stands there twice, and a ``data_root`` that several datasets would share.
    """
    parts = tuple(_parse_part(entry.strip(), text) for entry in text.split(","))
    twice = sorted({part.name for part in parts if parts.count(part) > 1})
    if twice:
        raise UserError(
            f"dataset '{twice[0]}' stands twice in '{text}'", expected="every dataset once, or other roots"
        )
    if data_root is None:
        return parts
    if len(parts) > 1 or parts[0].root is not None:
        raise UserError(
            f"a data root beside the datasets '{text}'",
            where="--data-root",
            expected="it with one dataset that names no root",
            hint=f"--dataset {','.join(f'{part.name}@FOLDER' for part in parts)}",
        )
    return (MixPart(parts[0].name, data_root),)


def _parse_part(entry: str, text: str) -> MixPart:
    name, at, root = entry.partition("@")
    if not name or (at and not root):
        raise UserError(
            f"'{text}' has an incomplete entry",
            where="--dataset",
            expected="NAME or NAME@ROOT, commas between",
        )
    return MixPart(name, root or None)


def open_mix(parts: Sequence[MixPart], size: int) -> Mix:
    """Open every dataset at ``size`` pixels. Raises UserError for an unknown name or a bad root."""
    return Mix(tuple(DATASETS.get(part.name)(root=part.root, size=size) for part in parts))


def source_candidates(dataset: Dataset, clip: Clip) -> list[int]:
    """Frames that may be sources: the turn-around where the dataset has one, else up to 16 frames spread over
    the clip.
    """
    if isinstance(dataset, SyntheticDataset):
        return list(range(dataset.config.turn_frames))
    count = min(MOST_CANDIDATES, len(clip))
    return [(k * len(clip)) // count for k in range(count)]
