"""The predicted frames of one unit as one lossless video, ``predictions/<id>.mkv``: FFV1 in Matroska.

Every pixel comes back as it was written. A video is smaller than the same frames as PNG (``docs/store.md``),
because neighbouring frames share their statistics.

Behind the video stands one more element, of the kind ``Void`` that every reader of Matroska skips (RFC 8794,
section 11.3.2): the checksum of the pixels of every frame. FFmpeg's decoder of FFV1 fills in what it finds
damaged and says nothing; here a frame is compared with its checksum before anybody sees it. A file without
that element was cut off.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.errors import UserError
from iper_bench.store.pictures import FrameFolder, Images, StoredFrames, discard
from iper_bench.store.storing import storing

PNG, FFV1 = "png", "ffv1"
SUFFIX = ".mkv"

#: Frames between frames that stand alone: one that is asked for by its number costs the decoding of at most
#: this many. 1 makes files a quarter larger, 24 makes them 5 % smaller.
KEY_FRAME_EVERY = 8
_RATE = 25  # frames per second in players; 40 of Matroska's ticks of a millisecond each, exactly
_PIXELS = "bgr0"  # 8 bits each of blue, green, red, nothing: the only 8-bit RGB of FFmpeg's FFV1
# range coder with its fixed table and large contexts, version 3
_OPTIONS = {"level": "3", "slicecrc": "1", "coder": "1", "context": "1"}
_SLICES, _SLICED = "4", 4  # of a frame whose sides have so many pixels; smaller ones are one slice
_VOID = struct.Struct(
    ">BQ"
)  # kind and length of the element of checksums; 8 bytes of length begin with a 1 bit
_VOID_KIND, _LONG = 0xEC, 1 << 56
_END = struct.Struct(">II8s")  # checksum of the checksums, number of frames, mark
_MARK = b"iperffv1"


def predictions_of(folder: Path, unit: str, kind: str | None = None) -> StoredFrames:
    """Where the predicted frames of a unit lie, or will lie.

    Parameters
    ----------
    folder: the run folder.
    kind: ``"png"`` or ``"ffv1"``, how they are to be written; ``None`` for whichever is there. Writing begins
        with the removal of frames in the other form.

    Raises ValueError for another kind.
    """
    pictures, video = folder / "predictions" / unit, folder / "predictions" / f"{unit}{SUFFIX}"
    if kind is None:
        kind = FFV1 if video.is_file() else PNG
    if kind == FFV1:
        return PredictionVideo(video, replaces=pictures)
    if kind == PNG:
        return FrameFolder(pictures, replaces=video)
    raise ValueError(f"predictions are kept as {kind!r}; expected {PNG!r} or {FFV1!r}")


class PredictionVideo:
    """The predicted frames of one unit in one file, in target order.

    Parameters
    ----------
    path: of the file. replaces: what is removed when writing begins.
    """

    def __init__(self, path: Path, *, replaces: Path | None = None) -> None:
        self.path = path
        self._replaces = replaces

    def files(self) -> list[Path]:
        """The file, or nothing when there is none."""
        return [self.path] if self.path.is_file() else []

    def count(self) -> int:
        """Number of frames by the list of checksums; 0 when there is no file or it is cut off."""
        try:
            return len(self._checksums())
        except UserError:
            return 0

    def complete(self, count: int) -> bool:
        """Whether exactly ``count`` frames are there; decodes none."""
        return self.count() == count

    def sound(self, count: int) -> bool:
        """Whether exactly ``count`` frames are there and each can be decoded; reads them all."""
        if not self.complete(count):
            return False
        try:
            return sum(1 for _ in self._decoded(range(count))) == count
        except UserError:
            return False

    def read(self, indices: Sequence[int] | None = None) -> Images:
        """Frames (N, H, W, 3) uint8 RGB, all of them or ``indices`` in their order, which may repeat.

        Raises UserError when the file is missing or damaged or lacks a frame.
        """
        held = len(self._checksums())
        wanted = list(range(held)) if indices is None else [int(index) for index in indices]
        if not wanted:
            raise ValueError("no frame is named")
        lacking = [index for index in wanted if not 0 <= index < held]
        if lacking:
            raise self._error(f"frame {lacking[0]} is not among the {held} here")
        found = dict(self._decoded(sorted(set(wanted))))
        return np.stack([found[index] for index in wanted])

    def write(self, batches: Iterable[Images]) -> Iterator[Images]:
        """Pass batches (B, H, W, 3) uint8 through while writing them; the file appears after the last one.

        Nothing remains when the iteration ends early. Raises StoreError when the disk refuses, ValueError for
        frames of another shape or dtype, or none.
        """
        waiting = self.path.with_name(f".{self.path.name}.part")
        with storing(self.path):
            if self._replaces is not None:
                discard(self._replaces)
            waiting.parent.mkdir(parents=True, exist_ok=True)
        encoder = _Encoder(waiting)
        try:
            for batch in batches:
                with storing(self.path):
                    encoder.add(batch)
                yield batch
            with storing(self.path):
                encoder.finish()
                waiting.replace(self.path)
        finally:
            encoder.close()
            discard(waiting)

    def _decoded(self, wanted: Sequence[int]) -> Iterator[tuple[int, Images]]:
        """Numbers and frames; ``wanted`` rising, each below the count. Raises UserError for a damaged one."""
        import av

        sums = self._checksums()
        left: list[int] = []
        try:
            with self._opened() as container:
                stream = container.streams.video[0]
                stream.codec_context.thread_count = 1
                stream.codec_context.options = {"err_detect": "crccheck+explode"}
                for run in _runs(wanted):
                    left = list(run)
                    container.seek(_tick(run[0], stream), stream=stream)
                    for place, frame in _numbered(container, stream):
                        if place == left[0]:
                            image = frame.to_ndarray(format="rgb24")
                            if _checksum(image) != sums[place]:
                                raise self._error(f"frame {place} has other pixels than were written")
                            yield left.pop(0), image
                        if not left or place > left[0]:
                            break
                    if left:
                        raise self._error(f"frame {left[0]} cannot be found: the file is damaged")
        except av.FFmpegError as error:
            which = f"frame {left[0]} cannot be decoded: " if left else ""
            raise self._error(f"{which}the file is damaged") from error

    def _checksums(self) -> tuple[int, ...]:
        """Of every frame's pixels. Raises UserError when the file is not there or has no whole list."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _END.size))
                tail = file.read()
                whole, count, mark = _END.unpack(tail) if len(tail) == _END.size else (0, 0, b"")
                file.seek(max(0, size - _END.size - 4 * count))
                listed = file.read(4 * count)
        except OSError as error:
            raise self._error("no predictions here") from error
        if mark != _MARK or not count or len(listed) != 4 * count or zlib.crc32(listed) != whole:
            raise self._error("the file is cut off or damaged")
        return struct.unpack(f">{count}I", listed)

    def _opened(self) -> Any:
        import av

        try:
            # absolute: a relative name such as "concat:x" would be taken for a protocol
            container = av.open(
                str(self.path.absolute()),
                options={"format_whitelist": "matroska", "protocol_whitelist": "file"},
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._error("the file is damaged") from error
        codec = [stream.codec_context.name for stream in container.streams.video if stream.codec_context]
        if codec != [FFV1]:
            container.close()
            raise self._error("is no video of FFV1")
        return container

    def _error(self, what: str) -> UserError:
        # A finished unit is not looked at again, so its record has to go as well.
        hint = f"delete it and units/{self.path.stem}.json and type the same iper-bench run again"
        return UserError(what, where=str(self.path), hint=hint)


class _Encoder:
    """Frames into a file that is there from the first on. The caller renames or removes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: Any = None
        self._file: Any = None
        self._stream: Any = None
        self._sums: list[int] = []

    def add(self, batch: Images) -> None:
        import av

        if batch.ndim != 4 or batch.shape[3] != 3 or batch.dtype != np.uint8:
            raise ValueError(
                f"frames of shape {batch.shape} and dtype {batch.dtype}; expected (B, H, W, 3) uint8"
            )
        for image in batch:
            if self._stream is None:
                self._begin(*image.shape[:2])
            if image.shape[:2] != (self._stream.height, self._stream.width):
                raise ValueError(f"a frame of shape {image.shape} after frames of another size")
            image = np.ascontiguousarray(image)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=_PIXELS)
            frame.pts, frame.time_base = len(self._sums), Fraction(1, _RATE)
            self._mux(frame)
            self._sums.append(_checksum(image))

    def finish(self) -> None:
        """Write what is outstanding, to the disk itself."""
        if self._stream is None:
            raise ValueError("a video of no frames")
        self._mux(None)
        container, self._container = self._container, None
        container.close()
        listed = struct.pack(f">{len(self._sums)}I", *self._sums)
        end = _END.pack(zlib.crc32(listed), len(self._sums), _MARK)
        self._file.seek(0, os.SEEK_END)
        self._file.write(_VOID.pack(_VOID_KIND, _LONG | len(listed + end)) + listed + end)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the file go, whatever state it is in."""
        try:
            if self._container is not None:
                self._container.close()
        except (OSError, ValueError):  # what is left of it is removed anyway
            pass
        finally:
            if self._file is not None:
                self._file.close()

    def _begin(self, height: int, width: int) -> None:
        import av

        self._file = self._path.open("wb")
        self._container = av.open(self._file, mode="w", format="matroska", options={"fflags": "+bitexact"})
        self._stream = self._container.add_stream(FFV1, rate=_RATE)
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = _PIXELS
        self._stream.options = {**_OPTIONS, "slices": _SLICES if min(height, width) >= _SLICED else "1"}
        context = self._stream.codec_context
        context.gop_size, context.thread_count = KEY_FRAME_EVERY, 1  # one thread: equal bytes
        context.flags |= av.codec.context.Flags.bitexact

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


def _checksum(image: Images) -> int:
    return zlib.crc32(image.tobytes())


def _tick(number: int, stream: Any) -> int:
    """Time stamp of a frame."""
    return round(Fraction(number, _RATE) / stream.time_base)


def _numbered(container: Any, stream: Any) -> Iterator[tuple[int, Any]]:
    for frame in container.decode(stream):
        yield round(frame.pts * stream.time_base * _RATE), frame


def _runs(wanted: Sequence[int]) -> Iterator[list[int]]:
    """Rising numbers in stretches that are decoded in one go; over a longer gap it is quicker to seek."""
    run: list[int] = []
    for number in wanted:
        if run and number - run[-1] > KEY_FRAME_EVERY:
            yield run
            run = []
        run.append(number)
    if run:
        yield run
