"""The contract: a method that keeps it passes, and every way of breaking it is told in words."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.image_io import encode_png
from iper_bench.errors import UserError
from iper_bench.methods.contract import OK, WARNING, WRONG, Finding, check_method
from iper_bench.methods.contract_case import Case, cases_of
from iper_bench.methods.contract_kinds import check_choice
from iper_bench.methods.method_choice import MethodChoice
from tests.methods.broken_methods import GOOD
from tests.turning_clip import TurningClip

CLIPS = [TurningClip(name=f"clip{k}", side=32, plain=100 + 40 * k) for k in range(3)]
CASES: list[Case] = cases_of(CLIPS, "open-coarse", (0, 4), (1, 3, 5, 6))


def findings(folder: Path, monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str]) -> list[Finding]:
    """Of the good method with some of its text changed."""
    text = GOOD
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / "outsider.py").write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "outsider", raising=False)
    try:
        return check_choice(MethodChoice.parse("python:outsider:Good"), lambda: CASES)
    finally:
        sys.modules.pop("outsider", None)


def test_a_good_method_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(tmp_path, monkeypatch)
    assert len(found) == 10
    assert [one for one in found if one.verdict != OK] == []
    assert found[0].words == "name 'good', trains: true"


RENDER, PAIR, FRAME = "yield shown[None]", "yield wanted, self.p", "frame = self.sources.frames[0]"
FACTS, LEVEL, STEPS = 'name, trains = "good", True', "level(pose)", "sorted(set(steps))"
SHAPE = "frames of the right"


@pytest.mark.parametrize(
    ("before", "after", "item", "words"),
    [
        (FACTS, 'name, trains = "", True', "can be made", "'name' is ''; expected text"),
        (FACTS, 'name, trains = "good", 1', "can be made", "'trains' is 1; expected True"),
        ("    def personalize", "    def personal", "can be made", "Good lacks personalize"),
        ('"good-1"', "str(id(self))", "identity", "two instances have the identities"),
        (RENDER, "yield shown", SHAPE, "a batch is uint8 (32, 32, 3); expected uint8 (B, 32, 32, 3)"),
        (RENDER, "yield shown[None] / 255", SHAPE, "a batch is float64 (1, 32, 32, 3)"),
        (RENDER, "yield shown[None, 1:]", SHAPE, "(1, 31, 32, 3)"),
        (RENDER, "yield [shown]", SHAPE, "a batch is list; expected a numpy array"),
        (RENDER, f"{RENDER}\n            break", SHAPE, "1 frames for 4 targets"),
        ("track.poses:", "track.pose:", SHAPE, "AttributeError: 'BodyTrack' object has no attribute 'pose'"),
        (LEVEL, "np.random.default_rng().integers(256)", "the same frames again", "seed every draw"),
        (FRAME, "self.n = frame = getattr(self, 'n', self.sources.frames[0]) // 2", "twice", "second time"),
        (LEVEL, "level(pose, targets.track.poses.mean(0))", "neighbours", "its own target alone"),
        ("shown = frame.copy()", "shown = frame", "left as", "frames of the sources were changed in place"),
        (RENDER, "pose += 1; yield shown[None]", "left as", "bodies of the targets were changed in place"),
        (STEPS, f"{STEPS}[::-1]", "every T", "asked for T = 0, 1, 2, got T = 2, 1, 0"),
        (PAIR, "yield wanted + 1, self.p", "every T", "got T = 1, 2, 3"),
        (PAIR, "yield self.p", "every T", "'checkpoints' gave Person; expected (T, subject)"),
    ],
)
def test_every_fault_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, item: str, words: str
) -> None:
    wrong = [one for one in findings(tmp_path, monkeypatch, (before, after)) if one.verdict == WRONG]
    told = [one for one in wrong if item in one.item]
    assert told, wrong
    assert words in told[0].words


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            "level(pose)",
            "level(targets.track.betas, pose)",
            "a driver of another shape (betas) changes frames",
        ),
        ("level(pose)", "9", "all targets of a person get the same frame"),
        ("self.sources.frames[0]", "self.sources.frames[0] * 0", "two people get the same frames"),
        ("yield shown[None]", "yield shown[None] * 0", "12 of 12 frames are of one colour"),
    ],
)
def test_what_may_be_meant_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, words: str
) -> None:
    found = findings(tmp_path, monkeypatch, (before, after))
    assert not [one for one in found if one.verdict == WRONG]
    assert words in "; ".join(one.words for one in found if one.verdict == WARNING)


@pytest.mark.parametrize("name", ["copy-source", "nearest-source", "warp"])
def test_our_references_keep_it(name: str) -> None:
    found = check_method(MethodChoice.parse(name).open, CASES)
    assert [one for one in found if one.verdict == WRONG] == []


def test_references_and_folders_are_checked_as_what_they_are(tmp_path: Path) -> None:
    found = check_choice(MethodChoice.parse("truth-jpeg[30]"), lambda: CASES)
    assert {one.verdict for one in found} == {OK}
    (tmp_path / "clip").mkdir()
    for k in range(3):
        picture = encode_png(np.zeros((16, 16 + k // 2, 3), np.uint8))
        (tmp_path / "clip" / f"{k}.png").write_bytes(picture if k != 1 else b"none")
    found = check_choice(MethodChoice.parse(f"folder:{tmp_path}"), lambda: CASES)
    verdicts = {one.item: one for one in found}
    assert verdicts["holds frames"].words == "1 clips"
    assert "1.png" in verdicts["every frame can be read"].words
    assert verdicts["one size per clip"].verdict == WRONG
    with pytest.raises(UserError, match=r"unknown method 'wrap'.*did you mean warp"):
        check_choice(MethodChoice.parse("wrap"), lambda: CASES)
