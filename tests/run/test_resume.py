"""A run that is killed again and again ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.packaging.repository import ROOT
from tests.run.killing import run
from tests.run.toys import toy_protocol

KILLS = 50
UNITS = 48  # 2 methods x 3 clips x 2 settings x 2 sn x 2 T


def test_killed_at_random_moments(tmp_path: Path) -> None:
    killing = subprocess.run(
        [sys.executable, "-m", "tests.run.killing", str(tmp_path), str(KILLS)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert killing.returncode == 0, killing.stderr
    story = json.loads(killing.stdout)
    assert story["killed"] > KILLS // 4, "the kills came too late to prove anything"
    assert story["changed"] == []  # no finished unit was lost or written again
    assert story["left"] == []  # no half file
    assert story["units"] == UNITS
    assert story["renders"] <= UNITS + story["killed"]  # a kill costs the unit in work, no more

    run(tmp_path / "whole", tmp_path / "log-whole", toy_protocol(tmp_path))
    for name in ("aggregates.json", "pooled.json", "plan.yaml"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    for folder in ("units", "features", "predictions", "exhibits"):
        ours, theirs = (_contents(tmp_path / one / folder) for one in ("killed", "whole"))
        assert ours == theirs
        assert ours


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
