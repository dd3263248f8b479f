"""Checkpoint policy: what stays, what goes, and that nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from iper_bench.errors import UserError
from iper_bench.training.keep import KEPT_FILE, Keeper, KeepPolicy


def weights(folder: Path) -> list[int]:
    return sorted(int(path.stem.rpartition("-")[2]) for path in folder.glob("weights-step-*.safetensors"))


def keeper(folder: Path, step: int = 0, **policy: object) -> Keeper:
    return Keeper(folder, KeepPolicy(**policy), lambda path: path.write_text("w"), step)  # type: ignore[arg-type]


def test_every_third_the_newest_two(tmp_path: Path) -> None:
    mine = tmp_path / "weights-step-1.safetensors"
    mine.write_text("somebody else's")
    keep = keeper(tmp_path, every=3, newest=2)
    for step in range(1, 14):
        keep.after_step(step)
    assert weights(tmp_path) == [1, 9, 12]
    assert mine.read_text() == "somebody else's"


def test_best_stays_beside_the_newest(tmp_path: Path) -> None:
    keep = keeper(tmp_path, every=2, newest=1, best=True)
    for step, score in ((1, 10.0), (2, 20.0), (3, float("nan")), (4, 15.0), (5, 19.0), (6, 12.0)):
        keep.after_step(step, score)
    assert weights(tmp_path) == [2, 6]
    keep.after_step(7, 25.0)
    assert weights(tmp_path) == [6, 7]
    keep.after_step(8, float("inf"))
    keep.after_step(9, float("inf"))
    assert weights(tmp_path) == [8]


def test_all_stay_without_a_bound_and_none_without_a_policy(tmp_path: Path) -> None:
    for step in range(1, 7):
        keeper(tmp_path, step).after_step(step, 1.0)
    assert not list(tmp_path.iterdir())
    keep = keeper(tmp_path, every=2)
    for step in range(1, 7):
        keep.after_step(step)
    assert weights(tmp_path) == [2, 4, 6]


def test_resume_goes_on_with_the_same_list(tmp_path: Path) -> None:
    """Killed after step 5, resumed from the state of step 3: equals the uninterrupted run."""
    scores = {1: 5.0, 2: 9.0, 3: 8.0, 4: 11.0, 5: 7.0, 6: 10.0}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    keep = keeper(whole, every=3, best=True)
    for step in range(1, 7):
        keep.after_step(step, scores[step])
    keep = keeper(cut, every=3, best=True)
    for step in range(1, 6):
        keep.after_step(step, scores[step])
    keep = keeper(cut, 3, every=3, best=True)
    assert [one.step for one in keep.kept] == [3]
    for step in range(4, 7):
        keep.after_step(step, scores[step])
    assert weights(cut) == weights(whole) == [3, 4, 6]
    assert (cut / KEPT_FILE).read_text() == (whole / KEPT_FILE).read_text()


def test_bad_policy_and_damaged_list_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="numbers from 0"):
        KeepPolicy(every=-1)
    (tmp_path / KEPT_FILE).write_text('{"kept": 3}')
    with pytest.raises(UserError, match="list of kept weights cannot be read"):
        keeper(tmp_path)
