"""Body tracks of people's own pictures: boxes, refinement and smoothing around an estimator that is stood in
for, and the overlay.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.recovery.estimate import RecoveredBodies
from iper_bench.body.recovery.hmr_iccv import HmrIccv
from iper_bench.body.recovery.keypoint_joints import PointBody
from iper_bench.body.recovery.small import SmallHmr, SmallHmrConfig
from iper_bench.body.smoothing import smooth_track
from iper_bench.data.box_file import write_boxes
from iper_bench.data.clip import BodyTrack
from iper_bench.data.keypoint_file import Keypoints, write_keypoints
from iper_bench.data.track_file import TrackFile, read_track, write_track
from iper_bench.data.video_io import open_footage
from iper_bench.errors import UserError
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.recover_file import recover_file
from iper_bench.tasks.recover_track import Improvement, RecoverRequest, improve_track, recover_track
from iper_bench.tasks.reel import ReelSpec
from iper_bench.tasks.track_overlay import BODY_COLOUR, POINT_COLOUR, _dots, over_frames
from tests.tasks.people import FRAMES, SIDE, OnDisk
from tests.turning_clip import turning_track

WIDE = SIDE + 16  # pixels; ``OnDisk.wide`` repeats 8 at the left and the right


class Estimator:
    """Gives the true bodies, every joint turned a little, in the order in which frames come."""

    def __init__(self) -> None:
        self.seen = 0
        self.boxes: list[np.ndarray] = []
        self.scale = 1.0

    def __call__(self, network: object, frames: np.ndarray, boxes: np.ndarray | None) -> RecoveredBodies:
        rows = range(self.seen, self.seen + len(frames))
        self.seen += len(frames)
        self.boxes += [] if boxes is None else list(boxes)
        track = turning_track(FRAMES).take([row % FRAMES for row in rows])
        noise = np.random.default_rng(rows[0]).normal(0, 0.08, track.poses.shape)
        return RecoveredBodies(track.betas, (track.poses + noise).astype(np.float32), track.cams * self.scale)


@pytest.fixture
def estimator(monkeypatch: pytest.MonkeyPatch) -> Estimator:
    stand_in = Estimator()
    monkeypatch.setattr(LOADER, lambda path: SmallHmr(SmallHmrConfig()))
    monkeypatch.setattr("iper_bench.tasks.recover_track.estimate_bodies", stand_in)
    return stand_in


LOADER = "iper_bench.tasks.recover_track.load_estimator"


def keypoints(track: BodyTrack, layout: str = "body25") -> np.ndarray:
    """(T, J, 3) in pixels of the square frames."""
    points = PointBody(load_body("open-coarse"), layout)
    rotations = rotation_matrices(torch.from_numpy(track.poses).double().reshape(-1, 24, 3))
    posed = points.pose(torch.from_numpy(track.betas).double(), rotations).points.numpy()
    image = track.cams[:, None, :1] * (posed[..., :2] + track.cams[:, None, 1:])
    found = np.concatenate([(image + 1) / 2 * SIDE, np.ones_like(image[..., :1])], axis=2)
    return found.astype(np.float32)


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("points") / "k.npz"
    write_keypoints(path, Keypoints(keypoints(turning_track(FRAMES)), "body25"))
    return path


def request(disk: OnDisk, **fields: object) -> RecoverRequest:
    return RecoverRequest(ReelSpec(str(disk.images)), **{"weights": Path("spin.pth"), **fields})  # type: ignore[arg-type]


def test_keypoints_refine_what_the_estimator_says(disk, estimator, points) -> None:
    notes = Notes()
    raw = recover_track(request(disk), notes)
    assert raw.distances is None
    estimator.seen = 0
    found = recover_track(request(disk, keypoints=points), notes)
    assert found.distances is not None
    assert found.distances.refined is not None
    assert found.distances.refined < found.distances.first / 3
    assert found.distances.smoothed is None
    assert not found.smoothed
    assert found.file.body == "open-coarse"
    assert found.file.frame is None
    assert notes.lines == []
    estimator.seen = 0
    left = recover_track(request(disk, keypoints=points, improvement=Improvement(refine=False)), notes)
    np.testing.assert_array_equal(left.file.track.poses, raw.file.track.poses)
    assert left.distances == (found.distances.first, None, None)


def test_boxes_come_from_points_else_mattes_else_the_frame(disk, estimator, points, tmp_path) -> None:
    given = np.tile(np.array([1.0, 30.0, 2.0, 40.0], np.float32), (FRAMES, 1))
    write_boxes(tmp_path / "b.npz", given)
    recover_track(request(disk, keypoints=points, boxes=tmp_path / "b.npz"), Notes())
    np.testing.assert_array_equal(estimator.boxes, given)
    estimator.boxes.clear()
    recover_track(request(disk, keypoints=points), Notes())
    wanted = keypoints(turning_track(FRAMES))
    np.testing.assert_allclose(np.stack(estimator.boxes)[:, 0], wanted[..., 0].min(1), atol=1e-4)
    np.testing.assert_allclose(np.stack(estimator.boxes)[:, 3], wanted[..., 1].max(1), atol=1e-4)
    estimator.boxes.clear()
    recover_track(replace(request(disk), reel=ReelSpec(str(disk.images), masks=disk.masks)), Notes())
    rows, columns = np.nonzero(disk.clip.masks([4])[0])
    assert estimator.boxes[4].tolist() == [columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]
    estimator.boxes.clear()
    recover_track(request(disk), Notes())
    assert estimator.boxes == []


def test_a_frame_without_a_person_uses_the_nearest_box(disk, estimator, tmp_path) -> None:
    rows = keypoints(turning_track(FRAMES))
    rows[3] = 0
    write_keypoints(tmp_path / "k.npz", Keypoints(rows, "body25"))
    notes = Notes()
    found = recover_track(request(disk, keypoints=tmp_path / "k.npz"), notes)
    np.testing.assert_array_equal(estimator.boxes[3], estimator.boxes[2])
    assert len(notes.lines) == 2
    assert "no point in frame 3 (1 of 8)" in notes.lines[0]
    assert "nobody in frame 3 (1 of 8)" in notes.lines[1]
    estimator.seen = 0
    raw = recover_track(request(disk), Notes())
    np.testing.assert_array_equal(found.file.track.poses[3], raw.file.track.poses[3])


def test_wide_frames_are_padded_and_points_with_them(disk, estimator, points, tmp_path) -> None:
    """The same person in frames that are 16 pixels wider: the same pixels of the square, which is 64 wide."""
    rows = keypoints(turning_track(FRAMES))
    rows[..., 0] += 8
    write_keypoints(tmp_path / "k.npz", Keypoints(rows, "body25"))
    wide = replace(request(disk, keypoints=tmp_path / "k.npz"), reel=ReelSpec(str(disk.wide)))
    found = recover_track(wide, Notes())
    assert found.file.frame == (SIDE, WIDE)
    assert found.keypoints is not None
    np.testing.assert_allclose(found.keypoints.points[..., :2], rows[..., :2] + [0, 8])
    np.testing.assert_allclose(np.stack(estimator.boxes)[:, 2], rows[..., 1].min(1) + 8, rtol=1e-5)


def test_a_first_estimate_takes_the_place_of_the_estimator(disk, points, tmp_path) -> None:
    """The exact track comes back; smoothing eight frames is asked for in vain."""
    notes = Notes()
    asked = RecoverRequest(
        ReelSpec(str(disk.images), disk.track), keypoints=points, improvement=Improvement(smooth=True)
    )
    found = recover_track(asked, notes)
    np.testing.assert_allclose(found.file.track.poses, disk.clip.track.poses, atol=1e-5)
    assert found.distances is not None
    assert found.distances.first < 1e-3
    assert "not smoothed: 8 frames; more than 10 are needed" in notes.lines


@pytest.mark.parametrize("count", [10, 11])
def test_more_than_ten_frames_are_smoothed(count) -> None:
    track = turning_track(count)
    random = np.random.default_rng(0)
    poses = track.poses + random.normal(0, 0.05, track.poses.shape).astype(np.float32)
    bodies = RecoveredBodies(track.betas, poses, track.cams)
    body = load_body("open-coarse")
    found = improve_track(body, bodies, None, SIDE, Improvement(), Notes())
    assert found.smoothed == (count > 10)
    wanted = smooth_track(poses, track.cams)[0] if count > 10 else poses
    np.testing.assert_array_equal(found.bodies.poses, wanted)
    raw = improve_track(body, bodies, None, SIDE, Improvement(smooth=False), Notes())
    np.testing.assert_array_equal(raw.bodies.poses, poses)


def test_smoothing_does_not_break_where_the_angle_wraps() -> None:
    """A steady turn passes half a turn, where the axis-angle vector jumps; the rotations do not."""
    track = turning_track(24)
    bodies = RecoveredBodies(track.betas, track.poses, track.cams)
    found = improve_track(load_body("open-coarse"), bodies, None, SIDE, Improvement(), Notes())
    before, after = (
        rotation_matrices(torch.from_numpy(poses[:, :3]).double())
        for poses in (track.poses, found.bodies.poses)
    )
    cosines = ((before.transpose(1, 2) @ after).diagonal(dim1=1, dim2=2).sum(-1) - 1) / 2
    # the low-pass bends the ends of the turn; in the middle a steady turn passes it
    assert float(torch.rad2deg(torch.acos(cosines[4:-4].clamp(-1, 1))).max()) < 2.0


def test_a_frame_far_from_its_points_is_named(disk, tmp_path) -> None:
    rows = keypoints(turning_track(FRAMES))
    rows[5, :, 0] += 20
    write_keypoints(tmp_path / "k.npz", Keypoints(rows, "body25"))
    notes = Notes()
    asked = RecoverRequest(
        ReelSpec(str(disk.images), disk.track),
        keypoints=tmp_path / "k.npz",
        improvement=Improvement(refine=False),
    )
    recover_track(asked, notes)
    assert len(notes.lines) == 1
    assert notes.lines[0].startswith("frame 5: the body lies 20.0 pixels from its keypoints, 8.0 times")


def test_one_line_for_what_cannot_be_done(disk, estimator, points, tmp_path) -> None:
    short = tmp_path / "short.npz"
    write_keypoints(short, Keypoints(keypoints(turning_track(FRAMES))[:5], "body25"))
    empty = tmp_path / "empty.npz"
    write_keypoints(empty, Keypoints(np.zeros((FRAMES, 25, 3), np.float32), "body25"))
    images = ReelSpec(str(disk.images))
    tracked = ReelSpec(str(disk.images), disk.track)
    for asked, words in (
        (RecoverRequest(images), "nothing says where the body is.*--body-weights FILE.*--track FILE"),
        (request(disk, improvement=Improvement(refine=True)), "--refine: nothing to refine by"),
        (replace(request(disk), reel=tracked), "two first estimates"),
        (RecoverRequest(tracked, boxes=points), "boxes without an estimator"),
        (request(disk, improvement=Improvement(temporal=True)), "--temporal: says how to refine"),
        (
            request(disk, keypoints=points, improvement=Improvement(refine=False, optimiser="adam")),
            "--optimiser: says how to refine",
        ),
        (request(disk, keypoints=short), "short.npz: points of 5 frames for 8 frames"),
        (request(disk, keypoints=empty), "empty.npz: shows nobody in any frame"),
        (request(disk, body="open-fine"), "unknown body 'open-fine'"),
        (replace(request(disk), reel=ReelSpec("no.mp4")), "no.mp4: no such file"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            recover_track(asked, Notes())
        assert "\n" not in str(caught.value)
    estimator.scale = -1.0
    with pytest.raises(UserError, match=r"frame 0: a camera of scale -0.9, so no body"):
        recover_track(request(disk), Notes())


def test_frames_of_two_sizes_have_no_common_boxes(disk, estimator, points, tmp_path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for number in range(FRAMES):
        folder = disk.wide if number == 5 else disk.images
        (mixed / f"{number}.png").write_bytes((folder / f"{number}.png").read_bytes())
    asked = replace(request(disk, keypoints=points), reel=ReelSpec(str(mixed)))
    with pytest.raises(UserError, match=r"5.png: 64x48 pixels; expected 48x48"):
        recover_track(asked, Notes())
    estimator.seen = 0
    assert len(recover_track(replace(asked, keypoints=None), Notes()).file.track) == FRAMES


@pytest.mark.parametrize(
    "far", [(200.0, 300.0, 2.0, 40.0), (10.0, 10.5, 2.0, 2.5), (-900.0, 900.0, -900.0, 900.0)]
)
def test_a_box_that_cannot_be_used_is_named_as_its_file_has_it(disk, estimator, far, tmp_path) -> None:
    """Outside of the frame, too small or too large for a person; the frame is wide, its square padded."""
    boxes = np.tile(np.array([10.0, 30.0, 2.0, 40.0], np.float32), (FRAMES, 1))
    boxes[5] = far
    write_boxes(tmp_path / "b.npz", boxes)
    asked = replace(request(disk, boxes=tmp_path / "b.npz"), reel=ReelSpec(str(disk.wide)))
    row = ", ".join(f"{far[place]:g}" for place in (0, 2, 1, 3))
    with pytest.raises(UserError, match=rf"b.npz: frame 5: no usable person box \({row}\).*inside 64x48"):
        recover_track(asked, Notes())
    assert estimator.seen == 0


def test_points_of_larger_frames_are_named_by_their_file(disk, estimator, tmp_path) -> None:
    points = keypoints(turning_track(FRAMES)) * [4.0, 4.0, 1.0]
    write_keypoints(tmp_path / "k.npz", Keypoints(points.astype(np.float32), "body25"))
    with pytest.raises(UserError, match=r"k.npz: frame 0: no usable person box"):
        recover_track(request(disk, keypoints=tmp_path / "k.npz"), Notes())


def test_what_the_estimator_refuses_is_named_by_its_frame(disk, monkeypatch) -> None:
    """The estimator sees batches of three; frame 5 is the last of the second."""
    calls = []

    def refuse(network: object, frames: np.ndarray, boxes: object) -> RecoveredBodies:
        calls.append(len(frames))
        if len(calls) == 2:
            raise UserError("no body", where="frame 2")
        track = turning_track(len(frames))
        return RecoveredBodies(track.betas, track.poses, track.cams)

    monkeypatch.setattr("iper_bench.tasks.recover_track._BATCH", 3)
    monkeypatch.setattr("iper_bench.tasks.recover_track.estimate_bodies", refuse)
    monkeypatch.setattr(LOADER, lambda path: SmallHmr(SmallHmrConfig()))
    with pytest.raises(UserError, match=r"5.png: no body"):
        recover_track(request(disk), Notes())


def test_boxes_of_no_use_to_hmr_are_named(disk, estimator, monkeypatch, tmp_path) -> None:
    write_boxes(tmp_path / "b.npz", np.tile(np.array([10.0, 30, 2, 40], np.float32), (FRAMES, 1)))
    with torch.device("meta"):
        network = HmrIccv()
    monkeypatch.setattr(network, "to", lambda device: network)
    monkeypatch.setattr(LOADER, lambda path: network)
    notes = Notes()
    recover_track(request(disk, boxes=tmp_path / "b.npz"), notes)
    assert any("b.npz is not used: spin.pth is HMR" in line for line in notes.lines)
    assert estimator.boxes == []


@pytest.mark.parametrize("trained", ["open-mid", "smpl"])
def test_an_estimator_of_another_body_is_named(disk, estimator, monkeypatch, trained) -> None:
    network = SmallHmr(SmallHmrConfig())
    network.body = trained
    monkeypatch.setattr(LOADER, lambda path: network)
    notes = Notes()
    recover_track(request(disk), notes)
    assert ["trained for the body 'smpl'" in line for line in notes.lines] == ([True] * (trained == "smpl"))


def test_the_body_of_real_data_can_be_set_once(disk, estimator, monkeypatch) -> None:
    monkeypatch.setenv("IPER_BENCH_BODY", "open-mid")
    assert recover_track(request(disk), Notes()).file.body == "open-mid"
    estimator.seen = 0
    assert recover_track(request(disk, body="open-coarse"), Notes()).file.body == "open-coarse"
    tracked = RecoverRequest(ReelSpec(str(disk.images), disk.track))
    assert recover_track(tracked, Notes()).file.body == "open-coarse"  # the track says so


def test_shapes_of_another_body_are_named(disk, estimator, monkeypatch) -> None:
    notes = Notes()
    recover_track(request(disk), notes)
    assert notes.lines == []
    monkeypatch.setattr(LOADER, lambda path: torch.nn.Identity())  # SPIN or HMR, which know SMPL alone
    estimator.seen = 0
    recover_track(request(disk), notes)
    assert len(notes.lines) == 1
    assert "spin.pth gives shapes of the SMPL body" in notes.lines[0]


def test_batches_do_not_change_the_track(disk, points, monkeypatch) -> None:
    """The boxes and frames reach the estimator in order, whatever the batch."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def look(network: object, frames: np.ndarray, boxes: np.ndarray) -> RecoveredBodies:
        seen.extend(zip(frames, boxes, strict=True))
        track = turning_track(FRAMES).take(range(len(frames)))
        return RecoveredBodies(np.full(10, len(frames), np.float32), track.poses, track.cams)

    monkeypatch.setattr(LOADER, lambda path: SmallHmr(SmallHmrConfig()))
    monkeypatch.setattr("iper_bench.tasks.recover_track.estimate_bodies", look)
    runs = []
    for batch in (16, 3):
        seen.clear()
        monkeypatch.setattr("iper_bench.tasks.recover_track._BATCH", batch)
        found = recover_track(request(disk, keypoints=points, improvement=Improvement(refine=False)), Notes())
        runs.append((list(seen), found.file.track.betas[0]))
    for (frame, box), (other, other_box) in zip(runs[0][0], runs[1][0], strict=True):
        np.testing.assert_array_equal(frame, other)
        np.testing.assert_array_equal(box, other_box)
    assert runs[0][1] == FRAMES
    assert runs[1][1] == pytest.approx((3 * 3 + 3 * 3 + 2 * 2) / FRAMES)  # mean over frames


