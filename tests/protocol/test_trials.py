"""From protocol and dataset to trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.resolution import spread_over_subjects
from iper_bench.protocol.schema import Protocol
from iper_bench.protocol.trials import build_trials
from iper_bench.protocol.view import View
from tests.protocol.test_reading import LISTED, RULED, changed, write
from tests.run.toys import PROTOCOL, ToyDataset, upright


@pytest.fixture
def protocol(tmp_path: Path) -> Protocol:
    return read_protocol(write(tmp_path, PROTOCOL))


def listed(folder: Path, path: str = "dataset", value: Any = "toy") -> Protocol:
    """A listed protocol over two toy clips, with one value changed."""
    entry = {
        "video": "p0/c0",
        "sources": {1: [3], 2: [3, 5]},
        "self": {"video": "p0/c0", "frames": [8, 9]},
        "cross": {"video": "p1/c0", "frames": [10, 11], "real": [8, 9]},
    }
    content = {**LISTED, "dataset": "toy", "clips": [entry]}
    return read_protocol(write(folder, changed(content, path, value)))


def test_rules_become_trials(protocol: Protocol) -> None:
    trials = build_trials(protocol, ToyDataset(people=3, each=2))
    assert [trial.setting for trial in trials] == ["self"] * 6 + ["cross"] * 6
    first, last = trials[0], trials[-1]
    assert first.name == "self:p0/c0"
    assert first.target_frames == first.truth_frames == tuple(range(8, 14))
    assert first.real_frames is None
    # one full turn in eight frames: candidate k is frame k
    assert first.sources == {1: (0,), 2: (0, 4), 4: (0, 2, 4, 6), 8: tuple(range(8))}
    assert first.views_known
    assert [(view.angle, view.frame) for view in first.views] == [(45 * k, k) for k in range(8)]
    assert first.views == next(t for t in trials if t.setting == "cross").views
    assert last.name == "cross:p2/c1<-p0/c0"  # the next clip, cyclic
    assert last.truth_frames is None
    assert last.target_frames == last.real_frames == (8, 9, 10, 11)  # limit 4


def test_the_driver_is_always_somebody_else(protocol: Protocol) -> None:
    dataset = ToyDataset(people=2, each=3)
    for trial in build_trials(protocol, dataset):
        same = dataset.clip(trial.source_clip).subject == dataset.clip(trial.target_clip).subject
        assert same == (trial.setting == "self")
    assert {trial.setting for trial in build_trials(protocol, ToyDataset(people=1, each=3))} == {"self"}


def test_sources_are_nested(protocol: Protocol) -> None:
    for trial in build_trials(protocol, ToyDataset()):
        for few, many in ((1, 2), (2, 4), (4, 8)):
            assert set(trial.sources[few]) <= set(trial.sources[many])


def test_limit_takes_the_first_clips_and_keeps_their_trials(protocol: Protocol) -> None:
    dataset = ToyDataset()
    whole = {trial.name: trial for trial in build_trials(protocol, dataset)}
    limited = build_trials(protocol, dataset, limit=1)
    assert [trial.name for trial in limited] == ["self:p0/c0", "cross:p0/c0<-p1/c0"]
    assert all(whole[trial.name] == trial for trial in limited)


def test_few_clips_still_show_many_people() -> None:
    clips = ToyDataset(people=3, each=3).clips("test")
    names = [clip.name for clip in spread_over_subjects(clips, 4)]
    assert names == ["p0/c0", "p0/c1", "p1/c0", "p2/c0"]
    assert spread_over_subjects(clips, None) == spread_over_subjects(clips, 99) == list(clips)


def test_listed_clips_become_trials(tmp_path: Path) -> None:
    own, other = build_trials(listed(tmp_path), ToyDataset())
    assert (own.sources, own.truth_frames) == ({1: (3,), 2: (3, 5)}, (8, 9))
    assert (other.target_clip, other.target_frames, other.real_frames) == ("p1/c0", (10, 11), (8, 9))


def test_a_clip_that_lacks_a_view_says_so(tmp_path: Path) -> None:
    """Frames 2 to 10 turn without ever facing 90 degrees; only the first person's clip does."""
    dataset = ToyDataset()
    headings = [2.0, 40.0, 137.0, 185.0, 224.0, 272.0, 310.0, 24.0, 60.0]
    for frame, heading in enumerate(headings, start=2):
        dataset.clip("p0/c0").track.poses[frame, :3] = upright(heading)
    protocol = read_protocol(write(tmp_path, PROTOCOL.replace("[0, 7], choose", "[2, 10], choose")))
    trials = {trial.name: trial for trial in build_trials(protocol, dataset)}
    for name in ("self:p0/c0", "cross:p0/c0<-p1/c0"):
        odd = trials[name].views[2]
        assert (odd.angle, odd.frame, odd.own_bin) == (90, 10, False)
        assert odd.heading == pytest.approx(60.0, abs=1e-4)  # float32 poses
        assert not trials[name].views_known
        assert "90: 10 (60.0, not its bin)" in trials[name].views_text
        assert trials[name].sources[4] == (2, 10, 5, 7)
        assert trials[name].views_text.count("not its bin") == 1


