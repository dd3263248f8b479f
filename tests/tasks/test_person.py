"""Choosing sources: known headings, and bodies that have to be found first."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from iper_bench.data.image_io import encode_png
from iper_bench.data.track_file import read_track, write_track
from iper_bench.data.video_io import VideoFootage
from iper_bench.errors import UserError
from iper_bench.tasks import recovery
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.person import PersonSpec, Setting, load_person, spread
from iper_bench.tasks.recovery import recover
from iper_bench.tasks.reel import ReelSpec, TrackReel, open_reel, selected
from tests.cli.command_line import run_line
from tests.tasks.people import FRAMES, SIDE, OnDisk, People
from tests.turning_clip import turning_track


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, (0,)), (2, (0, 4)), (4, (0, 2, 4, 6)), (3, (0, 3, 5)), (8, tuple(range(8)))]
)
def test_spread_over_the_headings(count: int, chosen: tuple[int, ...]) -> None:
    """Frame k of eight faces 45 k degrees; 120 is nearer to 135 than to 90."""
    found = spread(turning_track(8).poses, range(8), count)
    assert sorted(found) == sorted(chosen)
    assert found[0] == 0


def test_spread_takes_lying_bodies_last() -> None:
    poses = turning_track(4).poses.copy()
    poses[0, :3] = [np.pi / 2, 0.0, 0.0]  # looks at the floor
    assert spread(poses, range(10, 14), 3)[0] != 10
    assert 10 not in spread(poses, range(10, 14), 3)


def test_front_and_back_are_chosen(disk: OnDisk) -> None:
    for reel in (ReelSpec(str(disk.images), disk.track, disk.masks), ReelSpec(str(disk.video), disk.track)):
        person = load_person(PersonSpec(reel), Setting(size=SIDE), Notes())
        assert person.frames == (0, 4)
        assert np.array_equal(person.sources.frames, disk.clip.frames([0, 4]))
        assert person.mask_origin == ("given" if reel.masks else "silhouette")
    one = ReelSpec(str(disk.images / "3.png"), disk.track)
    with pytest.raises(UserError, match="holds 8 bodies for 1 frames"):
        load_person(PersonSpec(one), Setting(), Notes())


def test_silhouette_is_the_body(disk: OnDisk) -> None:
    """The clip's mattes are the silhouette of the same body at the same size."""
    person = load_person(PersonSpec(ReelSpec(str(disk.video), disk.track)), Setting(size=SIDE), Notes())
    assert np.array_equal(person.sources.masks, disk.clip.masks([0, 4]))


def test_dataset_brings_masks_track_and_size(dataset: People) -> None:
    person = load_person(PersonSpec(ReelSpec("people:b"), (3, 1)), Setting(), Notes())
    assert person.frames == (3, 1)
    assert person.size == SIDE
    assert np.array_equal(person.sources.frames, dataset.clip("b").frames([3, 1]))
    assert np.array_equal(person.sources.track.poses, dataset.clip("b").track.poses[[3, 1]])
    assert person.mask_origin == "given"


class Estimate:
    """Stands for the estimator: gives the clip's own track in the order in which frames come."""

    def __init__(self) -> None:
        self.seen = 0
        self.boxes: list[np.ndarray | None] = []

    def __call__(self, network: object, frames: np.ndarray, boxes: np.ndarray | None) -> object:
        from iper_bench.body.recovery.estimate import RecoveredBodies

        rows = range(self.seen % FRAMES, self.seen % FRAMES + len(frames))
        self.seen += len(frames)
        self.boxes.append(boxes)
        track = turning_track(FRAMES).take(rows)
        return RecoveredBodies(np.full(10, float(rows[0]), np.float32), track.poses, track.cams)


@pytest.fixture
def estimate(monkeypatch: pytest.MonkeyPatch) -> Estimate:
    stand_in = Estimate()
    monkeypatch.setattr("iper_bench.body.recovery.weights.load_estimator", lambda path: torch.nn.Identity())
    monkeypatch.setattr("iper_bench.body.recovery.estimate.estimate_bodies", stand_in)
    return stand_in


