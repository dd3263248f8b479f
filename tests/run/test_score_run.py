"""Measuring what is there: frames that ``predict`` made, old runs by further definitions, either form of
frames, and what happens when frames are gone.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.run import score as scoring_again
from iper_bench.run.benchmark import evaluate
from iper_bench.run.request import RunReport
from iper_bench.run.score import score_with
from iper_bench.run.scoring import SuiteScorer
from iper_bench.store.plan_file import definition_hashes, plan_hash, write_plan
from iper_bench.store.prediction_video import PredictionVideo
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.shard import Shard, write_shard
from tests.run.run_bytes import compared
from tests.run.toys import ToyDataset, ToyMethod, ToyScorer, toy_protocol, toy_request

UNITS = 8  # 1 of 3 clips x 2 settings x 2 sn x 2 T


class Bench:
    """One small run, made and measured in several ways."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.method = ToyMethod()

    def run(self, name: str, *, version: int = 1, **changes: Any) -> RunReport:
        request = toy_request(self._folder / name, limit=1, **changes)
        methods: Any = {self.method.name: self.method}
        return evaluate(request, toy_protocol(self._folder), ToyDataset(), methods, ToyScorer(version))

    def score(self, name: str, scorer: ToyScorer | None = None) -> RunReport:
        request = toy_request(self._folder / name, limit=1)
        return score_with(request, toy_protocol(self._folder), ToyDataset(), scorer or ToyScorer())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("kind", ["png", "ffv1"])
def test_predict_and_score_are_run(bench: Bench, tmp_path: Path, kind: str) -> None:
    predicted = bench.run("parts", measure=False, predictions=kind)
    assert (predicted.done, predicted.aggregates) == (UNITS, None)
    folder = RunFolder.open(tmp_path / "parts")
    assert folder.unit_ids() == []
    calls = len(bench.method.calls)
    scored = bench.score("parts")
    assert (scored.done, scored.kept, scored.left) == (UNITS, 0, 0)
    assert len(bench.method.calls) == calls
    bench.run("whole", predictions=kind)
    assert compared(tmp_path / "parts") == compared(tmp_path / "whole")
    unit = folder.unit_ids()[0]
    assert isinstance(folder.predictions(unit), PredictionVideo) == (kind == "ffv1")


def test_frames_kept_in_either_form_give_the_same_numbers(bench: Bench, tmp_path: Path) -> None:
    bench.run("png")
    bench.run("ffv1", predictions="ffv1")
    for name in ("units", "aggregates.json", "pooled.json"):
        first, second = (
            {file: content for file, content in compared(tmp_path / run).items() if file.startswith(name)}
            for run in ("png", "ffv1")
        )
        assert first == second != {}


@pytest.mark.parametrize("kind", ["png", "ffv1"])
def test_an_old_run_gets_further_metrics_without_its_method(bench: Bench, tmp_path: Path, kind: str) -> None:
    bench.run("old", predictions=kind)
    calls = len(bench.method.calls)
    scorer = ToyScorer(version=2)
    assert bench.score("old", scorer).done == scorer.measured == UNITS
    assert len(bench.method.calls) == calls
    bench.run("new", version=2, predictions=kind)
    assert compared(tmp_path / "old") == compared(tmp_path / "new")


def test_interrupted_predictions_are_measured_as_far_as_they_go(bench: Bench, tmp_path: Path) -> None:
    bench.run("run", measure=False)
    gone = sorted((tmp_path / "run" / "predictions").iterdir())[:3]
    for folder in gone:
        shutil.rmtree(folder)
    report = bench.score("run")
    assert (report.done, report.left) == (UNITS - 3, 3)
    assert "3 left alone" in report.summary
    assert not {folder.name for folder in gone} & set(RunFolder.open(tmp_path / "run").unit_ids())


@pytest.mark.parametrize("kind", ["png", "ffv1"])
def test_deleted_or_damaged_predictions_are_one_line_and_lose_nothing(
    bench: Bench, tmp_path: Path, kind: str
) -> None:
    bench.run("run", predictions=kind)
    folder = RunFolder.open(tmp_path / "run")
    first, second = sorted((tmp_path / "run" / "predictions").iterdir())[:2]
    if kind == "png":
        shutil.rmtree(first)
        picture = sorted(second.iterdir())[1]
        picture.write_bytes(picture.read_bytes()[:-20])
    else:
        first.unlink()
        second.write_bytes(second.read_bytes()[:-9])
    before, rows = compared(tmp_path / "run"), read_rows(tmp_path / "run")
    with pytest.raises(UserError, match="predictions of 2 finished units are not there") as error:
        bench.score("run", ToyScorer(version=2))
    line = str(error.value)
    assert "\n" not in line
    assert "predict" in line
    assert str(folder.path / "predictions") in line
    assert compared(tmp_path / "run") == before
    # rows by the same definitions need no frames
    assert (bench.score("run").kept, read_rows(tmp_path / "run")) == (UNITS, rows)


def test_what_the_line_says_brings_them_back(bench: Bench, tmp_path: Path) -> None:
    bench.run("run")
    before = compared(tmp_path / "run")
    shutil.rmtree(sorted((tmp_path / "run" / "predictions").iterdir())[0])
    report = bench.run("run", measure=False)
    assert (report.done, report.kept) == (1, UNITS - 1)
    assert compared(tmp_path / "run") == before
    assert bench.score("run", ToyScorer(version=2)).done == UNITS


def test_a_killed_scoring_goes_on(bench: Bench, tmp_path: Path) -> None:
    class Killed(ToyScorer):
        def measure(self, frames: Any, setting: str) -> Any:
            if self.measured == 3:
                raise KeyboardInterrupt
            return super().measure(frames, setting)

    bench.run("run")
    with pytest.raises(KeyboardInterrupt):
        bench.score("run", Killed(version=2))
    report = bench.score("run", ToyScorer(version=2))
    assert (report.kept, report.done) == (3, UNITS - 3)
    bench.run("new", version=2)
    assert compared(tmp_path / "run") == compared(tmp_path / "new")


def test_a_shard_is_not_measured_on_its_own(bench: Bench, tmp_path: Path) -> None:
    bench.run("part")
    plan = RunFolder.open(tmp_path / "part").plan
    write_shard(tmp_path / "part", Shard(1, 2, plan_hash(plan), ()))
    with pytest.raises(UserError, match="is shard 1/2 of a run"):
        bench.score("part")


@pytest.mark.parametrize("own", [True, False])
def test_a_run_is_measured_by_its_own_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    """Not by the defaults of its profiles, which may be more or fewer than what was typed for the run."""
    planned = SuiteScorer(["offline"], weights_dir=None, device="cpu", metrics=["PSNR"]).definitions()
    (tmp_path / "run").mkdir()
    write_plan(tmp_path / "run", {"profiles": planned})
    used: list[dict[str, str]] = []

    def instead(request: Any, protocol: Any, dataset: Any, scorer: SuiteScorer) -> None:
        used.append(definition_hashes(scorer.definitions()))

    monkeypatch.setattr(scoring_again, "open_data", lambda request: (None, None))
    monkeypatch.setattr(scoring_again, "score_with", instead)
    request = toy_request(tmp_path / "run", profiles=("offline",))
    scoring_again.score(request, own=own)
    assert (used == [definition_hashes(planned)]) == own