def test_the_overlay_covers_the_person(disk) -> None:
    """The clip was drawn from this track, so the tint lies exactly on the matte, the outline included."""
    frames, mattes = disk.clip.frames(range(FRAMES)), disk.clip.masks(range(FRAMES))
    drawn = over_frames(frames, disk.clip.track, load_body("open-coarse"))
    changed = (drawn != frames).any(-1)
    np.testing.assert_array_equal(changed & (mattes == 0), False)
    assert changed[mattes > 0].mean() > 0.99
    assert (drawn == np.array(BODY_COLOUR)).all(-1).any((1, 2)).all()


def test_dots_lie_on_the_points_that_were_found() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    _dots(image, np.array([[10.0, 40.0, 0.5], [50.0, 5.0, 0.0], [-1e6, 1e6, 1.0]]))
    rows, columns = np.nonzero((image == POINT_COLOUR).all(-1))
    assert (rows.mean(), columns.mean()) == (40, 10)
    assert len(rows) == 5  # a pixel and its neighbours


def test_a_track_file_and_a_video(disk, points, tmp_path) -> None:
    out, overlay = tmp_path / "track.npz", tmp_path / "look.mkv"
    wide = ReelSpec(str(disk.wide))
    stored = TrackFile(disk.clip.track, "open-coarse", (SIDE, WIDE))
    write_track(tmp_path / "first.npz", stored)
    asked = RecoverRequest(replace(wide, track=tmp_path / "first.npz"))
    lines = dict(recover_file(asked, out, overlay))
    assert lines == {
        "frames": "8", "body": "open-coarse", "smoothed": "no", "track": str(out), "overlay": str(overlay),
    }  # fmt: skip
    again = read_track(out)
    assert (again.body, again.frame) == ("open-coarse", (SIDE, WIDE))
    np.testing.assert_array_equal(again.track.poses, disk.clip.track.poses)
    film = open_footage(overlay)
    assert len(film) == FRAMES
    assert next(iter(film.stream([0]))).shape == (SIDE, WIDE, 3)


def test_places_that_cannot_be_written_are_refused_first(disk, monkeypatch, tmp_path) -> None:
    asked = RecoverRequest(ReelSpec("no.mp4", disk.track))
    for out, overlay, words in (
        (tmp_path / "track.pkl", None, "expected a name that ends in .npz"),
        (disk.track, None, "would be written over what is read"),
        (tmp_path / "a.npz", tmp_path / "look.gif", "cannot write a video '.gif'"),
        (tmp_path / "a.npz", Path("no.mp4"), "would be written over"),
    ):
        with pytest.raises(UserError, match=words):
            recover_file(asked, out, overlay)
    (tmp_path / "dir.npz").mkdir()
    (tmp_path / "file").touch()
    for out, overlay in (
        (tmp_path / "dir.npz", None),
        (tmp_path / "file" / "new" / "a.npz", None),
        (tmp_path / "a.npz", tmp_path / "file" / "look.mp4"),
    ):
        with pytest.raises(UserError, match="a file stands where a folder is needed, or the reverse"):
            recover_file(asked, out, overlay)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(UserError, match="no permission to write"):
        recover_file(asked, tmp_path / "new" / "a.npz")
    assert not (tmp_path / "new").exists()
