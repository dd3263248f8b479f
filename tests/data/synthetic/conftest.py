"""A tiny dataset whose cache lies in the test's own folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticDataset

TINY = SyntheticConfig(
    size=48, train_actors=2, test_actors=1, outfits=1, outfit_actors=1, turn_frames=8, action_frames=10
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder."""
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("IPER_BENCH_DATA", raising=False)
    return tmp_path / "home"


@pytest.fixture
def tiny(home: Path) -> SyntheticDataset:
    """A dataset of four clips of 18 frames of 48 px."""
    return SyntheticDataset(TINY)
