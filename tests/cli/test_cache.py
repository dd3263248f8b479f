"""``iper-bench cache``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import platformdirs
import pytest

from iper_bench.cli.main import invoke
from iper_bench.metrics.disk_cache import DiskCache, default_folder
from iper_bench.metrics.frames import FrameSet
from iper_bench.run.scoring import SuiteScorer


def test_show_and_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path))
    DiskCache(tmp_path / "features", 10**9).put("ab" * 32, (np.zeros(1000, np.float32),))
    assert invoke(["cache", "show"]) == 0
    shown = capsys.readouterr().out
    assert str(tmp_path / "features") in shown
    assert [line.split()[1] for line in shown.splitlines()[1:]] == ["1", "0.000", "4"]
    assert invoke(["cache", "clear"]) == 0
    assert capsys.readouterr().out.startswith("1 entry, 0.000 GB deleted from ")
    assert not list((tmp_path / "features").rglob("*.safetensors"))
    assert invoke(["cache", "clear"]) == 0
    assert capsys.readouterr().out.startswith("0 entries, ")
    monkeypatch.setenv("IPER_BENCH_CACHE_GB", "0")
    assert invoke(["cache", "show"]) == 0
    assert "nothing is kept" in capsys.readouterr().out
    monkeypatch.setenv("IPER_BENCH_CACHE_GB", "lots")
    assert invoke(["cache", "show"]) == 2
    assert "expected gigabytes" in capsys.readouterr().err


@pytest.mark.parametrize(("gigabytes", "kept"), [("", True), ("0.001", True), ("0", False)])
def test_runs_keep_features_unless_that_is_turned_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gigabytes: str, kept: bool
) -> None:
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path))
    monkeypatch.setenv("IPER_BENCH_CACHE_GB", gigabytes)
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    boxes = np.tile(np.array([4.0, 2, 30, 31]), (2, 1))
    scorer = SuiteScorer(["offline"], weights_dir=None, device="cpu", metrics=["Body-CS"])
    scores = scorer.measure(FrameSet([frames], [255 - frames], None, boxes, boxes), "self")
    assert scores.values[0].value is not None
    files = list((tmp_path / "features").rglob("*.safetensors"))
    assert bool(files) == kept
    assert len(files) <= 1e6 / 4096


def test_the_tests_keep_nothing_in_the_users_own_cache() -> None:
    assert not default_folder().is_relative_to(platformdirs.user_cache_dir("iper-bench", appauthor=False))
