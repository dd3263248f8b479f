"""Two small people as files and as a dataset, for the tasks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iper_bench.data.dataset import Dataset
from iper_bench.data.image_io import encode_png
from iper_bench.data.track_file import TrackFile, write_track
from iper_bench.data.video_io import VideoFile
from tests.turning_clip import TurningClip

SIDE = 48
FRAMES = 8


@dataclass
class OtherClip(TurningClip):
    """The same body in the negative colours, before another wall."""

    name: str = "other"
    subject: str = "other"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._frames = np.where(self._mattes[..., None] > 0, 255 - self._frames, 60).astype(np.uint8)


class People(Dataset):
    """Both as a dataset."""

    name = "people"
    body = "open-coarse"
    image_size = SIDE
    fingerprint = "people-1"

    def __init__(self, size: int = SIDE) -> None:
        self.image_size = size
        self._clips = {"a": TurningClip(side=size), "b": OtherClip(side=size)}

    def splits(self) -> list[str]:
        return ["test"]

    def clip_names(self, split: str | None = None) -> list[str]:
        return sorted(self._clips)

    def clip(self, name: str) -> TurningClip:
        from iper_bench.errors import unknown_name

        if name not in self._clips:
            raise unknown_name("clip", name, self._clips)
        return self._clips[name]


def open_people(*, root: str | None = None, size: int | None = None) -> People:
    """As the registry calls it."""
    return People(size or SIDE)


class OnDisk:
    """The first person as a user's files: ``images``, ``masks``, ``video``, ``track``; ``wide`` holds images
    that are 16 pixels wider.
    """

    def __init__(self, root: Path, clip: TurningClip | None = None) -> None:
        self.root = root
        self.clip = clip or TurningClip(side=SIDE)
        self.images, self.masks, self.wide = root / "images", root / "masks", root / "wide"
        self.video, self.track = root / "film.mkv", root / "track.npz"
        frames, mattes = self.clip.frames(range(FRAMES)), self.clip.masks(range(FRAMES))
        for folder in (self.images, self.masks, self.wide):
            folder.mkdir(parents=True)
        with VideoFile(self.video, 10.0) as film:
            for number, (frame, matte) in enumerate(zip(frames, mattes, strict=True)):
                (self.images / f"{number}.png").write_bytes(encode_png(frame))
                (self.masks / f"{number}.png").write_bytes(encode_png(matte))
                wide = np.pad(frame, ((0, 0), (8, 8), (0, 0)), mode="edge")
                (self.wide / f"{number}.png").write_bytes(encode_png(wide))
                film.write(frame)
        write_track(self.track, TrackFile(self.clip.track, "open-coarse"))

    def source(self, *more: str) -> list[str]:
        """Options that name images, masks and track."""
        return [
            *("--source", str(self.images), "--source-masks", str(self.masks)),
            *("--source-track", str(self.track), *more),
        ]
