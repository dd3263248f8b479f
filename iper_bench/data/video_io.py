"""Frames of people's own pictures: a video, a folder of images or one image in; a video or numbered PNGs out.

Both directions stream: memory does not grow with the number of frames. Frames are uint8 RGB (H, W, 3). A
video is read from its beginning, because seeking is not exact in every container; the number of its frames is
counted, because headers are wrong more often than one thinks.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from iper_bench.atomic import explain, write_bytes
from iper_bench.data.image_io import MOST_PIXELS, Image, encode_png
from iper_bench.data.picture_file import MOST_BYTES
from iper_bench.errors import UserError
from iper_bench.plain_pickle import read_limited

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
#: What OpenCV's wheel can write, by the file's ending. VP9 plays in browsers, FFV1 loses nothing; there is
#: no encoder of H.264 in it.
CODECS = {".mp4": "mp4v", ".webm": "VP90", ".mkv": "FFV1", ".avi": "FFV1"}
FRAME_FILE = "{:08d}.png"
_FRAME_NAME = re.compile(r"\d{8}\.png")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the codecs say off standard error: our own line says it, with the file's name."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class Footage(ABC):
    """Ordered frames in a file or folder; opening decodes one frame at most.

    Attributes
    ----------
    path: as it was given.
    fps: frames per second, ``None`` where the files do not say.
    """

    path: Path
    fps: float | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Number of frames that can be decoded."""

    @abstractmethod
    def stream(self, indices: Sequence[int]) -> Iterator[Image]:
        """Yield the frames ``indices`` in that order; rising order is fastest. Raises UserError naming the
        frame that is missing or cannot be decoded.
        """

    def name_of(self, index: int) -> str:
        """What a message calls a frame."""
        return f"{self.path}, frame {index}"

    def warning(self) -> str | None:
        """What is odd about the files, in a line, or ``None``."""
        return None

    def _no_frame(self, index: int) -> UserError:
        return UserError(f"no frame {index}", where=str(self.path), expected=f"0 to {len(self) - 1}")


class ImageFootage(Footage):
    """Images of a folder in natural order (2 before 10), or one image. EXIF turns are applied."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = image_files(path) if path.is_dir() else [path]

    def __len__(self) -> int:
        return len(self.files)

    def name_of(self, index: int) -> str:
        """The file."""
        return str(self.files[index])

    def stream(self, indices: Sequence[int]) -> Iterator[Image]:
        """See :class:`Footage`; images may differ in size."""
        for index in indices:
            if not 0 <= index < len(self):
                raise self._no_frame(index)
            yield read_image(self.files[index])


class VideoFootage(Footage):
    """A video file; ``codec`` is its four letters. Raises UserError when nothing in it can be decoded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        capture = self._open()
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if np.isfinite(rate) and rate > 0 else None
        self.codec = (
            (int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF).to_bytes(4, "little").decode("latin-1")
        )
        declared = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._declared = int(declared) if np.isfinite(declared) and declared > 0 else None
        with _quiet():
            readable = capture.grab()
            capture.release()
        if not readable:
            raise self._undecodable()

    def __len__(self) -> int:
        return self._count

    def warning(self) -> str | None:
        """That it holds fewer frames than its header says; headers are often off by one."""
        if self._declared is None or len(self) >= self._declared - 1:
            return None
        return f"{self.path}: {len(self)} frames can be decoded, its header says {self._declared}"

    @cached_property
    def _count(self) -> int:
        capture, count = self._open(), 0
        with _quiet():
            while capture.grab():
                count += 1
            capture.release()
        return count

    def stream(self, indices: Sequence[int]) -> Iterator[Image]:
        """See :class:`Footage`; going back starts again at the first frame."""
        capture, place = self._open(), -1
        image: Image | None = None
        try:
            for index in indices:
                if index < 0:
                    raise self._no_frame(index)
                if index < place:
                    capture.release()
                    capture, place = self._open(), -1
                if index > place:
                    with _quiet():
                        while place < index and capture.grab():
                            place += 1
                        done, decoded = capture.retrieve() if place == index else (False, None)
                    if not done or decoded is None:
                        raise self._no_frame(index)
                    image = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
                if image is not None:
                    yield image
        finally:
            capture.release()

    def _open(self) -> Any:
        try:
            str(self.path).encode("utf-8")
        except UnicodeEncodeError as error:  # OpenCV takes names as UTF-8 only
            raise UserError(
                "a video whose name is not UTF-8", where=str(self.path), hint="another name for the file"
            ) from error
        with _quiet():
            capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise self._undecodable()
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if width * height > MOST_PIXELS:
            capture.release()
            raise UserError(
                f"frames of {width:.0f} x {height:.0f} pixels",
                where=str(self.path),
                expected=f"at most {MOST_PIXELS} pixels",
                hint="a video of a smaller size",
            )
        return capture

    def _undecodable(self) -> UserError:
        return UserError(
            "no video that can be decoded",
            where=str(self.path),
            expected="a video file, an image or a folder of images",
            hint="convert it to MP4, or to PNG frames in a folder",
        )


def open_footage(path: Path) -> Footage:
    """Open an image, a folder of images or a video.

    Raises UserError when there is nothing at ``path``, it may not be read, or it is none of them.
    """
    try:
        exists, folder = path.exists(), path.is_dir()
        if exists and not folder:
            with path.open("rb"):
                pass
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=str(path)) from error
    if not exists:
        raise UserError(
            "no such file or folder", where=str(path), expected="an image, a folder of images or a video"
        )
    if folder or path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageFootage(path)
    return VideoFootage(path)


