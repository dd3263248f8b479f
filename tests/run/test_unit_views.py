"""Candidate views in the plan: written down, and in no identity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from iper_bench.protocol.trial import Trial
from iper_bench.protocol.trials import build_trials
from iper_bench.protocol.view import View
from iper_bench.run.unit import Unit, trial_content, trial_id
from tests.run.toys import ToyDataset, toy_protocol


def first_trial(folder: Path) -> Trial:
    return build_trials(toy_protocol(folder), ToyDataset())[0]


def test_the_plan_holds_heading_and_bin_of_every_candidate(tmp_path: Path) -> None:
    views = trial_content(first_trial(tmp_path))["views"]
    assert views["angles"] == [0, 45, 90, 135, 180, 225, 270, 315]
    assert views["frames"] == list(range(8))
    assert views["own_bin"] == [True] * 8
    assert views["headings"] == [0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0]


def test_headings_are_written_to_tenths_of_a_degree(tmp_path: Path) -> None:
    """The last digits of a heading differ between machines; the plan's hash must not."""
    trial = first_trial(tmp_path)
    views = [
        replace(view, heading=heading) for view, heading in zip(trial.views, (44.96, 359.97), strict=False)
    ]
    content = trial_content(replace(trial, views=(*views, View(3, None))))
    assert content["views"]["headings"] == [45.0, 0.0, None]


def test_headings_change_neither_unit_nor_trial_ids(tmp_path: Path) -> None:
    trial = first_trial(tmp_path)
    other = replace(trial, views=tuple(replace(view, heading=1.0) for view in trial.views))
    assert trial_id(other) == trial_id(trial)
    missing = replace(trial, views=(View(0, 0, 30.0, False), *trial.views[1:]))
    units = [Unit("m", "i", one, 1, 0, 0, "f", 16) for one in (trial, other, missing)]
    assert len({unit.id for unit in units}) == 1
