"""``AvVideo``: the frames of a video file with their times, decoded strictly by FFmpeg's libraries (PyAV).

:mod:`iper_bench.data.video_io` shows people their own videos and takes what can be decoded. Data sets that
are measured must not be guessed: here a cut or damaged file is an error that names the last good frame,
frames are counted and timed by their packets, and a variable frame rate is noticed.

Files come from strangers. Only containers of video are opened (a playlist under the name ``clip.mp4`` could
ask for other files or addresses), only local files are read, and absurd sizes are refused by the header.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.frame_name import printable
from iper_bench.data.image_io import MOST_PIXELS, Image
from iper_bench.errors import UserError

Times = NDArray[np.float64]

#: demuxers that may open a file: none of them reads another file or an address
CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf"
UNEVEN = 0.1  # share of the usual frame duration from which a rate counts as variable
MOST_FRAMES = 1 << 24  # packets of a file: more is a damaged or hostile one


@dataclass(frozen=True)
class _Index:
    """What the packets say: ``stamps`` (T,) int64 presentation times in ticks, rising (frame numbers where
    packets have none), and ``tick`` seconds, ``None`` then.
    """

    stamps: NDArray[np.int64]
    tick: float | None


class AvVideo:
    """A video file. Opening it reads the header and decodes nothing.

    Parameters
    ----------
    path: of the file.
    threads: of the decoder; 0 = as many as there are cores. Workers that share a machine take 1.

    Attributes
    ----------
    path: as given.
    fps: frames per second, the mean where the rate varies; ``None`` where nothing says.

    Raises
    ------
    UserError, one line, for a missing file, one that is no video or has no video stream, and for frames of
    more than ``MOST_PIXELS`` pixels.
    """

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        self.path = path
        self._threads = threads
        with self._opened() as container:
            stream = self._stream(container)
            self._declared = _declared(container, stream)
            rate = stream.average_rate
            self._rate = float(rate) if rate else None

    @cached_property
    def count(self) -> int:
        """Number of frames, from the packets; :meth:`frames` checks that as many can be decoded."""
        return len(self._index.stamps)

    @cached_property
    def frame_times(self) -> Times:
        """(T,) float64 seconds at which the frames are shown, the first at 0; even where nothing says."""
        index = self._index
        if index.tick is None:
            return np.arange(len(index.stamps)) / (self._rate or 1.0)
        return (index.stamps - index.stamps[0]) * index.tick

    @cached_property
    def fps(self) -> float | None:
        """See the class."""
        times = self.frame_times
        if self._index.tick is None or len(times) < 2 or times[-1] <= 0:
            return self._rate
        measured = float((len(times) - 1) / times[-1])
        # the header's fraction is exact where it agrees; ticks are rounded
        agrees = self._rate is not None and abs(self._rate - measured) <= 0.01 * measured
        return self._rate if agrees else measured

    @cached_property
    def variable_rate(self) -> bool:
        """Whether frames are shown for times that differ from the usual one by more than 10 % and more than
        the rounding of the file's clock.
        """
        if self._index.tick is None or self.count < 3:
            return False
        spans = np.diff(self._index.stamps).astype(np.float64)
        usual = float(np.median(spans))
        return bool(np.abs(spans - usual).max() > max(UNEVEN * usual, 1.0))

    @cached_property
    def missing(self) -> int:
        """Frames that the header promises and the file does not hold: more than 0 for a cut file."""
        if self._declared is None:
            return 0
        promised, exact = self._declared
        lacking = promised - self.count
        if not exact and self._reaches(promised):
            return 0  # few frames for the duration, not a part of it: the rate varies
        # a promise that was computed from a duration is rounded, and half of the encoders add a frame
        return lacking if lacking > (0 if exact else max(1, promised // 50)) else 0

    def _reaches(self, promised: int) -> bool:
        """Whether the last frame is shown to within a frame of the end of ``promised`` even ones."""
        if self._index.tick is None or not self._rate or self.count < 2:
            return False
        return bool(self.frame_times[-1] * self._rate > promised - 2.5)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Image]:
        """Decode frames in presentation order.

        Parameters
        ----------
        start, stop: half-open range of frame numbers; ``None`` = to the end, which has to be there.

        Yields
        ------
        (H, W, 3) uint8 RGB, turned as the file's display matrix says (multiples of 90 degrees).

        Raises
        ------
        UserError naming the frame up to which the video can be decoded, when a packet is damaged or the file
        is cut; frames before it were yielded. ValueError for a negative ``start``.
        """
        if start < 0:
            raise ValueError(f"frame {start}")
        end = self.count if stop is None else min(stop, self.count)
        done = start
        if start < end:
            for image in self._decoded(start):
                yield image
                done += 1
                if done == end:
                    break
        if done < end:
            raise self._cut(done, self._promised)
        if stop is None or stop > self.count:
            self.require_whole()
        if stop is not None and stop > self.count:
            raise UserError(
                f"no frame {self.count}", where=self._where, expected=f"frames 0 to {self.count - 1}"
            )

    def require_whole(self) -> None:
        """Raise UserError, as :meth:`frames` would at the end, when the file holds less than it promises."""
        if self.missing:
            raise self._cut(self.count, self._promised)

    @property
    def _promised(self) -> int:
        return self.count + self.missing

    @property
    def _where(self) -> str:
        return printable(str(self.path))

    def _opened(self) -> Any:
        """The container, to be used as a context. Raises UserError."""
        import av

        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # opening a pipe would wait for ever
                raise UserError("not a regular file", where=self._where, expected="a video file such as MP4")
            with self.path.open("rb"):
                pass
        except OSError as error:
            raise UserError(f"cannot read: {error.strerror}", where=self._where) from error
        try:
            # absolute: a relative name such as "concat:x" would be taken for a protocol
            return av.open(
                str(self.path.absolute()),
                options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"},
                metadata_errors="replace",
            )
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            raise UserError(
                "no video that can be opened, or one that is cut",
                where=self._where,
                expected="a whole video file such as MP4",
                hint="get the file again, or convert it to MP4",
            ) from error

    def _stream(self, container: Any) -> Any:
        if not container.streams.video:
            raise UserError("holds no video stream", where=self._where, expected="a video file such as MP4")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise UserError("a codec that is not known here", where=self._where, hint="convert it to MP4")
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MOST_PIXELS or min(width, height) < 1:
            raise UserError(
                f"frames of {width} x {height} pixels",
                where=self._where,
                expected=f"1 to {MOST_PIXELS} pixels",
                hint="a video of a smaller size" if width * height > MOST_PIXELS else "get the file again",
            )
        stream.codec_context.thread_count = self._threads
        stream.codec_context.options = {"err_detect": "explode"}  # no picture made up for a damaged one
        return stream

    @cached_property
    def _index(self) -> _Index:
        """Reads every packet, decodes none."""
        import av

        stamps: list[int] = []
        timed = True
        with self._opened() as container:
            stream = self._stream(container)
            try:
                for packet in container.demux(stream):
                    if not packet.size or packet.is_discard:
                        continue
                    stamp = packet.pts if packet.pts is not None else packet.dts
                    timed = timed and stamp is not None
                    stamps.append(len(stamps) if stamp is None else stamp)
                    if len(stamps) > MOST_FRAMES:
                        raise UserError(f"more than {MOST_FRAMES} frames", where=self._where)
            except (av.FFmpegError, IndexError) as error:
                raise self._cut(len(stamps), None, str(error)) from error
            tick = float(stream.time_base) if stream.time_base else None
        if not stamps:
            raise UserError("holds no frame", where=self._where, expected="a video with frames")
        if not timed or tick is None or len(set(stamps)) < len(stamps):
            return _Index(np.arange(len(stamps)), None)
        return _Index(np.sort(np.array(stamps, dtype=np.int64)), tick)

    def _decoded(self, start: int) -> Iterator[Image]:
        """Frames from ``start`` on; by seeking where the times say for certain which frame comes out."""
        if start and self._index.tick is not None:
            target, found = int(self._index.stamps[start]), False
            for stamp, image in self._run(target):
                found = found or stamp == target
                if not found and (stamp is None or stamp > target):
                    break  # the container's index leads elsewhere
                if found:
                    yield image
            if found:
                return
        for place, (_, image) in enumerate(self._run(None)):
            if place >= start:
                yield image

    def _run(self, seek: int | None) -> Iterator[tuple[int | None, Image]]:
        """Time stamps and frames, from the key frame at or before ``seek`` ticks, else from the beginning."""
        import av

        done = 0
        # bound here: a stream that is still open when the program ends finds the module emptied
        undecodable = (av.FFmpegError, IndexError)
        with self._opened() as container:
            stream = self._stream(container)
            try:
                if seek is not None:
                    container.seek(seek, stream=stream, backward=True, any_frame=False)
                for frame in container.decode(stream):
                    if frame.width * frame.height > MOST_PIXELS:
                        raise UserError(
                            f"frame {done} has {frame.width} x {frame.height} pixels", where=self._where
                        )
                    if frame.is_corrupt:
                        raise self._cut(done if seek is None else None, self._promised, "a damaged picture")
                    image = frame.to_ndarray(format="rgb24")
                    turns = round(frame.rotation / 90) % 4
                    yield (
                        frame.pts if frame.pts is not None else frame.dts,
                        np.ascontiguousarray(np.rot90(image, turns)) if turns else image,
                    )
                    done += 1
            except undecodable as error:
                raise self._cut(done if seek is None else None, self._promised, _said(error)) from error

    def _cut(self, done: int | None, wanted: int | None, said: str = "") -> UserError:
        reason = f" ({said})" if said else ""
        if done is None:
            what = f"a frame cannot be decoded{reason}"
        elif done == 0:
            what = f"no frame can be decoded{reason}"
        else:
            total = "" if wanted is None else f" of {wanted}"
            what = f"frames 0 to {done - 1}{total} can be decoded, frame {done} cannot{reason}"
        return UserError(
            what,
            where=self._where,
            expected="a whole video",
            hint="get the file again, or convert the part that is good to MP4",
        )


def nearest_frames(times: Times, fps: float) -> list[int]:
    """Frames that show a video at an even rate: of every new moment, the frame nearest in time.

    Parameters
    ----------
    times: (T,) rising seconds, the first at 0 (:attr:`AvVideo.frame_times`). T of 1 or more.
    fps: the new rate, frames per second.

    Returns
    -------
    Rising indices 0 to T - 1, some repeated or left out; the earlier of two equally near frames. The last
    moment is the last one that is not after the last frame, half a new frame of grace included.
    """
    if not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"{fps} frames per second")
    moments = np.arange(int(np.floor(times[-1] * fps + 0.5)) + 1) / fps
    after = np.searchsorted(times, moments).clip(max=len(times) - 1)
    before = (after - 1).clip(min=0)
    # a moment that falls on a frame but for rounding is that frame
    earlier = moments - times[before] <= times[after] - moments + 1e-9
    return [int(index) for index in np.where(earlier, before, after)]


def _declared(container: Any, stream: Any) -> tuple[int, bool] | None:
    """Frames that the header promises and whether it says so exactly, or ``None``."""
    if stream.frames > 0:
        return int(stream.frames), True
    seconds = _clock(stream.metadata.get("DURATION", ""))
    if seconds is None and container.duration and len(container.streams) == 1:
        seconds = container.duration / 1e6  # FFmpeg's AV_TIME_BASE
    if seconds is None or not stream.average_rate:
        return None
    return round(seconds * float(stream.average_rate)), False


def _clock(text: str) -> float | None:
    """Seconds of Matroska's ``HH:MM:SS.fraction``, or ``None``."""
    parts = text.split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
