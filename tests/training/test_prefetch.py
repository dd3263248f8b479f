"""Batches ahead of time: the same batches in the same order, and errors in their turn."""

from __future__ import annotations

import threading
import time

import pytest

from iper_bench.training.prefetch import prefetched


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_order_and_content_do_not_depend_on_the_workers(workers: int) -> None:
    def draw(step: int) -> int:
        time.sleep(0.01 * ((7 * step) % 3))
        return step * step

    assert list(prefetched(draw, range(3, 9), workers)) == [9, 16, 25, 36, 49, 64]
    assert list(prefetched(draw, range(0), workers)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_error_comes_in_its_turn(workers: int) -> None:
    def draw(step: int) -> int:
        if step == 2:
            raise KeyboardInterrupt
        return step

    coming = prefetched(draw, range(5), workers)
    assert [next(coming), next(coming)] == [0, 1]
    with pytest.raises(KeyboardInterrupt):
        next(coming)


def test_closing_stops_the_threads() -> None:
    drawn = []
    coming = prefetched(lambda step: drawn.append(step), range(1000), 2)
    next(coming)
    coming.close()
    assert len(drawn) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]
