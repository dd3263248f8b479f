"""Prefetching changes when items are made, never which or in what order."""

from __future__ import annotations

import threading

import pytest

from iper_bench.metrics.prefetch import prefetched


def test_items_and_order_stay():
    for depth in (1, 2, 7):
        assert list(prefetched(iter(range(20)), depth)) == list(range(20))
    assert list(prefetched([])) == []


def test_an_error_comes_after_the_items_before_it():
    def broken():
        yield 1
        yield 2
        raise OSError("disk gone")

    stream = prefetched(broken())
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(OSError, match="disk gone"):
        next(stream)


def test_no_more_is_made_than_asked_for_and_the_thread_ends():
    made = []

    def endless():
        number = 0
        while True:
            made.append(number)
            yield number
            number += 1

    stream = prefetched(endless(), 2)
    assert next(stream) == 0
    stream.close()
    assert len(made) <= 5  # the one taken, two waiting, one in hand
    assert not any(thread.name == "prefetch" for thread in threading.enumerate())
