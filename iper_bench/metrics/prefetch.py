"""``prefetched``: the next batches are decoded while the networks are busy with the present one."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")

DEPTH = 2  # batches waiting; more only costs memory when the networks are the slower side
_POLL = 0.1  # seconds between looks at whether the reader has gone away


class _End:
    """The stream ended, by itself or by an error."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetched(stream: Iterable[T], depth: int = DEPTH) -> Iterator[T]:
    """The items of ``stream`` in their order, produced by another thread up to ``depth`` ahead.

    An error of the stream is raised here, after the items before it. The thread ends when the iterator is
    closed.
    """
    waiting: Queue[T | _End] = Queue(maxsize=depth)
    closed = threading.Event()

    def put(item: T | _End) -> bool:
        while not closed.is_set():
            try:
                waiting.put(item, timeout=_POLL)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in stream:
                if not put(item):
                    return
        except BaseException as raised:
            error = raised
        put(_End(error))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        closed.set()
        thread.join()
