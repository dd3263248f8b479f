"""A run that is killed again and again, or meets a full disk, ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.repository import ROOT
from tests.run.killing import JOBS, run
from tests.run.run_bytes import compared

KILLS = 50
UNITS = 48  # 2 methods x 3 clips x 2 settings x 2 sn x 2 T


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The run that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    run(folder / "run", folder / "log", folder)
    return compared(folder / "run")


def story(folder: Path, kills: int, *words: str) -> dict[str, Any]:
    killing = subprocess.run(
        [sys.executable, "-m", "tests.run.killing", str(folder), str(kills), *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert killing.returncode == 0, killing.stderr
    found: dict[str, Any] = json.loads(killing.stdout)
    assert found["changed"] == []  # no finished unit was lost or written again
    assert found["left"] == []  # no half file
    assert (set(found["units"]), found["failed"]) == ({UNITS}, 0)
    return found


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path, whole: dict[str, bytes]) -> None:
    found = story(tmp_path, KILLS)
    assert found["killed"] >= KILLS, "the kills came too late to prove anything"
    # a kill costs the unit in work, no more
    assert found["renders"] <= sum(found["units"]) + found["killed"]
    for name in found["folders"]:
        assert compared(tmp_path / name) == whole


@pytest.mark.slow
def test_workers_and_their_parent_killed_at_random_moments(tmp_path: Path, whole: dict[str, bytes]) -> None:
    found = story(tmp_path, KILLS, "pool")
    assert found["killed"] >= KILLS
    assert found["renders"] <= sum(found["units"]) + JOBS * found["killed"]
    for name in found["folders"]:
        assert compared(tmp_path / name) == whole
        assert not list((tmp_path / name / "failures").glob("*"))


@pytest.mark.slow
def test_a_parent_is_killed_and_the_next_run_waits_for_its_workers(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    found = story(tmp_path, 4, "pool")
    assert found["killed"] >= 4
    for name in found["folders"]:
        assert compared(tmp_path / name) == whole
