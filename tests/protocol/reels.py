"""A dataset of clips of any length, with any names and headings, and no pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError, unknown_name
from tests.run.toys import upright

LYING = None  # a frame whose heading is not clear


class Reel(Clip):
    """``headings``: degrees per frame, ``LYING`` for a frame that is not usable; or a number of frames
    without a track.
    """

    def __init__(
        self, name: str, headings: Sequence[float | None] | int, names: Sequence[str] | None = None
    ) -> None:
        self.name, self.subject, self.size = name, name.partition("/")[0], (16, 16)
        self.tracked = not isinstance(headings, int)
        self.length = len(headings) if not isinstance(headings, int) else headings
        self.names = list(names) if names is not None else [f"{at:04d}.jpg" for at in range(self.length)]
        if not isinstance(headings, int):
            poses = np.zeros((len(headings), 72), np.float32)
            for at, heading in enumerate(headings):
                poses[at, :3] = (np.pi / 2, 0.0, 0.0) if heading is LYING else upright(heading)
            cams = np.tile(np.array([0.9, 0.0, 0.3], np.float32), (len(headings), 1))
            self.track = BodyTrack(np.zeros(10, np.float32), poses, cams)

    def __len__(self) -> int:
        return self.length

    def __getattr__(self, key: str) -> Any:
        if key == "track":
            raise UserError(f"clip '{self.name}' has no track")
        raise AttributeError(key)

    @property
    def frame_names(self) -> Sequence[str]:
        return self.names

    @property
    def has_track(self) -> bool:
        return self.tracked

    def frames(self, indices: Sequence[int]) -> Images:
        raise AssertionError("a protocol decodes nothing")

    def masks(self, indices: Sequence[int]) -> Images | None:
        return None


class Reels(Dataset):
    """``splits``: name -> clip names; default: all clips in ``all``."""

    body, image_size, fingerprint = "open-coarse", 16, "reels"

    def __init__(
        self, clips: Sequence[Clip], name: str = "reels", splits: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.name = name
        self._clips = {clip.name: clip for clip in clips}
        self._splits = dict(splits) if splits is not None else {"all": list(self._clips)}

    def splits(self) -> list[str]:
        return list(self._splits)

    def clip_names(self, split: str | None = None) -> list[str]:
        if split is None:
            return sorted(self._clips)
        if split not in self._splits:
            raise unknown_name("split", split, self._splits)
        return sorted(self._splits[split])

    def clip(self, name: str) -> Clip:
        return self._clips[name]


def turning(count: int, step: float = 45.0) -> list[float | None]:
    """Headings of ``count`` frames of a steady turn."""
    return [at * step % 360.0 for at in range(count)]
