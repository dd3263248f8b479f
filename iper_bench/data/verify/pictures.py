"""Pictures and videos of a clip: by their headers, or decoded to the end."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iper_bench.data.image_io import MOST_PIXELS
from iper_bench.data.picture_file import FrameError, read_picture_file
from iper_bench.errors import UserError

Size = tuple[int, int]

VARIES = "its frame rate varies"


@dataclass(frozen=True)
class Seen:
    """What was seen of a picture: its (height, width), or the reason why it cannot be used."""

    name: str
    size: Size | None = None
    fault: str = ""


def decode_pictures(folder: Path, names: Sequence[str]) -> list[Seen]:
    """Decode pictures of a folder to their last byte, in order; never raises for a damaged one.

    Runs in worker processes: arguments and result are small and picklable.
    """
    return [_decoded(folder, name) for name in names]


def _decoded(folder: Path, name: str) -> Seen:
    try:
        height, width = read_picture_file(folder / name).image.shape[:2]
    except FrameError as error:
        return Seen(name, fault=error.reason)
    return Seen(name, (height, width))


def picture_header(path: Path) -> Seen:
    """Size of a picture by its header; nothing is decoded, and damage behind the header is not seen. A size
    that would not be decoded is a fault.
    """
    from PIL import Image

    from iper_bench.data.picture_file import FORMATS

    try:
        if not path.is_file():  # opening a pipe would wait for ever
            return Seen(path.name, fault="not a regular file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # it goes on, and we say more
            with Image.open(path, formats=FORMATS) as opened:
                height, width = opened.height, opened.width
        if height * width > MOST_PIXELS:
            return Seen(path.name, fault=f"{width} x {height} pixels; at most {MOST_PIXELS} in all")
        return Seen(path.name, (height, width))
    except Image.DecompressionBombError:
        return Seen(path.name, fault=f"more than {MOST_PIXELS} pixels")
    except Exception as error:  # Pillow raises nearly anything for a damaged header
        detail = error.strerror if isinstance(error, OSError) and error.strerror else "no header of a picture"
        return Seen(path.name, fault=detail)


def empty_files(folder: Path, names: Sequence[str]) -> list[str]:
    """Those of ``names`` that hold no byte, in their order. Only directory entries are read."""
    wanted = set(names)
    with os.scandir(folder) as entries:
        empty = {
            entry.name
            for entry in entries
            if entry.name in wanted and entry.is_file() and entry.stat().st_size == 0
        }
    return [name for name in names if name in empty]


def video_fault(path: Path, *, deep: bool) -> str:
    """What is wrong with a video, empty when nothing is.

    Parameters
    ----------
    deep: decode every frame; else packets are counted and compared with what the header promises.
    """
    from iper_bench.data.av_video import AvVideo

    try:
        video = AvVideo(path, threads=1)
        if deep:
            for _ in video.frames():
                pass
        elif video.missing:
            return f"its header promises {video.count + video.missing} frames, {video.count} are there"
        return VARIES if video.variable_rate else ""
    except UserError as error:
        return error.what