def test_bodies_are_found_in_batches(
    disk: OnDisk, estimate: Estimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_BATCH", 3)
    reel = open_reel(ReelSpec(str(disk.images), masks=disk.masks), size=None, data_root=None)
    found = recover(reel, range(FRAMES), Path("spin.pth"), "--source-track")
    assert np.array_equal(found.track.poses, turning_track(FRAMES).poses)
    np.testing.assert_allclose(found.track.betas, (3 * 0 + 3 * 3 + 2 * 6) / FRAMES)  # mean over frames
    rows, columns = np.nonzero(disk.clip.masks([4])[0])
    assert estimate.boxes[1] is not None
    assert estimate.boxes[1][1].tolist() == [columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]


def test_found_bodies_can_be_given_the_next_time(disk: OnDisk, estimate: Estimate, tmp_path: Path) -> None:
    """Wide frames: the file remembers their shape, and reading it back gives the same person."""
    spec = PersonSpec(ReelSpec(str(disk.wide)), (0, 4))
    whole = PersonSpec(ReelSpec(str(disk.wide)))
    person = load_person(whole, Setting(body_weights=Path("spin.pth")), Notes())
    assert person.estimated
    assert person.found is not None
    write_track(tmp_path / "found.npz", person.found)
    assert read_track(tmp_path / "found.npz").frame == (SIDE, SIDE + 16)
    again = load_person(
        PersonSpec(ReelSpec(str(disk.wide), tmp_path / "found.npz"), (0, 4)), Setting(), Notes()
    )
    assert np.array_equal(again.sources.track.poses, turning_track(FRAMES).poses[[0, 4]])
    assert not again.estimated
    estimate.seen = 0
    part = load_person(spec, Setting(body_weights=Path("spin.pth")), Notes())
    assert part.found is None  # two bodies would not fit eight frames


def test_found_bodies_are_kept_beside_the_result(
    disk: OnDisk, estimate: Estimate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.mp4"
    where = ("--source", str(disk.wide), "--target", str(disk.video), "--body-weights", "spin.pth")
    line = (*where, "--method", "warp", "--size", str(SIDE), "--out", str(out))
    outcome = run_line(capsys, "imitate", *line)
    assert outcome.status == 0, outcome.err
    kept = {name: read_track(tmp_path / f"a.mp4.{name}-track.npz") for name in ("source", "target")}
    assert kept["source"].frame == (SIDE, SIDE + 16)
    assert kept["target"].frame is None
    for content in kept.values():
        assert content.body == "open-coarse"
        assert np.array_equal(content.track.poses, turning_track(FRAMES).poses)
    record = json.loads((tmp_path / "a.mp4.json").read_text())
    assert record["people"][0]["track"] == record["motion"]["track"] == "estimated"


def test_no_track_and_no_weights(disk: OnDisk) -> None:
    with pytest.raises(
        UserError, match=r"nothing says where the body is.*--source-track FILE.*--body-weights"
    ):
        load_person(PersonSpec(ReelSpec(str(disk.images))), Setting(), Notes())


def test_masks_by_name_or_by_position(disk: OnDisk, tmp_path: Path) -> None:
    by_name = tmp_path / "names"
    by_name.mkdir()
    for number in (*range(FRAMES), 99):
        source = disk.masks / f"{min(number, 7)}.png"
        (by_name / f"{number}.png").write_bytes(source.read_bytes())
    for folder in (disk.masks, by_name):
        spec = PersonSpec(ReelSpec(str(disk.images), disk.track, folder), (5,))
        found = load_person(spec, Setting(size=SIDE), Notes())
        assert np.array_equal(found.sources.masks, disk.clip.masks([5]))
    (by_name / "3.png").rename(by_name / "x.png")
    with pytest.raises(UserError, match=r"no mask for 3\.png, though other frames have one"):
        load_person(PersonSpec(ReelSpec(str(disk.images), disk.track, by_name)), Setting(), Notes())


def test_masks_that_are_not_there(disk: OnDisk, tmp_path: Path) -> None:
    spec = PersonSpec(ReelSpec(str(disk.images), disk.track, tmp_path / "none"))
    with pytest.raises(UserError, match="none: no such file or folder"):
        load_person(spec, Setting(), Notes())


def test_bodies_are_found_in_one_pass_over_a_video(
    disk: OnDisk, estimate: Estimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened anew for every batch, a video would be decoded from its beginning each time."""
    monkeypatch.setattr(recovery, "_BATCH", 3)
    reel = open_reel(ReelSpec(str(disk.video), masks=disk.masks), size=None, data_root=None)
    len(reel)  # counting the frames is a pass of its own
    opened: list[int] = []
    first = VideoFootage._open

    def counted(footage: VideoFootage) -> object:
        opened.append(1)
        return first(footage)

    monkeypatch.setattr(VideoFootage, "_open", counted)
    found = recover(reel, range(FRAMES), Path("spin.pth"), "--source-track")
    assert len(found.track) == FRAMES
    assert len(opened) == 1


def test_a_mask_of_another_size_is_refused_before_and_after_the_frames(disk: OnDisk, tmp_path: Path) -> None:
    for number in range(FRAMES):
        (tmp_path / f"{number}.png").write_bytes(encode_png(np.full((SIDE, SIDE + 2), 255, np.uint8)))
    reel = open_reel(ReelSpec(str(disk.video), masks=tmp_path), size=None, data_root=None)
    for _ in range(2):
        with pytest.raises(UserError, match=f"a mask of {SIDE + 2}x{SIDE} pixels; expected {SIDE}x{SIDE}"):
            reel.masks([2, 1])
        list(reel.frames([1, 2]))


def test_no_memory_for_the_sources(disk: OnDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> object:
        raise cv2.error("(-4:Insufficient memory) Failed to allocate 10800000000 bytes")

    monkeypatch.setattr(cv2, "resize", full)
    spec = PersonSpec(ReelSpec(str(disk.images), disk.track), (0,))
    with pytest.raises(UserError, match="out of memory with frames of 80 px and 1 source"):
        load_person(spec, Setting(size=80), Notes())


def test_picking_many_frames_takes_no_time(disk: OnDisk) -> None:
    reel = TrackReel(disk.track)
    reel._count = 200_000
    picked = tuple(range(200_000))
    assert selected(picked, reel, "--target-frames") == picked
