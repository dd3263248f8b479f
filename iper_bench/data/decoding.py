"""``frame_stream``: the frames of a clip in batches, decoded in other processes while this one works.

A clip says by :meth:`iper_bench.data.clip.Clip.recipe` how its frames are decoded elsewhere; a clip without
recipes, one that renders its frames for instance, is decoded in this process. Frames, their order and errors
are the same whatever the number of workers and the size of a batch; memory is bounded by ``ahead`` batches.

Workers are started by the first stream that needs them (a second or so), serve all later streams of the
process, and end with it, also when it is killed. They are new processes ("spawn"): nothing of this process'
threads and devices is copied, and a script that streams guards its work by ``if __name__ == "__main__":`` as
multiprocessing asks.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from iper_bench.data.clip import Clip, Images
from iper_bench.data.decode_workers import VARIABLE, Job, Recipe, close_workers, may_start, workers_of
from iper_bench.data.worker_process import usable_cores
from iper_bench.errors import UserError

__all__ = ["close_workers", "frame_stream", "worker_count"]

BATCH = 16  # frames
AHEAD = 4  # batches that are decoded, or being decoded, before they are asked for
MOST_WORKERS = 2  # by default: one hides decoding behind other work, two PNG frames of 512 x 512 as well
#: Streams of fewer frames start no worker by default: they would be done before it is ready.
FEWEST_FRAMES = 128


def frame_stream(
    clip: Clip,
    indices: Sequence[int],
    *,
    batch: int = BATCH,
    workers: int | None = None,
    ahead: int = AHEAD,
) -> Iterator[Images]:
    """Decode frames in order.

    Parameters
    ----------
    indices: of the frames, in any order, repeated or not.
    batch: frames per array.
    workers: processes that decode; 0 decodes in this one, ``None`` takes :func:`worker_count`.
    ahead: batches in memory at most besides the one in hand.

    Yields
    ------
    (N, H, W, 3) uint8 RGB, N = ``batch`` except for the last. Closing the iterator drops what is not begun.

    Raises
    ------
    UserError of :meth:`Clip.frames` after the batches before it, the same from a worker as from here; one
    that names the clip when a worker was killed. ValueError for a batch or ``ahead`` below 1, or a recipe
    that gives other than what was asked for.
    """
    if batch < 1 or ahead < 1:
        raise ValueError(f"batch {batch}, ahead {ahead}; expected 1 or more")
    parts = [indices[first : first + batch] for first in range(0, len(indices), batch)]
    count = worker_count(len(indices)) if workers is None else workers
    if count < 0:
        raise ValueError(f"{count} workers; expected 0 or more")
    if count and parts and may_start() and _recipe(clip, parts[0]) is not None:
        return _decoded_elsewhere(clip, parts, count, ahead)
    return (_checked(clip.frames(part), clip, part) for part in parts)


def worker_count(frames: int) -> int:
    """The default number of workers for a stream of ``frames`` frames: what IPER_BENCH_DECODE_WORKERS says,
    else one less than the usable cores, at most :data:`MOST_WORKERS`; 0 for few frames.

    Raises UserError when the variable holds no number.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        if not named.isdecimal() or len(named) > 3:
            raise UserError(
                f"'{named[:40]}' is not a number of processes",
                where=f"environment variable {VARIABLE}",
                expected="0 (decode in the program itself) or a small whole number",
                hint=f"{VARIABLE}=0",
            )
        return int(named)
    return min(MOST_WORKERS, usable_cores() - 1) if frames >= FEWEST_FRAMES else 0


def _decoded_elsewhere(
    clip: Clip, parts: Sequence[Sequence[int]], workers: int, ahead: int
) -> Iterator[Images]:
    waiting: deque[tuple[Sequence[int], Job | None]] = deque()
    following = iter(parts)
    try:
        while True:
            for part in following:
                recipe = _recipe(clip, part)
                waiting.append((part, None if recipe is None else _begin(recipe, workers, clip, len(part))))
                if len(waiting) > ahead:
                    break
            if not waiting:
                return
            part, job = waiting.popleft()
            yield _checked(clip.frames(part) if job is None else _result(job, clip), clip, part)
    finally:
        for _, job in waiting:
            if job is not None:
                job.drop()


def _recipe(clip: Clip, part: Sequence[int]) -> Recipe | None:
    """The recipe; ``None`` also where it is refused: decoding here will say why, and in its turn."""
    try:
        return clip.recipe(part)
    except UserError:
        return None


def _begin(recipe: Recipe, workers: int, clip: Clip, frames: int) -> Job:
    height, width = clip.size
    try:
        return workers_of(workers, frames * height * width * 3).submit(recipe)
    except BrokenProcessPool as error:
        raise _killed(clip) from error


def _result(job: Job, clip: Clip) -> Images:
    try:
        return job.result()
    except BrokenProcessPool as error:
        raise _killed(clip) from error


def _killed(clip: Clip) -> UserError:
    """Forget the broken pools, so that the next stream starts anew, and say what happened."""
    close_workers()
    return UserError(
        "a process that decodes frames was ended from outside, perhaps for lack of memory",
        where=f"clip '{clip.name}'",
        expected="workers that live; a script that streams needs if __name__ == '__main__':",
        hint=f"the same command again, or {VARIABLE}=0 to decode without workers",
    )


def _checked(frames: Images, clip: Clip, part: Sequence[int]) -> Images:
    if frames.dtype != np.uint8 or frames.ndim != 4 or len(frames) != len(part) or frames.shape[3] != 3:
        raise ValueError(
            f"clip '{clip.name}' gave {frames.dtype} {frames.shape} for {len(part)} frames; "
            "expected uint8 (N, H, W, 3)"
        )
    return frames