def test_views_of_listed_clips(tmp_path: Path) -> None:
    """Labelled candidates are believed, unlabelled and absent ones unknown; the hash holds what was read."""
    trial = build_trials(listed(tmp_path), ToyDataset())[0]
    assert (trial.views, trial.views_known, trial.views_text) == ((), False, "views unknown")
    entry = {"video": "p0/c0", "candidates": [3, 5], "sources": {1: [3], 2: [3, 5]}}
    entry |= {"self": {"video": "p0/c0", "frames": [8, 9]}}
    trial = build_trials(listed(tmp_path, "clips", [entry]), ToyDataset())[0]
    assert trial.views == (View(3, None), View(5, None))
    assert not trial.views_known
    labelled = listed(tmp_path, "clips", [{**entry, "view_angles": [0, 180]}])
    trial = build_trials(labelled, ToyDataset())[0]
    assert trial.views == (View(3, 0), View(5, 180))
    assert trial.views_known
    assert {"headings", "own_bin"}.isdisjoint(labelled.content()["clips"][0])


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("dataset", "iPER", "is for dataset 'iPER', not for 'toy'"),
        ("clips.0.video", "p0/c1", "did you mean p0/c0"),
        ("clips.0.self", {"video": "p1/c0", "frames": [8, 9]}, "a clip drives itself"),
        ("clips.0.self", {"video": "p0/c0", "frames": [8, 14]}, "ends at frame 13"),
        ("clips.0.cross", {"video": "p9/c0", "frames": [8, 9], "real": [8, 9]}, "unknown clip 'p9/c0'"),
        ("clips.0.cross", {"video": "p1/c0", "frames": [8, 9], "real": [8, 99]}, "cross.real 8 to 99"),
        ("clips.0.sources", {1: [3], 2: [3, 14]}, "sources"),
    ],
)
def test_what_a_dataset_does_not_have(tmp_path: Path, path: str, value: Any, words: str) -> None:
    with pytest.raises(UserError) as error:
        build_trials(listed(tmp_path, path, value), ToyDataset())
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_rules_beyond_the_clip(tmp_path: Path) -> None:
    content = changed(RULED, "dataset", "toy")
    with pytest.raises(UserError, match=r"rules\.sources\.frames 0 to 15: clip 'p0/c0' ends at frame 13"):
        build_trials(read_protocol(write(tmp_path, content)), ToyDataset())


def test_unknown_split(tmp_path: Path) -> None:
    path = write(tmp_path, PROTOCOL.replace("split: test", "split: tset"))
    with pytest.raises(UserError, match="did you mean test"):
        build_trials(read_protocol(path), ToyDataset())
