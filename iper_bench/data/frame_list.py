"""``FrameList``: the frames of one clip as they are handed in, read one at a time and named by what they are.

A frame's id is the number in its file name, or its place in a video or array. Frames are paired by id
(:mod:`iper_bench.data.frame_pairing`), never by their place in a listing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

from iper_bench.data.clip import Clip
from iper_bench.data.frame_name import Id, frame_ids, printable
from iper_bench.data.image_io import Image
from iper_bench.data.picture_file import FrameError, Picture, is_inside, read_picture_file
from iper_bench.data.video_io import CODECS, IMAGE_SUFFIXES, ImageFootage, VideoFootage, open_footage
from iper_bench.errors import UserError

#: endings by which a file in a folder of clips is taken for a video
VIDEO_SUFFIXES = (*CODECS, ".mov", ".m4v", ".mpg", ".mpeg")
_LOSSY_SUFFIXES = (".jpg", ".jpeg")
#: codecs that keep every pixel, as long as what they were given was RGB
_LOSSLESS_CODECS = ("FFV1", "FFVH", "HFYU", "MPNG", "PNG ")

__all__ = [  # FrameError is raised here and defined where pictures are read
    "VIDEO_SUFFIXES",
    "ClipFrames",
    "FrameError",
    "FrameList",
    "ImageFrames",
    "VideoFrames",
    "is_picture",
    "is_video",
    "open_frames",
]


class FrameList(ABC):
    """Ordered frames of one clip; making one decodes no picture, reading keeps none.

    Attributes
    ----------
    source: where the frames come from, for messages.
    numbered_by_place: whether ids are places 0 to n - 1 (videos, arrays) and not numbers from file names.
    """

    source: str
    numbered_by_place = True

    @property
    @abstractmethod
    def ids(self) -> Sequence[Id]:
        """What each frame is paired by: a number, or the name of a file without one. May repeat."""

    @abstractmethod
    def inspect(self, index: int) -> Picture:
        """The frame with what there is to say about its file. Raises FrameError for this frame only,
        IndexError beyond the end. Rising indices are fastest.
        """

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, index: int) -> Image:
        """The frame (H, W, 3) uint8 RGB. Raises as :meth:`inspect`."""
        return self.inspect(index).image

    def stream(self) -> Iterator[Image | FrameError]:
        """Every frame in order; a bad one is given as its error, so that it does not end the others."""
        for index in range(len(self)):
            try:
                yield self.read(index)
            except FrameError as error:
                yield error

    @property
    def lossy(self) -> bool:
        """Whether the frames went through a lossy codec."""
        return False

    def name_of(self, index: int) -> str:
        """What a message calls a frame."""
        return f"{self.source}, frame {self.ids[index]}"

    def warning(self) -> str | None:
        """What is odd about the files as a whole, in a line, or ``None``."""
        return None

    def _require(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)} in {self.source}")


class ImageFrames(FrameList):
    """Picture files of a folder, or one picture file. Files are decoded by
    :func:`iper_bench.data.picture_file.read_picture_file`.

    Parameters
    ----------
    footage: the files in natural order.
    root: the folder that links may not leave.
    """

    numbered_by_place = False

    def __init__(self, footage: ImageFootage, root: Path) -> None:
        self.source = printable(str(footage.path))
        self.files = footage.files
        self._root = root
        self._ids = frame_ids([file.stem for file in self.files])
        self._lossy = any(file.suffix.lower() in _LOSSY_SUFFIXES for file in self.files)

    @property
    def ids(self) -> Sequence[Id]:
        """Numbers in the names, or the names (see :func:`iper_bench.data.frame_name.frame_ids`)."""
        return self._ids

    @property
    def lossy(self) -> bool:
        """By the endings, and by the content of the files that were read so far."""
        return self._lossy

    def inspect(self, index: int) -> Picture:
        """See :class:`FrameList`."""
        self._require(index)
        picture = read_picture_file(self.files[index], self._root)
        self._lossy = self._lossy or picture.lossy
        return picture

    def name_of(self, index: int) -> str:
        """The file."""
        return printable(self.files[index].name)


class VideoFrames(FrameList):
    """A video; ids are 0 to n - 1. Counting the frames decodes the file once, reading them once more."""

    def __init__(self, footage: VideoFootage) -> None:
        self.source = printable(str(footage.path))
        self._footage = footage
        self._stream: Iterator[Image] = iter(())
        self._next = -1

    @property
    def ids(self) -> Sequence[Id]:
        """Places in the video."""
        return range(len(self._footage))

    @property
    def lossy(self) -> bool:
        """By the codec; one that is not known counts as lossy."""
        return self._footage.codec.upper() not in _LOSSLESS_CODECS

    def inspect(self, index: int) -> Picture:
        """See :class:`FrameList`; going back starts again at the first frame."""
        self._require(index)
        if index != self._next:
            self._stream = self._footage.stream(range(index, len(self)))
        self._next = -1  # unless the frame comes
        try:
            image = next(self._stream)
        except UserError as error:
            raise FrameError("cannot be decoded", where=self.name_of(index)) from error
        self._next = index + 1
        return Picture(image, lossy=self.lossy)

    def warning(self) -> str | None:
        """That the header promises more frames."""
        return self._footage.warning()


class ClipFrames(FrameList):
    """Frames of a clip of a dataset, in the order given; ids are the clip's frame indices."""

    numbered_by_place = False

    def __init__(self, clip: Clip, indices: Sequence[int]) -> None:
        self.source = f"clip {printable(clip.name)}"
        self._clip = clip
        self._indices = tuple(int(index) for index in indices)

    @property
    def ids(self) -> Sequence[Id]:
        """Frame indices of the clip."""
        return self._indices

    def inspect(self, index: int) -> Picture:
        """See :class:`FrameList`."""
        self._require(index)
        try:
            image = self._clip.frames([self._indices[index]])[0]
        except UserError as error:
            raise FrameError(error.what, where=error.where) from error
        return Picture(image)


def open_frames(path: Path, root: Path | None = None) -> FrameList:
    """The frames of a folder of pictures, one picture, or a video.

    Parameters
    ----------
    root: the folder that links may not leave; ``None`` takes the folder itself, or the one the file lies in.

    Raises
    ------
    UserError when there is nothing at ``path``, a folder holds no picture, a video cannot be opened, or
    ``path`` is a link out of ``root``.
    """
    if root is not None and not is_inside(path, root):
        raise UserError(
            "a link that leads out of the folder",
            where=printable(str(path)),
            expected=f"files below {printable(str(root))}",
            hint="copy the files there",
        )
    footage = open_footage(path)
    if isinstance(footage, ImageFootage):
        beside = path if path.is_dir() else path.resolve().parent
        return ImageFrames(footage, root or beside)
    if isinstance(footage, VideoFootage):
        return VideoFrames(footage)
    raise TypeError(f"footage of the kind {type(footage).__name__}")


def is_picture(path: Path) -> bool:
    """Whether a file counts as a frame by its ending; hidden files do not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def is_video(path: Path) -> bool:
    """Whether a file counts as a video by its ending; hidden files do not."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")
