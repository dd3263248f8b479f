"""Appearance transfer and novel view as runs: what a method is given, what is truth, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from iper_bench.errors import UserError
from iper_bench.methods.method import Sources, Subject
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.schema import Protocol
from iper_bench.report.page import write_report
from iper_bench.run.benchmark import evaluate
from iper_bench.run.clip_scores import Measures
from iper_bench.run.folder_score import ScoreRequest, run_request
from iper_bench.run.opened import open_data
from iper_bench.run.plan import Grid, Plan, make_plan
from iper_bench.run.score import score_with
from iper_bench.run.unit import trial_content, trial_id
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from tests.run.toys import ToyDataset, ToyMethod, ToyScorer, ToySubject, toy_request

COMMON: dict[str, Any] = {"name": "toy", "dataset": "toy", "split": "test", "source_counts": [1, 2, 4, 8]}
TRANSFER = {
    **COMMON,
    "task": "appearance_transfer",
    "background": "reference",
    "rules": {
        "sources": {"frames": [0, 7], "choose": "yaw"},
        "transfer": {"frames": [8, 13], "limit": 3},
    },
}
VIEW = {
    **COMMON,
    "task": "novel_view",
    "source_counts": [1, 2],
    "rules": {"sources": {"frames": [0, 7], "choose": "yaw"}, "views": {"frames": [0, 13]}},
}


@dataclass
class ToyTailor(ToyMethod):
    """A toy that can take people apart."""

    name: str = "tailor"

    def appearance(
        self,
        people: Sequence[Sources],
        parts: Sequence[Sequence[str]],
        *,
        steps: int,
        seed: int,
        selected_flows: bool,
        background: int = 0,
    ) -> Subject:
        self.note("appearance", *(len(one) for one in people), *map(tuple, parts), steps, background)
        key = tuple(int(one.frames.sum()) for one in people)
        return ToySubject(self, key, steps)


def protocol(folder: Path, content: dict[str, Any]) -> Protocol:
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(content))
    return read_protocol(path)


def planned(folder: Path, content: dict[str, Any], method: ToyMethod, sn: tuple[int, ...] = (1, 2)) -> Plan:
    grid = Grid.of(sn, (0, 5), ("self", "cross"), (0,), None)
    data = ToyDataset(people=2, each=2)
    return make_plan({method.name: method}, data, protocol(folder, content), grid, ToyScorer().definitions())


def test_transfer_gives_the_method_both_people_and_compares_with_the_reference(tmp_path: Path) -> None:
    method, data = ToyTailor(), ToyDataset(people=2, each=2)
    request = toy_request(tmp_path / "run", methods=[method.name])
    report = evaluate(request, protocol(tmp_path, TRANSFER), data, {method.name: method}, ToyScorer())
    assert (report.done, report.exit_status) == (4 * 2 * 2, 0)  # 4 clips, 2 sn, 2 T
    asked = [call for call in method.calls if call[0] == "appearance"]
    # one subject for every T: people are taken apart anew; the reference (1) gives body and background
    assert asked == [
        ("appearance", sn, sn, (), ("body",), T, 1) for _ in range(4) for sn in (1, 2) for T in (0, 5)
    ]
    rows = [row for row in read_rows(tmp_path / "run") if row.clip != "*"]
    assert {row.task for row in rows} == {"appearance_transfer"}
    assert {row.trial for row in rows} >= {"transfer:p0/c0<-p0/c1", "transfer:p0/c1<-p0/c0"}
    # the truth is the reference's: the mean difference to its frames
    run = RunFolder.open(tmp_path / "run")
    row = next(row for row in rows if row.metric == "difference" and row.trial == "transfer:p0/c0<-p0/c1")
    ours = run.predictions(row.unit).read(range(3)).astype(np.float64)
    theirs = data.clip("p0/c1").frames([8, 9, 10]).astype(np.float64)
    assert row.value == pytest.approx(float(np.abs(ours - theirs).mean()), rel=1e-12)


def test_a_transfer_is_measured_again_without_its_method(tmp_path: Path) -> None:
    method, data, rules = ToyTailor(), ToyDataset(people=2, each=2), protocol(tmp_path, TRANSFER)
    request = toy_request(tmp_path / "run", methods=[method.name], sn=(1,), steps=(0,))
    evaluate(request, rules, data, {method.name: method}, ToyScorer())
    before, calls = read_rows(tmp_path / "run"), len(method.calls)
    report = score_with(request, rules, data, ToyScorer())
    assert (report.exit_status, report.left) == (0, 0)
    assert read_rows(tmp_path / "run") == before
    assert len(method.calls) == calls


def test_part_groups_are_known_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'toy': take: unknown part group 'boddy'; .* did you mean body"):
        planned(tmp_path, {**TRANSFER, "take": ["boddy"]}, ToyTailor())


def test_report_of_a_transfer_shows_the_clothes(tmp_path: Path) -> None:
    method, data = ToyTailor(), ToyDataset(people=2, each=2)
    request = toy_request(tmp_path / "run", methods=[method.name], sn=(2,), steps=(0,))
    evaluate(request, protocol(tmp_path, TRANSFER), data, {method.name: method}, ToyScorer())
    text = write_report([tmp_path / "run"], tmp_path / "report").markdown.read_text()
    assert "**Appearance transfer**" in text
    assert "Self-imitation" not in text
    exhibits = next((tmp_path / "run" / "exhibits").iterdir())
    assert len(list(exhibits.glob("clothes_*.png"))) == 8  # sources of every sn of the reference


def test_a_method_that_cannot_take_people_apart_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="method 'toy' cannot take people apart") as error:
        planned(tmp_path, TRANSFER, ToyMethod())
    assert "\n" not in str(error.value)


def test_the_reference_is_in_the_units_identity(tmp_path: Path) -> None:
    unit = planned(tmp_path, TRANSFER, ToyTailor()).units[0]
    reference = unit.trial.reference
    assert reference is not None
    changes: list[dict[str, Any]] = [
        {"clip": "p1/c0"},
        {"sources": {**reference.sources, 1: (5,)}},
        {"take": ("upper",)},
        {"background": "source"},
    ]
    others = [
        replace(unit, trial=replace(unit.trial, reference=replace(reference, **change))) for change in changes
    ]
    assert len({unit.id, *(other.id for other in others)}) == 5
    assert len({unit.personalisation, *(other.personalisation for other in others)}) == 5
    # sources of another sn change no frame of this one
    same = replace(reference, sources={**reference.sources, 8: (0,) * 8})
    assert replace(unit, trial=replace(unit.trial, reference=same)).id == unit.id


def test_novel_views_are_the_frames_that_no_list_of_sources_holds(tmp_path: Path) -> None:
    plan = planned(tmp_path, VIEW, ToyMethod())
    trials = {unit.trial.name: unit.trial for unit in plan.units}
    assert sorted(trials) == ["view:p0/c0", "view:p0/c1", "view:p1/c0", "view:p1/c1"]
    for trial in trials.values():
        assert trial.setting == "self"
        # the eight frames of the turn are candidates; what is left acts and faces the camera
        assert trial.target_frames == trial.truth_frames == tuple(range(8, 14))
        assert not set(trial.target_frames) & {frame for one in trial.sources.values() for frame in one}
        assert trial.target_angles == pytest.approx([0.0] * 6, abs=1e-6)
        assert trial_content(trial)["target_angles"] == [0.0] * 6


@pytest.mark.parametrize("content", [TRANSFER, VIEW])
def test_tasks_without_cross_imitation_say_so(tmp_path: Path, content: dict[str, Any]) -> None:
    grid, method = Grid.of((1,), (0,), ("cross",), (0,), None), ToyTailor()
    expected = f"no trial in the setting cross; expected self, the only setting of the task {content['task']}"
    with pytest.raises(UserError, match=expected):
        make_plan({"tailor": method}, ToyDataset(people=2, each=2), protocol(tmp_path, content), grid, {})


def test_angles_do_not_name_a_trial(tmp_path: Path) -> None:
    trial = planned(tmp_path, VIEW, ToyMethod()).trials[0]
    assert trial_id(replace(trial, target_angles=(7.0,))) == trial_id(trial)


LISTED: dict[str, Any] = {
    **COMMON,
    "task": "motion_imitation",
    "source_counts": [1, 2],
    "clips": [
        {
            "video": "p0/c0",
            "sources": {1: [3], 2: [3, 5]},
            "self": {"video": "p0/c0", "frames": [8, 9]},
            "cross": {"video": "p1/c0", "frames": [10, 11], "real": [8, 9]},
            "repaired": {
                "sources.2": {"from": [3, 3], "kind": "repeated_source", "why": "listed twice"},
                "cross.real": {"from": [90, 91], "kind": "real_outside_self_range", "why": "not there"},
            },
        }
    ],
}


def test_as_published_is_another_plan_and_says_which_repairs_still_hold(tmp_path: Path) -> None:
    grid = Grid.of((2,), (0,), ("self", "cross"), (0,), None)
    mended = protocol(tmp_path, LISTED)
    method, data = {"toy": ToyMethod()}, ToyDataset()
    plans = [make_plan(method, data, one, grid, {}) for one in (mended, mended.as_published())]
    assert [plan.trials[0].sources[2] for plan in plans] == [(3, 5), (3, 3)]
    assert len({plan.protocol_hash for plan in plans}) == 2
    held = [sorted(one["field"] for one in plan.document["protocol"]["repairs"]) for plan in plans]
    # the published real set lies beyond the clip: its repair stands
    assert held == [["cross.real", "sources.2"], ["cross.real"]]
    assert plans[1].trials[1].real_frames == (8, 9)
    assert "protocol as published: 1 repairs hold" in plans[1].describe()


def test_the_edition_of_a_run_is_named_and_kept(tmp_path: Path) -> None:
    """``--as-published`` and ``NAME@published`` are one; measuring the run again asks for the same."""
    request = replace(toy_request(tmp_path / "run"), dataset="synthetic", protocol="synthetic-demo")
    for one in (request, replace(request, as_published=True)):
        assert not open_data(one)[0].published  # nothing was mended: there is one edition
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(LISTED))
    for name, asked, published in (("", False, False), ("", True, True), ("@published", False, True)):
        one = replace(request, protocol=f"{tmp_path / 'toy.yaml'}{name}", as_published=asked)
        found = open_data(one)[0]
        assert found.published == published
        grid = Grid.of((2,), (0,), ("self",), (0,), None)
        plan = make_plan({"toy": ToyMethod()}, ToyDataset(), found, grid, {})
        out = tmp_path / f"run{name}{asked}"
        RunFolder.create(out, plan.document)
        again = run_request(ScoreRequest(out, Measures(("offline",)), protocol=str(tmp_path / "toy.yaml")))
        assert again.as_published == published
