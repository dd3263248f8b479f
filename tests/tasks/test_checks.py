"""What is looked at first: known overshoots, known visibility."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.tasks.checks import (
    beyond,
    check_sources,
    check_targets,
    extents,
    require_person,
    seen_shares,
    shown_faces,
)
from iper_bench.tasks.notes import Notes
from tests.turning_clip import turning_track

BODY = load_body("open-coarse")
TURN = turning_track(8)


def moved(right: float = 0.0, down: float = 0.0, rows: tuple[int, ...] = (0,)) -> BodyTrack:
    """The body shifted by shares of the frame's side."""
    track = TURN.take(rows)
    shift = 2.0 * np.array([[0.0, right, down]]) / track.cams[:, :1]
    return BodyTrack(track.betas, track.poses, (track.cams + shift).astype(np.float32))


def label(row: int) -> str:
    return f"frame {row}"


def test_empty_mask() -> None:
    masks = np.zeros((2, 4, 4), np.uint8)
    masks[0, 1, 1] = 255
    masks[1] = 1  # a mask of 0 and 1 is a mistake, not a person
    with pytest.raises(UserError, match="frame 1: shows no person: its mask is empty"):
        require_person(masks, label)


def test_extent_moves_with_the_camera() -> None:
    at, right = extents(BODY, moved())[0], extents(BODY, moved(right=0.25))[0]
    np.testing.assert_allclose(right - at, [0.5, 0.0, 0.5, 0.0], atol=1e-5)


def test_known_overshoots() -> None:
    cases = np.array(
        [[-0.5, -0.5, 0.5, 0.5], [-1.2, 0, 0, 0.5], [0, 0, 0.5, 1.6], [1.4, 0, 1.8, 0.5], [0, -3.0, 0, -2.0]]
    )
    found = beyond(cases)
    assert found[0][1:] == (0.0, False)
    assert [(side, round(share, 6), gone) for side, share, gone in found[1:]] == [
        ("left", 0.1, False),
        ("lower", 0.3, False),
        ("right", 0.2, True),
        ("upper", 0.5, True),
    ]


def test_source_wholly_outside_says_how_far() -> None:
    with pytest.raises(UserError, match=r"frame 0: the body lies wholly outside the frame, \d+% of its side"):
        check_sources(BODY, moved(right=1.5), label, Notes())


@pytest.mark.parametrize("right", [30.0, -30.0])
def test_body_that_cannot_be_drawn(right: float) -> None:
    everything = torch.ones(BODY.face_count, dtype=torch.bool)
    both = BodyTrack(TURN.betas, TURN.poses[:2], np.concatenate([moved().cams, moved(right=right).cams]))
    with pytest.raises(UserError, match=r"motion, frame 1: the body reaches 30 frame sides"):
        check_targets(BODY, everything, both, Notes())
    with pytest.raises(UserError, match=r"frame 0: the body reaches 30 frame sides"):
        check_sources(BODY, moved(right=right), label, Notes())


def test_source_that_leaves_is_said_and_inside_is_not() -> None:
    notes = Notes()
    check_sources(BODY, moved(), label, notes)
    assert notes.lines == []
    check_sources(BODY, moved(right=0.5), label, notes)
    assert len(notes.lines) == 1
    assert "beyond its right edge" in notes.lines[0]


def test_own_pose_is_seen_whole_and_the_back_is_not() -> None:
    front = shown_faces(BODY, TURN.take([0]))
    own, behind, back = seen_shares(BODY, front, TURN.take([0, 3, 4]))
    assert own > 0.97  # the coarse raster meets some faces that the fine one missed
    assert 0.0 < behind < 0.5
    assert back == 0.0  # an orthographic camera sees no face from both sides
    both = seen_shares(BODY, shown_faces(BODY, TURN.take([0, 4])), TURN)
    assert min(both) > 0.6


def test_targets_outside_are_named_or_refused() -> None:
    notes, everything = Notes(), torch.ones(BODY.face_count, dtype=torch.bool)
    some = BodyTrack(TURN.betas, TURN.poses[:2], np.concatenate([moved().cams, moved(down=2.0).cams]))
    check_targets(BODY, everything, some, notes)
    assert len(notes.lines) == 1
    assert "wholly outside in frame 1 (1 of 2)" in notes.lines[0]
    with pytest.raises(UserError, match="wholly outside in the only frame"):
        check_targets(BODY, everything, moved(down=2.0), notes)


def test_targets_of_which_nothing_is_shown() -> None:
    nothing = torch.zeros(BODY.face_count, dtype=torch.bool)
    with pytest.raises(UserError, match=r"the sources show nothing of the body in every frame.*--sn"):
        check_targets(BODY, nothing, TURN, Notes())
    notes, front = Notes(), shown_faces(BODY, TURN.take([0]))
    check_targets(BODY, front, TURN.take([0, 3]), notes)
    assert any(
        "less than half of the body is visible in the sources in frame 1" in line for line in notes.lines
    )
    notes, only = Notes(), torch.zeros(BODY.face_count, dtype=torch.bool)
    only[BODY.parts["11_facial_small"]] = True
    check_targets(BODY, only, TURN.take([0, 4]), notes)
    assert any("show nothing of the body in frame 1 (1 of 2)" in line for line in notes.lines)


def test_notes_are_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    notes = Notes()
    notes.say("a")
    notes.say("a")
    assert notes.lines == ["a"]
    assert capsys.readouterr().err == "iper-bench: note: a\n"
