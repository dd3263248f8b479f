"""Facts of target frames: against other implementations, by known views, and as laws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.body.views import rotate_view
from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.protocol.trial import Trial
from iper_bench.run.frame_facts import TARGET_SIDE, _facing_pixels, frame_facts, pose_distances, record
from iper_bench.run.material import Material
from iper_bench.run.unit import trial_id
from iper_bench.store.frame_facts import FrameFacts, read_frame_facts
from iper_bench.store.run_folder import RunFolder
from tests.run.toys import ToyClip, ToyDataset

TURN = 8  # the toy clip turns in steps of 45 degrees, then faces the camera in a T-pose
# the two rasters differ, so that a few pixels at the rim of the body show faces which the source's raster
# missed
RIM = 0.02


class Blind(ToyDataset):
    """Clips that must not be asked for pixels; ``tracks``: those with another body."""

    def __init__(self, tracks: dict[str, BodyTrack] | None = None, bodies: bool = True) -> None:
        super().__init__()
        self._tracks, self._bodies = tracks or {}, bodies

    def clip(self, name: str) -> Clip:
        bodies = self._bodies

        class Seen(ToyClip):
            has_track = bodies

            def frames(self, indices: Sequence[int]) -> Images:
                raise AssertionError("no pixels")

        clip = Seen(name)
        clip.track = self._tracks.get(name, clip.track)
        return clip


def trial(
    frames: Sequence[int] = range(TURN),
    sources: dict[int, tuple[int, ...]] | None = None,
    driver: str = "p0/c0",
) -> Trial:
    setting, truth = ("self", tuple(frames)) if driver == "p0/c0" else ("cross", None)
    chosen = {1: (0,), 2: (0, 4)} if sources is None else sources
    return Trial("toy", "motion_imitation", setting, "p0/c0", chosen, driver, tuple(frames), truth)


def facts(one: Trial | None = None, dataset: ToyDataset | None = None) -> FrameFacts:
    return frame_facts(Material(dataset or Blind(), one or trial(), 1))


def moved(seed: int, count: int, betas: float = 0.0) -> BodyTrack:
    """Bodies in random poses that turn."""
    random = np.random.default_rng(seed)
    poses = random.normal(0.0, 0.25, (count, 72)).astype(np.float32)
    poses[:, :3] = ToyClip("x").track.poses[np.arange(count) % TURN, :3]
    cams = np.tile(np.array([0.8, 0.02, 0.2], np.float32), (count, 1))
    return BodyTrack(np.full(10, betas, np.float32), poses, cams)


def test_a_turn_before_one_and_two_sources() -> None:
    found = facts()
    turns = [45.0 * step for step in range(TURN)]
    assert found.view == pytest.approx(turns)
    assert found.view_distance[1] == pytest.approx([min(turn, 360.0 - turn) for turn in turns])
    assert found.view_distance[2] == pytest.approx([0, 45, 90, 45, 0, 45, 90, 45])
    assert np.allclose(found.pose_distance[1], 0.0, atol=1e-5)  # always a T-pose; float32 sines
    seen = found.occlusion[1]
    assert seen[0] < RIM  # the source itself
    assert seen[4] > 1.0 - RIM  # from behind nothing of the front is seen
    assert seen[0] < seen[1] < seen[2] < seen[3] < seen[4]
    assert 0.3 < seen[2] < 0.5  # from the side the front half, of which arm and leg hide a part
    assert max(found.occlusion[2]) < 0.05  # front and back together show all but the rim
    # from the side one arm and one leg lie behind the other
    assert found.self_occlusion[2] > 0.25 > 0.05 > found.self_occlusion[0]
    height = np.ptp(load_body("open-coarse").template[:, 1].numpy())
    assert found.size == pytest.approx([0.9 * height / 2.0] * TURN, rel=1e-4)


def test_pose_distance_against_posing_every_pair() -> None:
    ours, theirs, body = moved(1, 5), moved(2, 3), load_body("open-coarse")
    one = trial(range(5), {1: (0,), 3: (0, 1, 2)}, driver="p1/c0")
    found = facts(one, Blind({"p0/c0": theirs, "p1/c0": moved(1, 5, betas=1.0)}))

    def facing(track: BodyTrack, frame: int) -> np.ndarray:
        turned = rotate_view(track.poses[frame][None].astype(np.float64), -45.0 * frame)
        joints = body.pose(torch.from_numpy(theirs.betas), torch.from_numpy(turned).float()).joints[0].numpy()
        return joints - joints[0]

    for sn, chosen in one.sources.items():
        for frame in range(5):
            apart = [
                np.mean([np.linalg.norm(facing(ours, frame)[j] - facing(theirs, s)[j]) for j in range(1, 24)])
                for s in chosen
            ]
            assert found.pose_distance[sn][frame] == pytest.approx(min(apart), abs=1e-5)


def test_pose_distance_does_not_see_where_one_stands_or_looks() -> None:
    random = np.random.default_rng(0)
    joints = random.normal(size=(2, 24, 3))
    assert pose_distances(joints, np.zeros(2), joints + 3.0, np.zeros(2)).diagonal() == pytest.approx([0, 0])
    away = pose_distances(joints, np.zeros(2), joints[::-1].copy(), np.zeros(2))
    assert away[0, 1] == pytest.approx(0.0)
    assert away[0, 0] == pytest.approx(away[1, 1])


def test_more_sources_are_never_further_away() -> None:
    found = facts(trial(sources={1: (1,), 2: (1, 3), 4: (1, 3, 6, 0)}), Blind({"p0/c0": moved(3, TURN)}))
    for values in (found.pose_distance, found.view_distance, found.occlusion):
        assert all(b <= a for a, b in zip(values[1], values[2], strict=True))
        assert all(b <= a for a, b in zip(values[2], values[4], strict=True))


def test_facing_area_against_a_loop() -> None:
    body = load_body("open-coarse")
    random = np.random.default_rng(5)
    corners = torch.from_numpy(random.uniform(-1.4, 1.4, (1, 30, 3)))
    faces = torch.from_numpy(random.integers(0, 30, (40, 3)))
    total = 0.0
    for face in faces:
        (ax, ay), (bx, by), (cx, cy) = corners[0, face, :2].tolist()
        area = (ay - by) * (cx - ax) + (bx - ax) * (cy - ay)  # twice, positive when clockwise with y down
        middle = np.abs([(ax + bx + cx) / 3, (ay + by + cy) / 3]).max()
        total += max(0.0, -area) / 2.0 if middle <= 1.0 else 0.0
    found = float(_facing_pixels(corners, faces, TARGET_SIDE)[0])
    assert found == pytest.approx(total * (TARGET_SIDE / 2) ** 2)
    assert body.face_count > 0


def test_a_lying_body_has_no_view() -> None:
    track = ToyClip("x").track
    poses = track.poses.copy()
    poses[1, :3] = [np.pi / 2, 0.0, 0.0]  # the chest points up
    found = facts(trial([0, 1]), Blind({"p0/c0": BodyTrack(track.betas, poses, track.cams)}))
    assert found.view == [0.0, None]
    assert found.view_distance[1] == [0.0, None]
    assert found.occlusion[1][1] is not None


def test_a_body_outside_the_image_shows_nothing() -> None:
    track = ToyClip("x").track
    cams = track.cams.copy()
    cams[1] = [0.9, 5.0, 0.3]
    found = facts(trial([0, 1]), Blind({"p0/c0": BodyTrack(track.betas, track.poses, cams)}))
    assert found.occlusion[1][1] is None
    assert found.self_occlusion[1] is None


def test_the_record_is_written_once_and_read_back(tmp_path: Path) -> None:
    folder, one = RunFolder(tmp_path, {}), trial()
    record(folder, Material(Blind(), one, 1))
    path = tmp_path / "facts" / f"{trial_id(one)}.json"
    first = path.read_bytes()
    held = read_frame_facts(tmp_path, trial_id(one))
    assert held is not None
    assert held.view == pytest.approx(facts(one).view)
    assert held.occlusion[2] == pytest.approx(facts(one).occlusion[2], abs=1e-4)
    record(folder, Material(Blind(bodies=False), one, 1))  # not computed again
    assert path.read_bytes() == first
    path.unlink()
    record(folder, Material(Blind(), one, 2))  # the same whatever the number of sources
    assert path.read_bytes() == first


def test_without_bodies_there_is_a_reason_and_no_number(tmp_path: Path) -> None:
    record(RunFolder(tmp_path, {}), Material(Blind(bodies=False), trial(), 1))
    held = read_frame_facts(tmp_path, trial_id(trial()))
    assert held == FrameFacts(trial().name, TURN, "clip 'p0/c0' has no bodies")
