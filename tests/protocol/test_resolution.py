"""From rules to entries: parts of a video, frames that do not count, who drives, which frames are sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.parts import kept_indices, names_digest, part_range, removed_runs, usable_frames
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.resolution import metapix_places, resolve, serviceable
from iper_bench.protocol.schema import TEST_PART, TRAIN_PART, Entry, FrameRange, Protocol
from iper_bench.protocol.trials import build_trials
from tests.protocol.official import packaged
from tests.protocol.reels import LYING, Reel, Reels, turning
from tests.protocol.test_reading import write
from tests.run.toys import ToyDataset

RULES = """
name: reels
task: motion_imitation
dataset: reels
split: all
source_counts: [1, 2, 4, 8]
rules:
  train_percent: 80
  sources: {frames: train, choose: yaw}
  self: {frames: test, limit: 3}
  cross: {target: next_clip, frames: test, real: test, limit: 3}
"""


def protocol(folder: Path, before: str = "", after: str = "") -> Protocol:
    return read_protocol(write(folder, RULES.replace(before, after)))


def entries(protocol: Protocol, dataset: Reels) -> dict[str, Entry]:
    if protocol.rules is None:
        raise ValueError("no rules")
    return {entry.video: entry for entry in resolve(protocol, protocol.rules, dataset).entries}


def test_parts_by_hand(tmp_path: Path) -> None:
    """Twenty frames at 80 percent: 0 to 15 and 16 to 19, of which the first three are tested."""
    found = entries(protocol(tmp_path), Reels([Reel("a", turning(20)), Reel("b", turning(11))]))
    one, other = found["a"], found["b"]
    assert one.candidates == tuple(range(8))
    assert one.self_drive is not None
    assert one.self_drive.frames == FrameRange(16, 18)
    assert other.self_drive is not None
    assert other.self_drive.frames == FrameRange(8, 10)  # floor(8.8) = 8 to train on
    assert one.cross_drive is not None
    assert other.cross_drive is not None
    assert (one.cross_drive.video, one.cross_drive.frames) == ("b", FrameRange(8, 10))
    assert (other.cross_drive.video, other.cross_drive.real) == ("a", FrameRange(8, 10))


def test_cross_ranges_are_cut_to_the_shorter(tmp_path: Path) -> None:
    found = entries(protocol(tmp_path), Reels([Reel("a", turning(20)), Reel("b", turning(10))]))
    for entry in found.values():
        cross = entry.cross_drive
        assert cross is not None
        assert cross.real is not None
        assert len(cross.frames) == len(cross.real) == 2


def test_unusable_frames_do_not_count(tmp_path: Path) -> None:
    """Two lying frames in front move everything by two; a trial names frames of the video."""
    headings = [LYING, LYING, *turning(20)]
    with_gap, without = Reels([Reel("a", headings)]), Reels([Reel("a", turning(20))])
    rules = protocol(tmp_path)
    assert entries(rules, with_gap)["a"].removed == (FrameRange(0, 1),)
    assert entries(rules, with_gap)["a"].sources == entries(rules, without)["a"].sources
    (moved,), (plain,) = build_trials(rules, with_gap), build_trials(rules, without)
    assert moved.target_frames == tuple(frame + 2 for frame in plain.target_frames)
    assert moved.sources[8] == tuple(frame + 2 for frame in plain.sources[8])
    assert [view.frame for view in moved.views] == [view.frame + 2 for view in plain.views]


def test_without_tracks_candidates_are_evenly_spread(tmp_path: Path) -> None:
    entry = entries(protocol(tmp_path), Reels([Reel("a", 50)]))["a"]
    assert entry.candidates == (0, 5, 10, 15, 20, 25, 30, 35)  # floor(40 i / 8)
    assert entry.view_angles == ()
    assert entry.sources[4] == (0, 10, 20, 30)
    assert entry.cross_drive is None  # alone


@pytest.mark.parametrize(
    ("count", "shots", "places"),
    [
        (1000, 3, (100, 400, 700)),
        (7016, 8, (100, 964, 1828, 2692, 3556, 4420, 5284, 6148)),
        (200, 4, (100, 125, 150, 175)),
        (199, 4, (0, 49, 99, 149)),
        (250, 2, (100, 175)),
    ],
)
def test_places_of_metapix(count: int, shots: int, places: tuple[int, ...]) -> None:
    """100 + i floor((n - 100) / k), and floor(i n / k) under 200 frames."""
    assert metapix_places(count, shots) == places


@pytest.mark.parametrize(
    ("cleaned", "test"),
    [
        *((8256, 1239), (9642, 1447), (7378, 1107), (5967, 896)),
        *((8536, 1281), (6593, 989), (23502, 3526), (18701, 2806)),
    ],
)
def test_the_cut_is_that_of_the_eight_test_videos_of_metapix(cleaned: int, test: int) -> None:
    """Frames with a detection and test frames as counted in the lists of imjal/MetaPix."""
    assert len(part_range(TEST_PART, cleaned, 85, "here")) == test
    assert len(part_range(TRAIN_PART, cleaned, 85, "here")) == cleaned - test


def test_parts_cover_the_video_once() -> None:
    for count in range(10, 200):
        for percent in (50, 85, 99):
            try:
                first, second = (part_range(one, count, percent, "here") for one in (TRAIN_PART, TEST_PART))
            except UserError:
                assert percent * count // 100 < 8
                continue
            assert [*first.frames(), *second.frames()] == list(range(count))


def test_removed_runs_and_kept_frames_are_inverse() -> None:
    for kept in ([0, 1, 2], [2, 3, 7], [9], list(range(10)), [1, 3, 5, 7, 9]):
        runs = removed_runs(kept, 10)
        assert list(kept_indices(runs, 10)) == kept
        gone = {frame for run in runs for frame in run.frames()}
        assert gone == set(range(10)) - set(kept)


def test_usable_frames() -> None:
    assert usable_frames(Reel("a", [0.0, LYING, 90.0])).tolist() == [0, 2]
    assert usable_frames(Reel("a", 3)).tolist() == [0, 1, 2]


def test_the_digest_is_of_the_sorted_names() -> None:
    assert names_digest(["b", "a"]) == names_digest(["a", "b"])
    assert names_digest(["a"]) == "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"
    assert len({names_digest(names) for names in (["a"], ["b"], ["a", "b"], ["ab"], [])}) == 5
    assert names_digest(["\udcff"]) != names_digest(["?"])


def test_clips_that_cannot_serve_are_told_one_by_one(tmp_path: Path) -> None:
    rules = protocol(tmp_path)
    clips = [Reel("a", turning(20)), Reel("b", turning(9)), Reel("c", [LYING] * 20), Reel("d", turning(20))]
    if rules.rules is None:
        raise ValueError("no rules")
    served, refused = serviceable(rules, rules.rules, clips)
    assert [clip.name for clip in served] == ["a", "d"]
    assert "9 usable frames give a train part of 7" in str(refused["b"])
    assert "0 usable frames" in str(refused["c"])
    with pytest.raises(UserError, match="9 usable frames"):
        resolve(rules, rules.rules, Reels(clips))


def test_an_empty_split(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="split 'all' of dataset 'reels' has no clips"):
        build_trials(protocol(tmp_path), Reels([], splits={"all": []}))


@pytest.mark.parametrize("name", ["youtube-dancer18-imitation", "youtube-dancer18-metapix"])
def test_the_rules_of_youtube_dancer(name: str) -> None:
    """Three videos of 400 frames: 340 to train on, all other 60 are tested, the next video drives."""
    clips = [Reel(f"v{at}", turning(400, 7.0)) for at in range(3)]
    trials = build_trials(packaged(name), Reels(clips, "youtube-dancer18"))
    assert [trial.name for trial in trials] == [
        *(f"self:v{at}" for at in range(3)),
        *("cross:v0<-v1", "cross:v1<-v2", "cross:v2<-v0"),
    ]
    for trial in trials:
        assert trial.target_frames == tuple(range(340, 400))
        assert all(frame < 340 for frames in trial.sources.values() for frame in frames)
    if name.endswith("metapix"):
        assert trials[0].sources == {1: (100,), 2: (100, 220), 4: (100, 160, 220, 280),
                                     8: (100, 130, 160, 190, 220, 250, 280, 310)}  # fmt: skip
        assert not trials[0].views_known
    else:
        assert trials[0].views_known


def test_sources_of_rules_lie_among_the_candidates(tmp_path: Path) -> None:
    for entry in entries(protocol(tmp_path), Reels([Reel("a", turning(40, 10.0))])).values():
        assert all(set(frames) <= set(entry.candidates) for frames in entry.sources.values())
        assert entry.headings[0] == pytest.approx(0.0, abs=1e-4)


def test_the_next_subject_drives(tmp_path: Path) -> None:
    """``next_subject`` skips the clips of the same person."""
    rules = read_protocol(
        write(
            tmp_path,
            RULES.replace("dataset: reels", "dataset: toy")
            .replace("split: all", "split: test")
            .replace("next_clip", "next_subject"),
        )
    )
    crosses = build_trials(rules, ToyDataset(people=2, each=2))[4:]
    assert [(trial.source_clip, trial.target_clip) for trial in crosses] == [
        *(("p0/c0", "p1/c0"), ("p0/c1", "p1/c0")),
        *(("p1/c0", "p0/c0"), ("p1/c1", "p0/c0")),
    ]
