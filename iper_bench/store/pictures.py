"""Lossless frames on disk: the predictions of a unit, and the few real frames that a report shows beside
them.

A folder of predictions appears whole or not at all: frames go to a hidden folder that is renamed when the
last one is there.
"""

from __future__ import annotations

import contextlib
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from iper_bench.errors import UserError
from iper_bench.store.storing import storing

Images = NDArray[np.uint8]

FRAME_NAME = "{:05d}.png"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK = struct.Struct(">I4s")  # length of the data, kind; PNG specification, 5.3
_CHECKSUM = struct.Struct(">I")  # CRC-32 of kind and data
# 1 of 9: zlib's fastest. Level 9 saves about 5 % of the bytes and takes several times as long.
_COMPRESSION = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def write_picture(path: Path, image: Images) -> None:
    """Write one (H, W, 3) uint8 RGB frame as PNG into a folder that is there.

    Raises StoreError when the disk refuses, ValueError for another shape or dtype.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"picture of shape {image.shape} and dtype {image.dtype}; expected (H, W, 3) uint8")
    fine, encoded = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]), _COMPRESSION)
    if not fine:
        raise ValueError(f"{path.name}: a picture of shape {image.shape} cannot be encoded")
    with storing(path):
        path.write_bytes(encoded.tobytes())


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A hidden empty folder that takes the place of ``path`` when the block ends without an error, and goes
    if not.

    Raises StoreError when the disk refuses.
    """
    waiting = path.with_name(f".{path.name}.part")
    with storing():
        discard(waiting)
        waiting.mkdir(parents=True)
    try:
        yield waiting
        with storing():
            discard(path)
            waiting.replace(path)
    finally:
        discard(waiting)


def is_whole_png(content: bytes) -> bool:
    """Whether the bytes are PNG chunks with right checksums up to the last one, IEND.

    Asked first, because OpenCV and libpng write lines of their own on standard error about what is not.
    """
    place = len(_SIGNATURE)
    if not content.startswith(_SIGNATURE):
        return False
    while len(content) - place >= _CHUNK.size + _CHECKSUM.size:
        length, kind = _CHUNK.unpack_from(content, place)
        end = place + _CHUNK.size + length
        if end + _CHECKSUM.size > len(content):
            return False
        if _CHECKSUM.unpack_from(content, end)[0] != zlib.crc32(content[place + 4 : end]):
            return False
        if kind == b"IEND":
            return True
        place = end + _CHECKSUM.size
    return False


def read_picture(path: Path, *, hint: str | None = None) -> Images:
    """Read one PNG: (H, W, 3) uint8 RGB. Raises UserError, with ``hint``, when it is missing or damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError("picture is missing", where=str(path), hint=hint) from error
    image = None
    if is_whole_png(content):
        image = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError("picture is damaged", where=str(path), hint=hint)
    return np.ascontiguousarray(image[..., ::-1]).astype(np.uint8, copy=False)


class StoredFrames(Protocol):
    """The predicted frames of one unit, in target order, in whatever form: :class:`FrameFolder` or
    :class:`iper_bench.store.prediction_video.PredictionVideo`.
    """

    path: Path

    def files(self) -> list[Path]:
        """The files that are there: one per frame, or the one video."""

    def count(self) -> int:
        """Number of frames that are there; decodes none."""

    def complete(self, count: int) -> bool:
        """Whether exactly the frames 0 to ``count`` - 1 are there; decodes none."""

    def sound(self, count: int) -> bool:
        """Whether exactly ``count`` frames are there and each can be decoded; reads them all."""

    def read(self, indices: Sequence[int] | None = None) -> Images:
        """Frames (N, H, W, 3) uint8 RGB, all or ``indices``. Raises UserError for one missing or damaged."""

    def write(self, batches: Iterable[Images]) -> Iterator[Images]:
        """Pass batches (B, H, W, 3) uint8 through while writing them; whole after the last one, or absent."""


class FrameFolder:
    """The predicted frames of one unit: ``00000.png``, ``00001.png``, ... in target order.

    Parameters
    ----------
    path: of the folder. replaces: what is removed when writing begins.
    """

    def __init__(self, path: Path, *, replaces: Path | None = None) -> None:
        self.path = path
        self._replaces = replaces

    def files(self) -> list[Path]:
        """The frames in order; empty when there are none."""
        return sorted(self.path.glob("[0-9]*.png"))

    def count(self) -> int:
        """Number of frames that are there."""
        return len(self.files())

    def complete(self, count: int) -> bool:
        """Whether exactly the frames 0 to ``count`` - 1 are there."""
        return [file.name for file in self.files()] == [FRAME_NAME.format(index) for index in range(count)]

    def sound(self, count: int) -> bool:
        """Whether exactly ``count`` frames are there and each can be decoded; reads them all."""
        if not self.complete(count):
            return False
        try:
            for file in self.files():
                read_picture(file)
        except UserError:
            return False
        return True

    def read(self, indices: Sequence[int] | None = None) -> Images:
        """Frames (N, H, W, 3) uint8 RGB, all of them or ``indices``. Raises UserError when one is missing or
        damaged.
        """
        paths = (
            self.files() if indices is None else [self.path / FRAME_NAME.format(index) for index in indices]
        )
        # A finished unit is not looked at again, so its record has to go as well.
        hint = f"delete units/{self.path.name}.json and type the same iper-bench run again"
        if not paths:
            raise UserError("no predictions here", where=str(self.path), hint=hint)
        return np.stack([read_picture(path, hint=hint) for path in paths])

    def write(self, batches: Iterable[Images]) -> Iterator[Images]:
        """Pass batches (B, H, W, 3) uint8 through while writing them; the folder appears after the last one.

        Nothing remains when the iteration ends early. Raises StoreError when the disk refuses.
        """
        if self._replaces is not None:
            with storing():
                discard(self._replaces)
        index = 0
        with whole_folder(self.path) as folder:
            for batch in batches:
                for image in batch:
                    write_picture(folder / FRAME_NAME.format(index), image)
                    index += 1
                yield batch


def discard(path: Path) -> None:
    """Remove a folder or file if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
