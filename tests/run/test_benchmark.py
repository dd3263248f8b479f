"""Runs over toys: what is done, what is repeated, what is refused."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iper_bench import atomic
from iper_bench.errors import UserError
from iper_bench.run.benchmark import evaluate, run_benchmark
from iper_bench.run.request import UNITS_FAILED, RunReport, RunRequest
from iper_bench.run.score import score_with
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from tests.run.toys import ACT, ToyDataset, ToyMethod, ToyScorer, toy_protocol, toy_request

UNITS = 24  # 3 clips x 2 settings x 2 sn x 2 T


@pytest.fixture
def go(tmp_path: Path) -> Any:
    """Run the toys; keyword arguments change the request."""
    protocol = toy_protocol(tmp_path)

    def start(
        method: ToyMethod, scorer: ToyScorer | None = None, *, out: str = "run", **changes: Any
    ) -> RunReport:
        request = toy_request(tmp_path / out, methods=[method.name], **changes)
        return evaluate(request, protocol, ToyDataset(), {method.name: method}, scorer or ToyScorer())

    return start


def test_whole_run(go: Any, tmp_path: Path) -> None:
    method = ToyMethod()
    report = go(method)
    assert (report.total, report.done, report.kept, report.exit_status) == (UNITS, UNITS, 0, 0)
    # one personalisation per clip and sn serves both T and both settings
    assert [call for call in method.calls if call[0] == "personalise"] == [
        ("personalise", sn, (0, 5)) for _ in range(3) for sn in (1, 2)
    ]
    rows = read_rows(tmp_path / "run")
    pooled = [row for row in rows if row.clip == "*"]
    assert len(rows) == UNITS + len(pooled)
    assert {(row.sn, row.steps, row.setting) for row in pooled} == {
        (sn, steps, "cross") for sn in (1, 2) for steps in (0, 5)
    }
    entry = next(
        e
        for e in RunFolder.open(tmp_path / "run").aggregates()["entries"]
        if (e["setting"], e["sn"], e["steps"]) == ("self", 2, 5)
    )
    mine = [row for row in rows if (row.setting, row.sn, row.steps) == ("self", 2, 5)]
    assert entry["mean"] == pytest.approx(sum(row.value for row in mine) / 3, rel=1e-12)
    assert (entry["clips"], entry["clips_total"], entry["frames"]) == (3, 3, 3 * ACT)
    assert entry["low"] <= entry["mean"] <= entry["high"]


def test_second_time_repeats_nothing(go: Any, tmp_path: Path) -> None:
    first = go(ToyMethod())
    before = first.aggregates.read_bytes()
    method, scorer = ToyMethod(), ToyScorer()
    second = go(method, scorer)
    assert (second.done, second.kept) == (0, UNITS)
    assert method.calls == []
    assert scorer.measured == 0
    assert second.aggregates.read_bytes() == before


def test_order_of_the_request_does_not_matter(go: Any) -> None:
    go(ToyMethod())
    again = go(ToyMethod(), sn=(2, 1, 2), steps=(5, 0), settings=("cross", "self"))
    assert again.kept == UNITS


def test_without_predictions_the_numbers_are_the_same(go: Any, tmp_path: Path) -> None:
    kept, dropped = go(ToyMethod()), go(ToyMethod(), out="other", predictions="none")
    assert kept.aggregates.read_bytes() == dropped.aggregates.read_bytes()
    assert not (tmp_path / "other" / "predictions").exists()


def test_a_method_that_does_not_train_is_evaluated_once(go: Any) -> None:
    method = ToyMethod(trains=False)
    report = go(method, steps=(5, 10))
    assert report.total == UNITS // 2
    assert {call[2] for call in method.calls if call[0] == "personalise"} == {(0,)}


def test_failed_units_are_recorded_and_the_others_go_on(go: Any, tmp_path: Path) -> None:
    report = go(ToyMethod(fails_at=(5,)))
    assert (report.done, len(report.failures), report.exit_status) == (UNITS // 2, UNITS // 2, UNITS_FAILED)
    assert {failure.reason for failure in report.failures} == {"RuntimeError: cannot render at T=5"}
    assert "12 failed (the first: RuntimeError: cannot render at T=5; all reasons in" in report.summary
    units = RunFolder.open(tmp_path / "run").aggregates()["units"]
    assert (units["done"], len(units["failed"])) == (UNITS // 2, UNITS // 2)
    # on record: not tried again unless asked to
    idle = ToyMethod()
    assert len(go(idle).failures) == UNITS // 2
    assert idle.calls == []
    mended = go(ToyMethod(), retry_failed=True)
    assert (mended.kept, mended.done, mended.exit_status) == (UNITS // 2, UNITS // 2, 0)
    assert not list((tmp_path / "run" / "failures").glob("*.json"))
    assert mended.aggregates.read_bytes() == go(ToyMethod(), out="whole").aggregates.read_bytes()


def test_a_personalisation_that_breaks_fails_what_comes_after_it(go: Any) -> None:
    report = go(ToyMethod(breaks_after=0))
    assert report.done == UNITS // 2
    assert {failure.reason for failure in report.failures} == {"ValueError: diverged"}


def test_wrong_frames_are_a_failure(go: Any) -> None:
    class Short(ToyMethod):
        def checkpoints(self, sources, *, steps, seed):  # type: ignore[no-untyped-def]
            class Subject:
                def render(self, targets):  # type: ignore[no-untyped-def]
                    yield sources.frames[:1]

            yield from ((step, Subject()) for step in steps)

    report = go(Short(), settings=("self",), sn=(1,), steps=(0,))
    assert report.done == 0
    assert report.failures[0].reason == f"ValueError: toy gave 1 frames; expected {ACT}"


def test_missing_clips_show_in_the_coverage(go: Any, tmp_path: Path) -> None:
    class Picky(ToyMethod):
        def checkpoints(self, sources, *, steps, seed):  # type: ignore[no-untyped-def]
            self.note("asked")
            if len(self.calls) == 1:
                raise UserError("will not do this one")
            yield from super().checkpoints(sources, steps=steps, seed=seed)

    go(Picky(), sn=(1,), steps=(0,))
    entries = RunFolder.open(tmp_path / "run").aggregates()["entries"]
    difference = next(e for e in entries if e["metric"] == "difference")
    assert (difference["clips"], difference["clips_total"]) == (2, 3)
    pooled = next(e for e in entries if e["pooled"])
    assert pooled["reason"] == "1 of 3 units are missing"


def test_another_plan_is_refused(go: Any, tmp_path: Path) -> None:
    go(ToyMethod(), sn=(1,), steps=(0,))
    for changes, place in (
        ({"sn": (2,), "steps": (0,)}, "sn is [1] there and [2] here"),
        ({"sn": (1,), "steps": (0,), "seeds": (3,)}, "seeds is [0] there and [3] here"),
    ):
        with pytest.raises(UserError, match="holds another plan") as caught:
            go(ToyMethod(), **changes)
        line = str(caught.value)
        assert "\n" not in line
        assert place in line
        assert f"--out {tmp_path / 'run'}-2" in line
    with pytest.raises(UserError, match=r"profiles\.toy differs"):
        go(ToyMethod(), ToyScorer(version=2), sn=(1,), steps=(0,))


def test_a_folder_with_other_files_is_refused(go: Any, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("dear")
    with pytest.raises(UserError, match="other files"):
        go(ToyMethod())
    (tmp_path / "file").write_text("dear")
    with pytest.raises(UserError, match="is a file"):
        go(ToyMethod(), out="file")


def test_dry_run_writes_nothing(go: Any, tmp_path: Path) -> None:
    method = ToyMethod()
    report = go(method, dry_run=True)
    assert report.total == UNITS
    assert f"{UNITS} units in 6 personalisations" in report.description
    assert not (tmp_path / "run").exists()
    assert method.calls == []


@pytest.mark.parametrize("writes", [0, 1, 2, 9, 40])
def test_full_disk_ends_the_run_and_can_be_resumed(
    go: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    flush, put, left = os.fsync, Path.write_bytes, [writes]

    def full(real: Callable[..., Any], *arguments: Any) -> Any:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", lambda handle: full(flush, handle))
        patch.setattr(Path, "write_bytes", lambda path, content: full(put, path, content))
        with pytest.raises(UserError, match="no space left on the disk") as caught:
            go(ToyMethod(), sn=(1,), steps=(0,))
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "run").rglob("*.part"))
    assert not list((tmp_path / "run").glob("failures/*"))  # a full disk is no unit's fault
    resumed, whole = go(ToyMethod(), sn=(1,), steps=(0,)), go(ToyMethod(), out="whole", sn=(1,), steps=(0,))
    assert resumed.aggregates.read_bytes() == whole.aggregates.read_bytes()


def test_folder_without_permission(go: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(ToyMethod(), sn=(1,))

    def refused(*arguments: Any, **options: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    # by the system's answer, since tests may run as a user whom no mode stops
    monkeypatch.setattr(atomic.tempfile, "mkstemp", refused)
    for out in ("run", "new"):
        with pytest.raises(UserError, match="no permission to write") as caught:
            go(ToyMethod(), out=out, sn=(1,))
        assert "\n" not in str(caught.value)


def test_interrupt_passes_through_and_can_be_resumed(go: Any) -> None:
    class Impatient(ToyMethod):
        def note(self, *what: Any) -> None:
            super().note(*what)
            if len(self.calls) == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(Impatient(), sn=(1,))
    resumed = go(ToyMethod(), sn=(1,))
    assert 0 < resumed.kept < UNITS // 2
    assert resumed.aggregates.read_bytes() == go(ToyMethod(), out="whole", sn=(1,)).aggregates.read_bytes()


def test_damaged_files_are_done_again(go: Any, tmp_path: Path) -> None:
    before = go(ToyMethod()).aggregates.read_bytes()
    folder = tmp_path / "run"
    unit = sorted((folder / "units").glob("*.json"))[3]
    unit.write_text(unit.read_text()[:100])
    method = ToyMethod()
    assert go(method).done == 1
    assert method.calls == []  # measured again from its predictions
    unit.unlink()
    (folder / "predictions" / unit.stem / "00001.png").write_bytes(b"\x89PNG")
    method = ToyMethod()
    assert go(method).done == 1
    assert [call[0] for call in method.calls] == ["personalise", "render"]
    (folder / "aggregates.json").unlink()
    assert go(ToyMethod()).aggregates.read_bytes() == before


def test_two_labels_of_one_method(tmp_path: Path) -> None:
    """Labels keep apart what is called the same; equal methods give equal numbers under both."""
    request = toy_request(tmp_path / "run", methods=["old=toy@a.st", "new=toy@b.st"], sn=(1,))
    methods = {"old": ToyMethod(), "new": ToyMethod()}
    protocol = toy_protocol(tmp_path)
    evaluate(request, protocol, ToyDataset(), methods, ToyScorer())
    rows = read_rows(tmp_path / "run")
    found = {
        label: [(row.trial, row.steps, row.metric, row.value) for row in rows if row.method == label]
        for label in methods
    }
    assert found["old"] == found["new"] != []
    assert score_with(request, protocol, ToyDataset(), ToyScorer(version=2)).done == UNITS


def test_scoring_again_runs_no_method(go: Any, tmp_path: Path) -> None:
    go(ToyMethod())
    request = toy_request(tmp_path / "run")
    scorer = ToyScorer(version=2)
    report = score_with(request, toy_protocol(tmp_path), ToyDataset(), scorer)
    assert (report.done, report.kept, scorer.measured) == (UNITS, 0, UNITS)
    rows = read_rows(tmp_path / "run")
    assert {row.definition for row in rows} == {"difference-2", "colour-2", "distance-2"}
    fresh = go(ToyMethod(), ToyScorer(version=2), out="fresh")
    assert report.aggregates is not None
    assert report.aggregates.read_bytes() == fresh.aggregates.read_bytes()


def test_scoring_again_needs_predictions_and_the_same_plan(go: Any, tmp_path: Path) -> None:
    protocol = toy_protocol(tmp_path)
    before = go(ToyMethod(), predictions="none").aggregates.read_bytes()
    with pytest.raises(UserError, match="predictions of 24 finished units are not there"):
        score_with(toy_request(tmp_path / "run"), protocol, ToyDataset(), ToyScorer(version=2))
    with pytest.raises(UserError, match=r"seeds is \[0\] there"):
        score_with(toy_request(tmp_path / "run", seeds=(1,)), protocol, ToyDataset(), ToyScorer(version=2))
    others = toy_request(tmp_path / "run", methods=["toy", "other"])
    with pytest.raises(UserError, match="methods differ in other"):
        score_with(others, protocol, ToyDataset(), ToyScorer(version=2))
    assert (tmp_path / "run" / "aggregates.json").read_bytes() == before


def test_two_processes_on_one_folder(go: Any, tmp_path: Path) -> None:
    go(ToyMethod())
    with RunFolder.open(tmp_path / "run").locked(), pytest.raises(UserError, match="another iper-bench"):
        go(ToyMethod())


def test_environment_and_exhibits(go: Any, tmp_path: Path) -> None:
    go(ToyMethod())
    go(ToyMethod())
    environments = json.loads((tmp_path / "run" / "env.json").read_text())["environments"]
    assert len(environments) == 1
    assert environments[0]["packages"]["torch"]
    folder = RunFolder.open(tmp_path / "run")
    for identity, trial in folder.plan["trials"].items():
        exhibit = folder.exhibit(identity)
        assert exhibit.complete()
        assert len(exhibit.files("source")) == 8
        assert sorted(exhibit.read("reference")) == list(range(6 if trial["setting"] == "self" else 4))
        assert bool(exhibit.files("truth")) == (trial["setting"] == "self")


def test_unknown_names_are_one_line_before_anything_is_written(tmp_path: Path) -> None:
    known = {"methods": ["copy-source"], "dataset": "synthetic", "out": tmp_path / "run"}
    for wrong, message in (
        ({"dataset": "syntetic"}, "unknown dataset 'syntetic'.*did you mean synthetic"),
        ({"protocol": "synthetic-imitaton"}, "unknown protocol.*did you mean synthetic-imitation"),
    ):
        with pytest.raises(UserError, match=message):
            run_benchmark(RunRequest(**{**known, **wrong}))
    assert not (tmp_path / "run").exists()
