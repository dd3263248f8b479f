"""``iper-bench cache``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from iper_bench.cli.main import invoke
from iper_bench.metrics.disk_cache import DiskCache


def test_show_and_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path))
    DiskCache(tmp_path / "features", 10**9).put("ab" * 32, (np.zeros(1000, np.float32),))
    assert invoke(["cache", "show"]) == 0
    shown = capsys.readouterr().out
    assert str(tmp_path / "features") in shown
    assert "4 GB" in shown
    assert invoke(["cache", "clear"]) == 0
    assert "1 entries" in capsys.readouterr().out
    assert not list((tmp_path / "features").rglob("*.safetensors"))
    monkeypatch.setenv("IPER_BENCH_CACHE_GB", "lots")
    assert invoke(["cache", "show"]) == 2
    assert "expected gigabytes" in capsys.readouterr().err
