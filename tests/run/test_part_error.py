"""Errors by body part: against loops over masks, by known changes, and as laws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from iper_bench.body import load_body
from iper_bench.body.silhouette import silhouettes
from iper_bench.data.clip import Images
from iper_bench.protocol.trial import Trial
from iper_bench.run.material import Material
from iper_bench.run.part_error import (
    FEWEST_PIXELS,
    PartMeter,
    errors_of_frame,
    part_errors,
    record_parts,
    recorded,
)
from iper_bench.run.part_maps import KEPT, PartMaps, part_of_label, shared_part_maps
from iper_bench.run.unit import Unit
from iper_bench.store.part_errors import BODY_PARTS, PARTS, read_part_errors
from iper_bench.store.run_folder import RunFolder
from tests.run.toys import ToyClip, ToyDataset

FRAMES = tuple(range(8, 14))
SELF_TRIAL = Trial("toy", "motion_imitation", "self", "p0/c0", {1: (0,)}, "p0/c0", FRAMES, FRAMES)
UNIT = Unit("mine", "identity", SELF_TRIAL, 1, 0, 0, "toy-1", 16)


class Frames:
    """Predictions that are made when they are read."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def read(self, indices: Sequence[int]) -> Images:
        return self._images[list(indices)]


def maps(side: int = 96) -> PartMaps:
    return PartMaps(load_body("open-coarse"), ToyClip("p0/c0").track, (side, side))


def truth() -> Images:
    return ToyDataset().clip("p0/c0").frames(FRAMES)


def test_every_pixel_of_the_body_has_one_part() -> None:
    track, body = ToyClip("p0/c0").track, load_body("open-coarse")
    drawn = maps().take(range(len(track)))
    expected = silhouettes(body, track.betas, track.poses, track.cams, 96)
    assert np.array_equal(drawn > 0, expected > 0)
    assert set(np.unique(drawn[0])) == set(range(len(PARTS)))
    assert part_of_label().shape == (25,)
    assert sorted(part_of_label()[1:].tolist()) == sorted([*range(1, 15), *[2] * 6, 7, 8, 13, 14])


def test_parts_lie_where_a_person_has_them() -> None:
    front, back = maps().take([0, 4])

    def middle(drawn: np.ndarray, part: str) -> np.ndarray:
        return np.argwhere(drawn == PARTS.index(part)).mean(axis=0)

    assert middle(front, "head")[0] < middle(front, "torso")[0] < middle(front, "left_thigh")[0]
    assert middle(front, "left_thigh")[0] < middle(front, "left_shank")[0] < middle(front, "left_foot")[0]
    arm = [middle(front, f"left_{part}")[1] for part in ("upper_arm", "forearm", "hand")]
    assert arm == sorted(arm)  # who faces the camera has his left on the right of the image
    assert middle(front, "right_hand")[1] < middle(front, "torso")[1]
    assert middle(back, "right_hand")[1] > middle(back, "left_hand")[1]


def test_large_and_oblong_frames_get_enlarged_maps() -> None:
    track = ToyClip("p0/c0").track
    large = PartMaps(load_body("open-coarse"), track, (512, 512)).take([0])[0]
    small = maps(256).take([0])[0]
    assert np.array_equal(large[::2, ::2], small)
    assert PartMaps(load_body("open-coarse"), track, (32, 48)).take([0, 1]).shape == (2, 32, 48)


def test_equal_bodies_are_drawn_once_and_few_are_kept() -> None:
    body, track = load_body("open-coarse"), ToyClip("p0/c0").track
    first = shared_part_maps(body, track.take([0]), (8, 8))
    assert shared_part_maps(body, track.take([0]), (8, 8)) is first
    assert shared_part_maps(body, track.take([1]), (8, 8)) is not first
    assert shared_part_maps(body, track.take([0]), (8, 9)) is not first
    for side in range(KEPT):
        shared_part_maps(body, track.take([0]), (20, side + 1))
    assert shared_part_maps(body, track.take([0]), (8, 8)) is not first