def image_files(folder: Path) -> list[Path]:
    """Images of a folder in natural order, hidden files left out. Raises UserError when there are none."""
    try:
        files = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        ]
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=str(folder)) from error
    if not files:
        raise UserError(
            "no image in this folder", where=str(folder), expected=f"files {', '.join(IMAGE_SUFFIXES)}"
        )
    return sorted(files, key=lambda path: _natural(path.name))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key in which runs of digits count as numbers; the name itself decides between equals."""
    runs = re.findall(r"[0-9]+|[^0-9]+", name.lower())
    return [*((0, int(run), "") if run.isdigit() else (1, 0, run) for run in runs), (2, 0, name)]


def read_image(path: Path, *, grey: bool = False) -> Image:
    """Decode an image: (H, W, 3) RGB, or (H, W) with ``grey``; 8 bit, turned as its EXIF data say.

    Raises UserError when it is missing or no image.
    """
    try:
        content = np.frombuffer(read_limited(path, MOST_BYTES), np.uint8)
    except UserError as error:
        raise UserError(error.what, where=str(path), expected="an image") from error
    with _quiet():
        try:
            flag = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
            decoded = cv2.imdecode(content, flag) if len(content) else None
        except cv2.error:
            decoded = None
    if decoded is None:
        raise UserError("not a whole image", where=str(path), expected="a PNG or JPEG file")
    if grey:
        return np.asarray(decoded, dtype=np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


class FrameFolder:
    """Numbered PNGs ``00000000.png`` and so on, each written whole.

    Raises UserError when the folder holds numbered frames already (``overwrite`` removes exactly those) or
    cannot be written.
    """

    def __init__(self, folder: Path, *, overwrite: bool = False) -> None:
        self.folder = folder
        self.count = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            old = sorted(path for path in folder.iterdir() if _FRAME_NAME.fullmatch(path.name))
            if old and not overwrite:
                raise UserError(
                    f"holds {len(old)} numbered frames already",
                    where=str(folder),
                    expected="a folder without numbered frames",
                    hint="another --out, or --overwrite",
                )
            for path in old:
                path.unlink()
        except OSError as error:
            raise explain(error, str(folder)) from error

    def write(self, frame: Image) -> None:
        """Write the next frame (H, W, 3)."""
        write_bytes(self.folder / FRAME_FILE.format(self.count), encode_png(frame))
        self.count += 1


class VideoFile:
    """A video that appears under its name only when it is whole; use as a context.

    When the block ends by an exception, the frames written so far are kept as ``NAME.partial.SUFFIX``
    (:attr:`partial`), and an older file of the name stays as it was. Sides are made even by repeating the
    last row or column, as the codecs ask.

    Parameters
    ----------
    path: its ending, a key of :data:`CODECS`, chooses the codec.
    fps: frames per second.

    Raises
    ------
    UserError for another ending, a folder that cannot be written, a codec that is not there or takes no such
    rate, and at the end when fewer frames came out than went in: codecs do not say that the disk is full.
    """

    def __init__(self, path: Path, fps: float) -> None:
        if path.suffix.lower() not in CODECS:
            raise UserError(
                f"cannot write a video '{path.suffix}'", where=str(path), expected=f"{', '.join(CODECS)}"
            )
        self.path = path
        self.partial: Path | None = None
        self.count = 0
        self._fps = fps
        self._writer: Any = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise UserError("is a folder", where=str(path), expected="the name of a file")
            handle, name = tempfile.mkstemp(
                prefix=f".{path.stem}.", suffix=f".part{path.suffix.lower()}", dir=path.parent
            )
            os.close(handle)
        except OSError as error:
            raise explain(error, str(path)) from error
        self._temporary = Path(name)

    def __enter__(self) -> VideoFile:
        return self

    def write(self, frame: Image) -> None:
        """Append a frame (H, W, 3), of the size of the first."""
        height, width = frame.shape[:2]
        even = cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
            with _quiet():
                self._writer = cv2.VideoWriter(
                    str(self._temporary), code, self._fps, (even.shape[1], even.shape[0])
                )
            self._side = frame.shape
            if not self._writer.isOpened():
                raise UserError(
                    f"OpenCV cannot write '{self.path.suffix}' with {self._fps:g} frames per second here",
                    where=str(self.path),
                    expected=f"one of {', '.join(CODECS)} and a usual rate",
                    hint="--fps 25, another ending, or --out NAME.png for one frame",
                )
        if frame.shape != self._side:
            raise ValueError(f"frame {frame.shape} in a video of {self._side}")
        self._writer.write(cv2.cvtColor(even, cv2.COLOR_RGB2BGR))
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            with _quiet():
                self._writer.release()
        kept = self.count > 0
        try:
            if kept and kind is None:
                self._require_whole()
                self._place(self.path)
            elif kept:
                self.partial = self.path.with_name(f"{self.path.stem}.partial{self.path.suffix}")
                self._place(self.partial)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _require_whole(self) -> None:
        try:
            found = len(VideoFootage(self._temporary))
        except UserError:
            found = 0
        if found != self.count:
            raise UserError(
                f"only {found} of {self.count} frames could be written",
                where=str(self.path),
                expected="space on the disk for the whole video",
                hint="free some space and type the same command again",
            )

    def _place(self, path: Path) -> None:
        try:
            self._temporary.chmod(0o644)
            self._temporary.replace(path)
        except OSError as error:
            raise explain(error, str(path)) from error
