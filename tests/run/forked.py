"""Workers that need not import torch again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from iper_bench.run.executors import pool


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Workers are forked. One thread: the threads that OpenMP has in this process are not there in a fork,
    which would wait for them for ever.
    """
    monkeypatch.setattr(pool, "START_METHOD", "fork")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