def test_errors_against_a_loop() -> None:
    random = np.random.default_rng(0)
    ours, theirs = random.integers(0, 256, (2, 20, 24, 3), dtype=np.uint8)
    parts = random.integers(0, 6, (20, 24), dtype=np.uint8)
    parts[:2, :2] = 7
    parts[5, 5] = 9  # a single pixel
    found = errors_of_frame(ours, theirs, parts)
    for number in range(len(PARTS)):
        mask = parts == number
        if mask.sum() < FEWEST_PIXELS:
            assert np.isnan(found[number])
        else:
            expected = np.abs(ours[mask].astype(float) - theirs[mask].astype(float)).mean()
            assert found[number] == pytest.approx(expected)
    with pytest.raises(ValueError, match="expected one size"):
        errors_of_frame(ours[:-1], theirs, parts)


def test_the_truth_has_no_error_and_a_change_stays_in_its_part() -> None:
    material = Material(ToyDataset(), SELF_TRIAL, 1)
    exact = part_errors(material, Frames(truth()))
    assert exact is not None
    assert {value for values in exact.errors.values() for value in values} <= {0.0, None}
    changed = truth()
    torso = material.truth_parts.take(range(len(FRAMES))) == PARTS.index("torso")  # type: ignore[union-attr]
    changed[torso] = 255 - changed[torso]
    found = part_errors(material, Frames(changed))
    assert found is not None
    assert all(value > 0 for value in found.errors["torso"] if value is not None)
    assert any(value is not None for value in found.errors["torso"])
    assert {value for part in PARTS if part != "torso" for value in found.errors[part]} <= {0.0, None}


def test_passing_by_measures_the_same_as_reading(tmp_path: Path) -> None:
    predictions = 255 - truth()
    meter = PartMeter(Material(ToyDataset(), SELF_TRIAL, 1))
    passed = np.concatenate(list(meter.watch([predictions[:1], predictions[1:]])))
    assert np.array_equal(passed, predictions)
    folder = RunFolder(tmp_path, {})
    assert not recorded(folder, UNIT)
    assert read_part_errors(tmp_path, UNIT.id) is None
    record_parts(folder, UNIT, Material(ToyDataset(), SELF_TRIAL, 1), meter.errors())
    first = (tmp_path / "parts" / f"{UNIT.id}.json").read_bytes()
    record_parts(folder, UNIT, Material(ToyDataset(), SELF_TRIAL, 1), Frames(predictions))
    assert (tmp_path / "parts" / f"{UNIT.id}.json").read_bytes() == first
    assert recorded(folder, UNIT)
    held = read_part_errors(tmp_path, UNIT.id)
    assert held is not None
    assert held.errors["background"] == pytest.approx(meter.errors().errors["background"], abs=1e-3)


def test_too_many_or_too_few_predictions_are_refused() -> None:
    with pytest.raises(ValueError, match="7 predictions for 6"):
        list(PartMeter(Material(ToyDataset(), SELF_TRIAL, 1)).watch([np.zeros((7, 16, 16, 3), np.uint8)]))
    meter = PartMeter(Material(ToyDataset(), SELF_TRIAL, 1))
    list(meter.watch([np.zeros((2, 16, 16, 3), np.uint8)]))
    with pytest.raises(ValueError, match="2 predictions for 6"):
        meter.errors()


def test_without_paired_truth_nothing_is_measured(tmp_path: Path) -> None:
    cross = Trial("toy", "motion_imitation", "cross", "p0/c0", {1: (0,)}, "p1/c0", FRAMES)
    assert part_errors(Material(ToyDataset(), cross, 1), Frames(truth())) is None
    record_parts(RunFolder(tmp_path, {}), UNIT, Material(ToyDataset(), cross, 1), Frames(truth()))
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="no paired truth"):
        PartMeter(Material(ToyDataset(), cross, 1))
    assert len(BODY_PARTS) == 14
