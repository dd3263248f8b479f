"""What a clip is made of on the disk: frames, and where they are known mattes and a track."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iper_bench.data.layouts.frame_source import FrameSource
from iper_bench.data.layouts.pose_shape import read_pose_shape
from iper_bench.data.track_file import TrackFile, read_track


@dataclass(frozen=True, eq=False)
class TrackSource:
    """A file with the body of every frame, which may be missing; ``read`` reads it."""

    path: Path
    read: Callable[[Path], TrackFile]

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.is_file()


@dataclass(frozen=True)
class MatteSource:
    """Mattes of a folder, one per frame.

    Attributes
    ----------
    pattern: of their names, with ``{name}`` of the frame, ``{stem}`` without its ending, and ``{first}``,
        what stands before its first dot.
    """

    folder: Path
    pattern: str

    def exists(self) -> bool:
        """Whether the folder is there."""
        return self.folder.is_dir()

    def path(self, frame: str) -> Path:
        """The matte of the frame of that name."""
        first, stem = frame.partition(".")[0], frame.rpartition(".")[0]
        return self.folder / self.pattern.format(name=frame, stem=stem, first=first)


@dataclass(frozen=True, eq=False)
class ClipParts:
    """``frames`` of a clip; ``track`` and ``mattes`` where the layout has a place for them.

    Attributes
    ----------
    extra: further files that a fingerprint covers, where they exist.
    """

    frames: FrameSource
    track: TrackSource | None = None
    mattes: MatteSource | None = None
    extra: tuple[Path, ...] = ()


def pose_shape_track(path: Path) -> TrackSource:
    """``pose_shape.pkl``."""
    return TrackSource(path, lambda file: TrackFile(read_pose_shape(file)))


def array_track(path: Path) -> TrackSource:
    """``.npz`` or ``.npy`` of :mod:`iper_bench.data.track_file`."""
    return TrackSource(path, read_track)
