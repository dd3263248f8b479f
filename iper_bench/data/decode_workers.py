"""``DecodeWorkers``: the processes that decode frames for :func:`iper_bench.data.decoding.frame_stream`.

Frames come back through memory that all of them share: sent through a pipe, frames of a video took five times
as long as decoding them (benchmarks/decoding.py). The memory belongs to no name, so nothing is left of it
however the program ends. Batches that do not fit, or find no free slot, go through the pipe.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import numpy as np

from iper_bench.data.clip import Images
from iper_bench.data.worker_process import begin_worker

VARIABLE = "IPER_BENCH_DECODE_WORKERS"
SLOTS = 5  # batches in shared memory: four ahead of the one in hand
#: Bytes of a slot: a batch of 16 frames of 512 x 512, or the first batch that is asked for if it is larger.
LEAST_SLOT, MOST_SLOT = 16 << 20, 64 << 20

Recipe = Callable[[], Images]
Shape = tuple[int, ...]

_lock = threading.Lock()
#: by process and number of workers: a forked child must not use its parent's
_started: dict[tuple[int, int], DecodeWorkers] = {}
#: in a worker: the shared memory
_memory: Any = None


class Job:
    """A batch that is being decoded. Either :meth:`result` or :meth:`drop` must be called."""

    def __init__(self, workers: DecodeWorkers, future: Future[Images | Shape], slot: int | None) -> None:
        self._workers, self._future, self._slot = workers, future, slot

    def result(self) -> Images:
        """Wait for the frames.

        Raises what the recipe raised, and BrokenProcessPool when a worker was killed.
        """
        try:
            found = self._future.result()
            return self._workers.frames(self._slot, found) if isinstance(found, tuple) else found
        finally:
            self.drop()

    def drop(self) -> None:
        """Give up the frames; a slot that is being written is free when that is done."""
        self._future.cancel()
        slot, self._slot = self._slot, None
        if slot is not None:
            self._future.add_done_callback(lambda _: self._workers.release(slot))


class DecodeWorkers:
    """``count`` processes with shared memory of :data:`SLOTS` slots of ``slot_bytes``."""

    def __init__(self, count: int, slot_bytes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._slot_bytes = slot_bytes
        memory = context.RawArray("B", SLOTS * slot_bytes)
        self._memory = np.frombuffer(memory, np.uint8)
        self._free = list(range(SLOTS))
        self._pool = ProcessPoolExecutor(
            count, mp_context=context, initializer=_prepare_worker, initargs=(memory,)
        )

    def submit(self, recipe: Recipe) -> Job:
        """Begin to decode. Raises BrokenProcessPool when a worker was killed."""
        with _lock:
            slot = self._free.pop() if self._free else None
        first = None if slot is None else slot * self._slot_bytes
        try:
            return Job(self, self._pool.submit(_decode, recipe, first, self._slot_bytes), slot)
        except BaseException:
            if slot is not None:
                self.release(slot)
            raise

    def frames(self, slot: int | None, shape: Shape) -> Images:
        """A copy of what lies in a slot."""
        if slot is None:
            raise ValueError("frames in shared memory, but no slot")
        first = slot * self._slot_bytes
        return self._memory[first : first + int(np.prod(shape))].reshape(shape).copy()

    def release(self, slot: int) -> None:
        """Let the next batch have the slot."""
        with _lock:
            self._free.append(slot)

    def close(self) -> None:
        """End the processes; what is not begun is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def workers_of(count: int, batch_bytes: int) -> DecodeWorkers:
    """The ``count`` workers of this process, started on first use; ``batch_bytes`` of frames then decides the
    size of their slots.
    """
    key = (os.getpid(), count)
    with _lock:
        if key not in _started:
            _started[key] = DecodeWorkers(count, min(max(batch_bytes, LEAST_SLOT), MOST_SLOT))
        return _started[key]


def close_workers() -> None:
    """End the workers of this process; the next stream starts new ones. At the end of the program this
    happens by itself.
    """
    with _lock:
        ended = [_started.pop(key) for key in list(_started) if key[0] == os.getpid()]
    for workers in ended:
        workers.close()


def may_start() -> bool:
    """Whether this process may have children: a daemonic one (a worker of somebody's pool) may not."""
    return not multiprocessing.current_process().daemon


def _decode(recipe: Recipe, first: int | None, slot_bytes: int) -> Images | Shape:
    """In a worker: the shape of frames that now lie in shared memory from ``first`` on, or the frames."""
    frames = recipe()
    if first is None or frames.dtype != np.uint8 or frames.nbytes > slot_bytes:
        return frames
    shared = np.frombuffer(_memory, np.uint8, frames.nbytes, first)
    np.copyto(shared.reshape(frames.shape), frames)
    return frames.shape


def _prepare_worker(memory: Any) -> None:
    """Make a worker start no workers itself; see also :func:`begin_worker`."""
    global _memory
    _memory = memory
    begin_worker()
    os.environ[VARIABLE] = "0"
