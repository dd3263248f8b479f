"""Batches made ahead of time by threads, in order.

A batch is a function of its step alone, so who makes it and when changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def prefetched(draw: Callable[[int], T], steps: Iterable[int], workers: int) -> Generator[T, None, None]:
    """``draw(step)`` of every step in order; ``workers`` threads make the next ``workers + 1`` meanwhile, 0 =
    each one when it is asked for.

    An exception of a draw is raised when its step's turn comes. Close the iterator to stop early.
    """
    if workers == 0:
        yield from map(draw, steps)
        return
    coming = iter(steps)
    executor = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    waiting: deque[Future[T]] = deque()
    try:
        waiting.extend(executor.submit(draw, step) for step in islice(coming, workers + 1))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(executor.submit(draw, step) for step in islice(coming, 1))
            yield made
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
