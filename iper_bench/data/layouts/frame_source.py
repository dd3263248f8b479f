"""Where the frames of a clip lie: picture files of a folder, or a video. Naming them decodes nothing."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from iper_bench.data.clip import Images
from iper_bench.data.frame_name import printable
from iper_bench.data.layouts.frame_recipe import Frame, PictureRecipe, VideoRecipe
from iper_bench.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")  # of pictures
VIDEO_SUFFIXES = (".mp4", ".webm", ".mkv", ".avi", ".mov", ".m4v", ".mpg", ".mpeg")

Order = Callable[[Iterable[str]], list[str]]
Naming = Callable[[int], list[str]]
Recipe = Callable[[], Images]


class FrameSource(ABC):
    """The frames of one clip in order.

    Attributes
    ----------
    path: the folder or video.
    names: file names of the frames; those that the official extraction would give to frames of a video.
        Raises UserError when there are none, the folder cannot be read, or a name is not UTF-8.
    """

    path: Path
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def files(self) -> tuple[Path, ...]:
        """One picture per frame; empty for a video."""
        return ()

    @abstractmethod
    def recipe(self, indices: Sequence[int], frame: Frame) -> Recipe:
        """What decodes frames that exist."""

    @abstractmethod
    def content(self) -> Any:
        """Names and sizes of the files, as plain values; what a fingerprint is made of."""

    def oddities(self) -> list[str]:
        """What is odd about the frames beside their names, a line each."""
        return []


class FolderSource(FrameSource):
    """Pictures of a folder; other and hidden files do not count.

    Parameters
    ----------
    order: of the names; by default that of text, as the released code sorts them.
    """

    def __init__(self, path: Path, order: Order = sorted) -> None:
        self.path, self._order = path, order

    @cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """See :class:`FrameSource`."""
        return tuple(self._order(picture_names(self.path)))

    @property
    def files(self) -> tuple[Path, ...]:
        """See :class:`FrameSource`."""
        return tuple(self.path / name for name in self.names)

    def recipe(self, indices: Sequence[int], frame: Frame) -> Recipe:
        """See :class:`FrameSource`."""
        chosen = tuple(int(index) for index in indices)
        folder = str(self.path)
        return PictureRecipe(tuple(os.path.join(folder, self.names[at]) for at in chosen), chosen, frame)

    def content(self) -> Any:
        """See :class:`FrameSource`."""
        return picture_sizes(self.path)


class ListedSource(FolderSource):
    """Pictures of a folder that somebody lists: ``names`` is asked for on first use."""

    def __init__(self, path: Path, listed: Callable[[], tuple[str, ...]]) -> None:
        super().__init__(path)
        self._listed = listed

    @cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """See :class:`FrameSource`."""
        return self._listed()


class VideoSource(FrameSource):
    """A video file.

    Parameters
    ----------
    naming: number of frames -> their names.
    """

    def __init__(self, path: Path, naming: Naming) -> None:
        self.path, self._naming = path, naming

    @cached_property
    def _length(self) -> int:
        """Frames that the file promises: of a cut one, asking for the lost ones is an error."""
        from iper_bench.data.av_video import AvVideo

        video = AvVideo(self.path)
        return video.count + video.missing

    def __len__(self) -> int:
        return self._length

    @cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """See :class:`FrameSource`."""
        return tuple(self._naming(self._length))

    def recipe(self, indices: Sequence[int], frame: Frame) -> Recipe:
        """See :class:`FrameSource`."""
        return VideoRecipe(str(self.path), tuple(int(index) for index in indices), frame)

    def content(self) -> Any:
        """See :class:`FrameSource`."""
        return [printable(self.path.name), self.path.stat().st_size]

    def oddities(self) -> list[str]:
        """A cut file, or a frame rate that varies."""
        from iper_bench.data.av_video import AvVideo

        video, found = AvVideo(self.path), []
        if video.missing:
            found.append(f"cut: holds {video.count} of {video.count + video.missing} frames")
        elif video.variable_rate:  # of a cut video the holes, not the rate
            found.append("the frame rate varies: frames are not shown equally long")
        return found


def padded_names(count: int) -> list[str]:
    """The names of iPER: numbers from 0, padded to the digits of the NUMBER of frames, ``.jpg``."""
    width = len(str(count))
    return [f"{index:0{width}d}.jpg" for index in range(count)]


def counted_names(count: int) -> list[str]:
    """The names of iPERCore: ``frame_00000000.png`` and so on."""
    return [f"frame_{index:08d}.png" for index in range(count)]


def picture_names(folder: Path) -> list[str]:
    """Names of the pictures of a folder in no order. Raises UserError when it has none, cannot be read, or
    one is not UTF-8.
    """
    names = [entry.name for entry in scanned(folder) if is_picture(entry.name)]
    if not names:
        raise UserError(
            "no picture in this folder",
            where=printable(str(folder)),
            expected=f"frames as {', '.join(SUFFIXES[:2])} files",
        )
    for name in names:
        if not is_utf8(name):
            raise UserError(
                f"the name '{printable(name)}' is not UTF-8",
                where=printable(str(folder)),
                expected="names of ordinary text",
                hint="another name for the file",
            )
    return names


def picture_sizes(folder: Path) -> list[list[Any]]:
    """Sorted ``[name, bytes]`` of the pictures of a folder. Raises UserError when it cannot be read."""
    try:
        return sorted(
            [printable(entry.name), entry.stat().st_size]
            for entry in scanned(folder)
            if is_picture(entry.name)
        )
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=printable(str(folder))) from error


def scanned(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, hidden entries left out. Raises UserError when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise UserError(
            f"cannot read: {error.strerror}", where=printable(str(folder)), expected="a folder you may read"
        ) from error


def is_picture(name: str) -> bool:
    """Whether a name is that of a picture."""
    return name.lower().endswith(SUFFIXES)


def is_video(name: str) -> bool:
    """Whether a name is that of a video."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def is_utf8(name: str) -> bool:
    """Whether a name of the file system is text that can be written down."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
