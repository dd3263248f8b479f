"""``video_frames``: frames of a video in several calls, decoded strictly, without starting anew each time.

A clip is asked for its frames batch by batch. The decoder of the last video stays open where it stands, one
per thread; a call for frames that follow goes on from there, one for frames elsewhere seeks. The frames are
those of :meth:`iper_bench.data.av_video.AvVideo.frames`, whatever was asked for before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from iper_bench.data.av_video import AvVideo
from iper_bench.data.image_io import Image
from iper_bench.errors import UserError

#: Frames that are decoded and dropped rather than sought: about what lies between two key frames.
SKIPPED = 64

_held = threading.local()


class VideoCursor:
    """An open video and the place in it."""

    def __init__(self, path: Path) -> None:
        self._video = AvVideo(path, threads=1)  # several processes may decode at once
        self._frames: Iterator[Image] = iter(())
        self._next = -1  # no stream yet
        self._last: Image | None = None

    def frame(self, index: int) -> Image:
        """The frame. Raises UserError when there is none or it cannot be decoded."""
        if self._last is not None and index == self._next - 1:
            return self._last
        if self._next < 0 or not self._next <= index <= self._next + SKIPPED:
            self._frames, self._next = self._video.frames(index), index
        image: Image | None = None
        while self._next <= index:
            image = next(self._frames, None)
            self._next += 1
            if image is None:
                raise UserError(
                    f"no frame {index}",
                    where=str(self._video.path),
                    expected=f"frames 0 to {self._video.count - 1}",
                )
        if image is None:
            raise ValueError(f"frame {index} before {self._next}")
        self._last = image
        return image


def video_frames(path: Path, indices: Sequence[int]) -> Iterator[Image]:
    """Decode frames one by one: (H, W, 3) uint8 RGB, fastest when indices and calls rise.

    Raises
    ------
    UserError for a file without frames that can be decoded, naming the frame that is missing.
    """
    for index in indices:
        cursor = _cursor(path)
        try:
            yield cursor.frame(index)
        except BaseException:
            _held.cursor = None  # its decoder stopped half way
            raise


def _cursor(path: Path) -> VideoCursor:
    key = _identity(path)
    held = getattr(_held, "cursor", None)
    if held is None or held[0] != key:
        _held.cursor = held = (key, VideoCursor(path))
    found: VideoCursor = held[1]
    return found


def _identity(path: Path) -> tuple[str, int, int]:
    """What tells a file from another one that replaced it; a missing file is for the decoder to refuse."""
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_mtime_ns, found.st_size
