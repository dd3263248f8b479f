"""Films for looking at: small WebM files that every browser plays. Nothing is ever measured on them, because
they are lossy.

VP9 in WebM, 8 bit 4:2:0, BT.709, one key frame a second so that stepping and seeking are quick. Equal frames
give equal bytes with one version of libvpx: one thread, no look-ahead, no dates and no random identifiers in
the container.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iper_bench.atomic import write_bytes
from iper_bench.errors import UserError
from iper_bench.store.pictures import Images

MOST_PIXELS = 8192 * 8192  # of a frame, before anything is reserved for it
FPS = 25.0  # what is assumed where a dataset does not tell
KEY_FRAME_EVERY = 24  # frames: browsers decode from the last key frame when somebody steps back
_CODEC = "libvpx-vp9"
# quality 24 of 0..63: above 35 dB on photographs; cpu-used 8 is the fastest setting of the realtime mode
_OPTIONS = {
    "deadline": "realtime",
    "cpu-used": "8",
    "crf": "24",
    "b": "0",
    "lag-in-frames": "0",
    "auto-alt-ref": "0",
    "row-mt": "0",
}
_BT709, _LIMITED = 1, 1  # AVCOL_*_BT709 and AVCOL_RANGE_MPEG: browsers guess where a file does not say
_READ = {"format_whitelist": "matroska,webm", "protocol_whitelist": "file"}
_RATE_PRECISION = 1001  # largest denominator of a frame rate: 30000/1001


def write_film(path: Path, batches: Iterable[Images], *, fps: float = FPS, side: int | None = None) -> int:
    """Write frames as a WebM file, which appears whole or not at all.

    Parameters
    ----------
    path: of the file; its folder is made. A film that is there is replaced.
    batches: (B, H, W, 3) uint8 RGB, all frames of one size; taken one by one, so that memory does not grow
        with the length (the finished film is held, about 2 KB a frame of 256 pixels).
    fps: frames per second at which it plays.
    side: largest height or width; larger frames are made smaller (mean over the area), smaller ones stay.
        ``None`` = as they are.

    Returns
    -------
    Number of frames. Sides that are odd are one pixel longer in the film, the last row or column repeated:
    4:2:0 has one colour for two by two pixels.

    Raises
    ------
    ValueError for no frame, frames of several sizes or another dtype, a rate that is not positive and a side
    below 2; UserError when the disk refuses. Nothing is written then.
    """
    content, count = _film(batches, fps, side)
    write_bytes(path, content)
    return count


def film_bytes(batches: Iterable[Images], *, fps: float = FPS, side: int | None = None) -> bytes:
    """What :func:`write_film` would write, for those who write it themselves. Raises ValueError as there."""
    return _film(batches, fps, side)[0]


def read_film(path: Path, indices: Sequence[int]) -> Images:
    """Frames of a film by their exact numbers: (N, H, W, 3) uint8 RGB in the order of ``indices``, which may
    repeat.

    Raises
    ------
    UserError, one line, for a file that is missing, damaged, cut, or shorter than asked for. ValueError for a
    negative index or none.
    """
    if not len(indices) or min(indices) < 0:
        raise ValueError(f"frames {list(indices)}; expected 0 or more")
    wanted = sorted({int(index) for index in indices})
    found: dict[int, Images] = {}
    for first, last in _runs(wanted):
        for number, image in _decoded(path, first, last):
            if number in wanted:
                found[number] = image
    lacking = [index for index in wanted if index not in found]
    if lacking:
        raise _error(path, f"the film has no frame {lacking[0]}, or it is damaged there")
    return np.stack([found[int(index)] for index in indices])


def _decoded(path: Path, first: int, last: int) -> Iterator[tuple[int, Images]]:
    """Numbers and frames from the key frame before ``first`` to ``last``, as far as they can be decoded."""
    import av

    try:
        # absolute: a relative name such as "concat:x" would be taken for a protocol
        with av.open(str(path.absolute()), options=_READ) as container:
            stream = container.streams.video[0]
            _check_size(path, stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.thread_count = 1
            rate, tick = stream.average_rate, stream.time_base
            if first:
                container.seek(round(first / rate / tick), stream=stream)
            for frame in container.decode(stream):
                number = round(frame.pts * tick * rate)
                if number > last:
                    return
                _check_size(path, frame.width, frame.height)
                yield number, frame.to_ndarray(format="rgb24")
    except FileNotFoundError as error:
        raise _error(path, "there is no film") from error
    except (av.FFmpegError, OSError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise _error(path, "the film is damaged or none") from error


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise _error(path, f"frames of {width} x {height} pixels")


def _error(path: Path, what: str) -> UserError:
    return UserError(what, where=str(path), hint="delete it; a report goes on without it")


def _film(batches: Iterable[Images], fps: float, side: int | None) -> tuple[bytes, int]:
    if not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"{fps} frames per second")
    if side is not None and side < 2:
        raise ValueError(f"side {side}; expected 2 or more")
    buffer = io.BytesIO()
    count = _encode(buffer, _prepared(batches, side), Fraction(fps).limit_denominator(_RATE_PRECISION))
    return buffer.getvalue(), count


def _runs(ordered: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of the stretches that are decoded in one go: a gap shorter than the way from a key frame
    is decoded, a longer one skipped.
    """
    first = last = ordered[0]
    for index in ordered[1:]:
        if index - last > KEY_FRAME_EVERY:
            yield first, last
            first = index
        last = index
    yield first, last


def _prepared(batches: Iterable[Images], side: int | None) -> Iterator[Images]:
    """Single frames of even sides, at most ``side`` long."""
    shape: tuple[int, ...] | None = None
    for batch in batches:
        if batch.ndim != 4 or batch.shape[3] != 3 or batch.dtype != np.uint8:
            raise ValueError(
                f"frames of shape {batch.shape} and dtype {batch.dtype}; expected (B, H, W, 3) uint8"
            )
        if shape is not None and batch.shape[1:] != shape:
            raise ValueError(f"frames of shape {batch.shape[1:]} after frames of shape {shape}")
        shape = batch.shape[1:]
        if min(shape[:2]) < 1 or shape[0] * shape[1] > MOST_PIXELS:
            raise ValueError(f"frames of {shape[1]} x {shape[0]} pixels; expected 1 to {MOST_PIXELS}")
        for image in batch:
            yield _even(_smaller(image, side))


def _smaller(image: Images, side: int | None) -> Images:
    height, width = image.shape[:2]
    if side is None or max(height, width) <= side:
        return image
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _even(image: Images) -> Images:
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(image)
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _encode(buffer: io.BytesIO, images: Iterator[Images], rate: Fraction) -> int:
    import av

    first = next(images, None)
    if first is None:
        raise ValueError("a film of no frames")
    with av.open(buffer, mode="w", format="webm", options={"fflags": "+bitexact"}) as container:
        stream: Any = container.add_stream(_CODEC, rate=rate)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = _OPTIONS
        context = stream.codec_context
        context.thread_count = 1
        context.gop_size = KEY_FRAME_EVERY
        context.flags |= av.codec.context.Flags.bitexact
        context.time_base = 1 / rate
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        count = 0
        for image in itertools.chain((first,), images):
            for packet in stream.encode(_frame(av, image, count, 1 / rate)):
                container.mux(packet)
            count += 1
        for packet in stream.encode(None):
            container.mux(packet)
    return count


def _frame(av: Any, image: Images, number: int, tick: Fraction) -> Any:
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
    )
    frame.pts, frame.time_base = number, tick
    return frame
