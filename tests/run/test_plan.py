"""Units, their identities, and the plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.methods.method_choice import parse_choices
from iper_bench.run.plan import Grid, Plan, make_plan
from iper_bench.run.unit import ranges, trial_content
from iper_bench.store.plan_file import read_plan, write_plan
from iper_bench.store.planned import planned_units
from tests.run.toys import ToyDataset, ToyMethod, ToyScorer, toy_protocol

SETTINGS = ("self", "cross")


def planned(folder: Path, grid: Grid, *names: str) -> Plan:
    methods = {name: ToyMethod(name) for name in names or ("toy",)}
    return make_plan(methods, ToyDataset(), toy_protocol(folder), grid, ToyScorer().definitions())


def test_ranges() -> None:
    assert ranges((3, 4, 5, 9)) == [[3, 5], [9, 9]]
    assert ranges((5, 4)) == [[5, 5], [4, 4]]
    assert ranges(()) == []
    assert ranges(None) is None


def test_every_part_of_a_unit_is_in_its_id(tmp_path: Path) -> None:
    unit = planned(tmp_path, Grid.of((1, 2), (0,), SETTINGS, (0,), None)).units[0]
    trial = unit.trial
    others = [
        replace(unit, method="other"),
        replace(unit, identity="other"),
        replace(unit, sn=2),
        replace(unit, steps=5),
        replace(unit, seed=1),
        replace(unit, fingerprint="toy-2"),
        replace(unit, image_size=32),
        replace(unit, trial=replace(trial, target_frames=trial.target_frames[:-1])),
        replace(unit, trial=replace(trial, sources={**trial.sources, 1: (1,)})),
        replace(unit, trial=replace(trial, truth_frames=(0,))),
    ]
    assert len({unit.id, *(other.id for other in others)}) == len(others) + 1
    # what does not change a frame does not change the id
    same = replace(unit, trial=replace(trial, sources={**trial.sources, 8: (0,) * 8}, views=()))
    assert same.id == unit.id


def test_personalisations_are_shared_and_steps_rise(tmp_path: Path) -> None:
    plan = planned(tmp_path, Grid.of((2, 1), (10, 0, 5), SETTINGS, (0,), None), "b", "a")
    assert len(plan.units) == 2 * 3 * 2 * 2 * 3
    assert len(plan.groups()) == 2 * 3 * 2
    for group in plan.groups():
        assert len({(unit.method, unit.trial.source_clip, unit.sn) for unit in group}) == 1
        assert [unit.steps for unit in group] == sorted(unit.steps for unit in group)
    assert len({unit.id for unit in plan.units}) == len(plan.units)


def test_equal_requests_in_another_order_are_one_plan(tmp_path: Path) -> None:
    first = planned(tmp_path, Grid.of((1, 2), (0, 5), SETTINGS, (0,), None), "a", "b")
    second = planned(tmp_path, Grid.of((2, 1, 1), (5, 0), SETTINGS[::-1], (0,), None), "b", "a")
    assert first.hash == second.hash
    assert first.units == second.units


def test_the_description_names_everything(tmp_path: Path) -> None:
    text = planned(tmp_path, Grid.of((1, 2), (0, 5), SETTINGS, (4,), None)).describe()
    for words in ("toy-1", "toy-imitation", "self: 3 trials, cross: 3 trials", "sn 1, 2", "T 0, 5", "seed 4"):
        assert words in text
    assert "24 units in 6 personalisations, 120 frames to predict" in text
    assert "... and 12 more" in text


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (((), (0,), SETTINGS, (0,), None), "--sn"),
        (((0,), (0,), SETTINGS, (0,), None), "--sn: found \\[0\\]"),
        (((1,), (-1,), SETTINGS, (0,), None), "--steps"),
        (((1,), (0,), ("sefl",), (0,), None), "did you mean self"),
        (((1,), (0,), (), (0,), None), "--settings"),
        (((1,), (0,), SETTINGS, (-1,), None), "--seeds"),
        (((1,), (0,), SETTINGS, (0,), 0), "--limit"),
        (((3,), (0,), SETTINGS, (0,), None), "no sources for sn=3"),
    ],
)
def test_impossible_grids(tmp_path: Path, grid: tuple, words: str) -> None:
    with pytest.raises(UserError, match=words):
        planned(tmp_path, Grid.of(*grid))


def test_seeds_are_units_of_their_own(tmp_path: Path) -> None:
    plan = planned(tmp_path, Grid.of((1,), (0, 5), ("self",), (7, 0, 7), None))
    assert plan.document["seeds"] == [0, 7]
    assert {unit.seed for unit in plan.units} == {0, 7}
    assert len(plan.units) == 3 * 2 * 2
    assert all(len({unit.seed for unit in group}) == 1 for group in plan.groups())
    assert [unit.name.endswith("seed=7") for unit in plan.units] == [unit.seed == 7 for unit in plan.units]


def test_what_does_not_train_has_one_seed(tmp_path: Path) -> None:
    still = ToyMethod("still")
    still.trains = False
    grid = Grid.of((1,), (0, 5), ("self",), (3, 4), None)
    plan = make_plan({"still": still}, ToyDataset(), toy_protocol(tmp_path), grid, {})
    assert {(unit.seed, unit.steps) for unit in plan.units} == {(3, 0)}


@pytest.mark.parametrize("references", [(), ("truth-shift[1]", "other-person")])
def test_the_plan_file_alone_tells_the_units(tmp_path: Path, references: tuple[str, ...]) -> None:
    choices = parse_choices(["warp"], references)
    methods = {"toy": ToyMethod("toy"), **{choice.label: choice.open_any() for choice in choices}}
    grid = Grid.of((1, 2), (0, 5), SETTINGS, (0, 1), None)
    plan = make_plan(methods, ToyDataset(), toy_protocol(tmp_path), grid, ToyScorer().definitions())
    write_plan(tmp_path, plan.document)
    told = {unit.id: unit for unit in planned_units(read_plan(tmp_path))}
    assert set(told) == {unit.id for unit in plan.units}
    for unit in plan.units:
        head = unit.head()
        one = told[unit.id]
        assert (one.name, one.frames, one.trial_id) == (unit.name, unit.frame_count, head["trial_id"])
        assert (one.task, one.protocol) == (unit.trial.task, unit.trial.protocol)
        for field in ("method", "trial", "setting", "source_clip", "target_clip", "sn", "steps", "seed"):
            assert getattr(one, field) == head[field]


def test_the_id_is_the_hash_of_what_it_says(tmp_path: Path) -> None:
    unit = planned(tmp_path, Grid.of((2,), (5,), SETTINGS, (3,), None)).units[0]
    trial = trial_content(unit.trial)
    trial["sources"] = list(unit.trial.sources[2])
    del trial["views"], trial["views_known"]
    told = {
        "method": ["toy", unit.identity],
        "trial": trial,
        **{"sn": 2, "steps": 5, "seed": 3, "dataset": "toy-1", "image_size": unit.image_size},
    }
    assert unit.id == content_hash(told)


def test_cross_imitation_of_one_person(tmp_path: Path) -> None:
    grid = Grid.of((1,), (0,), ("cross",), (0,), None)
    with pytest.raises(UserError, match="no trial in the setting cross"):
        make_plan({"toy": ToyMethod()}, ToyDataset(people=1), toy_protocol(tmp_path), grid, {})
