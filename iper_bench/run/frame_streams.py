"""The frames of a comparison as the suite reads them: decoded ahead, checked, without those that cannot be
read.

A frame that is missing or cannot be read is left out of both sides, so that frame k of one still belongs to
frame k of the other; what was left out and why is known when the streams have been read.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from iper_bench.data.frame_list import FrameError, FrameList, ImageFrames
from iper_bench.data.frame_list_array import ArrayFrames
from iper_bench.data.frame_name import printable
from iper_bench.data.image_io import Image
from iper_bench.errors import UserError
from iper_bench.metrics.cropping import resize_pil
from iper_bench.metrics.frames import Frames, FrameSet
from iper_bench.metrics.prefetch import prefetched
from iper_bench.run.comparison import Boxes, Comparison, Lineup, listed

AHEAD = 4  # frames per worker that wait decoded
NOT_THERE = "not handed in, or twice"
Size = tuple[int, int]


def read_ahead(frames: FrameList, indices: Sequence[int], workers: int) -> Iterator[Image | FrameError]:
    """Frames in the order of ``indices``, decoded by ``workers`` threads; a bad one is given as its error.

    Pictures are decoded by all workers, videos and clips of a dataset by one, because they are read in order.
    """

    def read(index: int) -> Image | FrameError:
        try:
            return frames.read(index)
        except FrameError as error:
            return error

    if workers < 1:
        yield from map(read, indices)
    elif workers == 1 or not isinstance(frames, ImageFrames | ArrayFrames):
        yield from prefetched(map(read, indices), AHEAD * workers)
    else:
        waiting: deque[Future[Image | FrameError]] = deque()
        with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
            try:
                for index in indices:
                    waiting.append(pool.submit(read, index))
                    if len(waiting) > AHEAD * workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for one in waiting:
                    one.cancel()


class _Side:
    """One side while it is read: its size, its boxes in the order of the frames that are kept, their
    places.
    """

    def __init__(self, lineup: Lineup, resize: Size | None) -> None:
        self.lineup = lineup
        self.kept: list[int] = []
        self.size: Size | None = None
        self._resize = resize
        # Row k is written before frame k is handed on: which frames can be read is not known earlier.
        self.boxes: Boxes | None = None if lineup.boxes is None else np.full((len(lineup), 4), np.nan)

    def take(self, place: int, image: Image) -> Image:
        """Keep the frame at a place. Raises UserError for another size than the frames before."""
        size, wanted = image.shape[:2], self._resize
        if wanted is not None and size != wanted:
            image = resize_pil(image, *wanted, bicubic=True)
        elif wanted is None and self.size not in (None, size):
            raise _other_size(self.lineup, place, size, f"{words(self.size)} as the frames before")
        self.size = size if wanted is None else wanted
        if self.boxes is not None and self.lineup.boxes is not None:
            meant = self.lineup.boxes_size or size
            scale = np.array([image.shape[1] / meant[1], image.shape[0] / meant[0]] * 2)
            self.boxes[len(self.kept)] = self.lineup.boxes[place] * scale
        self.kept.append(place)
        return image


class FrameStreams:
    """See the head of this file. Read once.

    Parameters
    ----------
    resize: (height, width) that both sides are brought to, by PIL's bicubic with antialiasing; ``None``
        leaves frames as they are. workers: threads that decode each side; the frames do not depend on it.

    Attributes
    ----------
    left_out: place -> why, in words.
    """

    def __init__(self, comparison: Comparison, *, resize: Size | None = None, workers: int = 0) -> None:
        self._comparison = comparison
        self._workers = workers
        self._ours = _Side(comparison.predictions, resize)
        self._theirs = _Side(comparison.references, resize)
        self.left_out: dict[int, str] = {
            place: f"{self._named(place)}: {NOT_THERE}"
            for place, index in enumerate(comparison.predictions.order)
            if index is None
        }

    def frame_set(self) -> FrameSet:
        """What the suite reads. It raises UserError for frames of another size, naming the frame."""
        if self._comparison.paired:
            both = _Twin(self._pairs())
            return FrameSet(
                predictions=both.side(0),
                truths=both.side(1),
                prediction_boxes=self._ours.boxes,
                truth_boxes=self._theirs.boxes,
            )
        return FrameSet(
            predictions=self._predictions(),
            reals=self._one_side(self._theirs),
            prediction_boxes=self._ours.boxes,
            real_boxes=self._theirs.boxes,
        )

    @property
    def kept(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Places of the predictions and of the references that were measured."""
        return tuple(self._ours.kept), tuple(self._theirs.kept)

    def note(self) -> str | None:
        """What was left out, in words; ``None`` when nothing was."""
        if not self.left_out:
            return None
        total = max(len(self._comparison.predictions), len(self._comparison.references))
        reasons = [self.left_out[place] for place in sorted(self.left_out)]
        clip = printable(self._comparison.clip)
        return f"{clip}: {len(reasons)} of {total} frames left out: {listed(reasons)}"

    def _named(self, place: int) -> str:
        return f"frame {self._comparison.ids[place]}"

    def _pairs(self) -> Iterator[tuple[Frames, Frames]]:
        ours, theirs = self._ours, self._theirs
        places = [place for place in range(len(ours.lineup)) if place not in self.left_out]
        sides = (self._read(ours.lineup, places), self._read(theirs.lineup, places))
        for place, mine, its in zip(places, *sides, strict=True):
            if isinstance(mine, FrameError) or isinstance(its, FrameError):
                found = [(ours, mine), (theirs, its)]
                self.left_out[place] = "; ".join(
                    _why(side, place, one) for side, one in found if isinstance(one, FrameError)
                )
                continue
            mine, its = ours.take(place, mine), theirs.take(place, its)
            if mine.shape != its.shape:
                raise _other_size(ours.lineup, place, mine.shape[:2], f"{words(its.shape[:2])} as its truth")
            yield mine[None], its[None]

    def _predictions(self) -> Iterator[Frames]:
        """Predictions compared with a real set. Which real frames cannot be read is found out before."""
        theirs = self._theirs
        for place, image in enumerate(self._read(theirs.lineup, range(len(theirs.lineup)))):
            if isinstance(image, FrameError):
                self.left_out.setdefault(place, _why(theirs, place, image))
        yield from self._one_side(self._ours)

    def _one_side(self, side: _Side) -> Iterator[Frames]:
        places = [place for place in range(len(side.lineup)) if place not in self.left_out]
        for place, image in zip(places, self._read(side.lineup, places), strict=True):
            if isinstance(image, FrameError):
                self.left_out[place] = _why(side, place, image)
            else:
                yield side.take(place, image)[None]

    def _read(self, lineup: Lineup, places: Sequence[int]) -> Iterator[Image | FrameError]:
        indices = [index for place in places if (index := lineup.order[place]) is not None]
        return read_ahead(lineup.frames, indices, self._workers)


