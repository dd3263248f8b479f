"""A full or read-only disk, two commands on one folder, files that are gone: one line, nothing lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iper_bench import atomic
from iper_bench.errors import UserError
from iper_bench.run.benchmark import evaluate
from iper_bench.run.request import RunReport
from iper_bench.store import lock
from iper_bench.store.lock import WORKERS_FILE, locked, working
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.storing import StoreError
from tests.run.forked import forked as forked
from tests.run.run_bytes import compared
from tests.run.toys import ToyMethod, ToyOpener, toy_request

UNITS = 6


def go(folder: Path, out: Path, method: ToyMethod | None = None, **changes: Any) -> RunReport:
    """Six units in three personalisations."""
    method = method or ToyMethod()
    request = toy_request(out, methods=[method.name], **{"sn": (1,), "settings": ("self",), **changes})
    opener = ToyOpener(folder, (method,))
    opened = opener(request)
    return evaluate(request, opened.protocol, opened.dataset, opened.methods, opened.scorer, opener=opener)


def full_after(patch: pytest.MonkeyPatch, place: str, count: int) -> None:
    """From the ``count``-th call on the disk is full: where bytes are written, flushed, or renamed."""
    left = [count]

    def wrapped(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **options)

        return call

    target, name = {
        "write": (Path, "write_bytes"),
        "fsync": (atomic.os, "fsync"),
        "rename": (Path, "replace"),
    }[place]
    patch.setattr(target, name, wrapped(getattr(target, name)))


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("place", "count"), [("write", 30), ("fsync", 5), ("rename", 9)])
def test_full_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, count: int, jobs: int
) -> None:
    with monkeypatch.context() as patch:
        full_after(patch, place, count)
        with pytest.raises(StoreError, match="no space left on the disk") as caught:
            go(tmp_path, tmp_path / "run", jobs=jobs)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "run").rglob("*.part"))
    assert not list((tmp_path / "run" / "failures").glob("*"))  # no unit's fault
    before = set(RunFolder.open(tmp_path / "run").unit_ids())
    method = ToyMethod(log=tmp_path / "log")
    report = go(tmp_path, tmp_path / "run", method, jobs=jobs)
    assert (report.kept, report.done) == (len(before), UNITS - len(before))
    renders = [one for one in (tmp_path / "log").read_text().splitlines() if one.startswith("render")]
    assert len(renders) <= UNITS - len(before)
    go(tmp_path, tmp_path / "whole")
    assert compared(tmp_path / "run") == compared(tmp_path / "whole")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 KiB: too little for the run of the toys."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_real_small_disk(tmp_path: Path, small_disk: Path) -> None:
    with pytest.raises(UserError, match="no space left on the disk") as caught:
        go(tmp_path, small_disk / "run")
    assert "\n" not in str(caught.value)
    assert not list(small_disk.rglob("*.part"))
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    report = go(tmp_path, small_disk / "run")
    assert report.exit_status == 0
    go(tmp_path, tmp_path / "whole")
    assert compared(small_disk / "run") == compared(tmp_path / "whole")


def test_a_read_only_disk(tmp_path: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    go(tmp_path, small_disk / "run", steps=(0,))
    before = compared(small_disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for out in ("run", "new"):
        with pytest.raises(UserError, match="no permission to write") as caught:
            go(tmp_path, small_disk / out, steps=(0,))
        assert "\n" not in str(caught.value)
    assert RunFolder.open(small_disk / "run").aggregates()["entries"]  # reading needs no permission to write
    assert compared(small_disk / "run") == before


def test_two_commands_on_one_folder(tmp_path: Path) -> None:
    go(tmp_path, tmp_path / "run", steps=(0,))
    with locked(tmp_path / "run"), pytest.raises(UserError, match="another iper-bench is running in this"):
        go(tmp_path, tmp_path / "run", steps=(0,))
    # the command is gone, a worker of it is not
    with working(tmp_path / "run"):
        with (
            pytest.raises(UserError, match="worker processes of an earlier command") as caught,
            locked(tmp_path / "run", patience=0.2),
        ):
            raise AssertionError("the folder was held although a worker is at work")
        assert "\n" not in str(caught.value)
        lock.clear_worker_locks(tmp_path / "run", patience=0.1)
        assert (tmp_path / "run" / WORKERS_FILE).exists()
    report = go(tmp_path, tmp_path / "run", steps=(0,))
    assert (report.kept, report.done) == (UNITS // 2, 0)


def test_deleted_predictions_of_a_finished_unit_lose_nothing(tmp_path: Path) -> None:
    go(tmp_path, tmp_path / "run")
    wanted = compared(tmp_path / "run")
    unit = RunFolder.open(tmp_path / "run").unit_ids()[2]
    shutil.rmtree(tmp_path / "run" / "predictions" / unit)
    idle = ToyMethod()
    report = go(tmp_path, tmp_path / "run", idle)
    assert (report.kept, report.done, idle.calls) == (UNITS, 0, [])
    frames = RunFolder.open(tmp_path / "run").predictions(unit)
    with pytest.raises(UserError, match=r"no predictions here.*delete units/") as caught:
        frames.read()
    assert "\n" not in str(caught.value)
    # what the line says brings them back
    (tmp_path / "run" / "units" / f"{unit}.json").unlink()
    assert go(tmp_path, tmp_path / "run").done == 1
    assert compared(tmp_path / "run") == wanted


def test_half_a_run_is_told_from_a_whole_one(tmp_path: Path) -> None:
    class Impatient(ToyMethod):
        def note(self, *what: Any) -> None:
            super().note(*what)
            if len(self.calls) == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, tmp_path / "run", Impatient())
    folder = RunFolder.open(tmp_path / "run")
    assert 0 < len(folder.unit_ids()) < UNITS
    with pytest.raises(UserError, match=r"this run has no aggregates yet.*it resumes") as caught:
        folder.aggregates()
    assert "\n" not in str(caught.value)
    assert folder.pooled_rows() == []