class _Twin:
    """Two streams from one stream of pairs; each may be read by its own thread."""

    def __init__(self, pairs: Iterator[tuple[Frames, Frames]]) -> None:
        self._pairs = pairs
        self._lock = threading.Lock()
        self._waiting: tuple[deque[Frames], deque[Frames]] = (deque(), deque())

    def side(self, which: int) -> Iterator[Frames]:
        """One of the two. What the other side has not taken yet waits for it."""
        while True:
            with self._lock:
                if not self._waiting[which]:
                    pair = next(self._pairs, None)
                    if pair is None:
                        return
                    for queue, frame in zip(self._waiting, pair, strict=True):
                        queue.append(frame)
                frame = self._waiting[which].popleft()
            yield frame


def words(size: Size | None) -> str:
    """A size for a message."""
    return "no size" if size is None else f"{size[0]}x{size[1]}"


def _why(side: _Side, place: int, error: FrameError) -> str:
    return f"{side.lineup.name_of(place)}: {error.reason}"


def _other_size(lineup: Lineup, place: int, size: Size, expected: str) -> UserError:
    return UserError(
        f"{words(size)} pixels (height x width)",
        where=lineup.name_of(place),
        expected=expected,
        hint="--resize HEIGHTxWIDTH (resize=(height, width)) to bring all frames to one size",
    )
