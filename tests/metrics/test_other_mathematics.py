"""PCB part features and SSPE: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.body_state_error import (
    SHAPE_START,
    components,
    components_per_frame,
    sspe,
    sspe_per_frame,
)
from iper_bench.metrics.cosine_similarity import cosines_paper
from iper_bench.metrics.part_features import flat_parts
from tests.oracles import load, oracle_files

UNIT = 1e-6  # float32 entries of unit vectors
ERROR = 1e-4  # float32 sums of 85 numbers, about 100, of the official code


@pytest.mark.parametrize("path", oracle_files("metrics/pcb*.npz"), ids=lambda p: p.stem)
def test_part_features_reference(path):
    arrays = load(path)
    flat = flat_parts(arrays["part_features"])
    np.testing.assert_allclose(flat, arrays["out"], rtol=0, atol=UNIT)
    headless = flat_parts(arrays["part_features"], ignore_head=True)
    np.testing.assert_allclose(headless, arrays["out_ignore_head"], rtol=0, atol=UNIT)
    half = len(flat) // 2
    assert cosines_paper(flat[:half], flat[half:]).mean() == pytest.approx(
        float(arrays["cs"]), rel=0, abs=UNIT
    )


def test_part_features_are_unit_vectors():
    parts = np.random.default_rng(0).standard_normal((3, 7, 6)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(flat_parts(parts), axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(flat_parts(parts * 8), flat_parts(parts), atol=1e-6)


@pytest.mark.parametrize("path", oracle_files("metrics/sspe*.npz"), ids=lambda p: p.stem)
def test_sspe_reference(path):
    arrays = load(path)
    pred, ref = arrays["src"], arrays["ref"]
    assert sspe(pred, ref) == pytest.approx(float(arrays["sspe"]), rel=0, abs=ERROR)
    scale = components(pred, ref)["scale"]
    assert scale == pytest.approx(float(arrays["scale_term"]), rel=0, abs=1e-6)
    # One term at a time: the other numbers are made equal.
    same_shape, same_rest = pred.copy(), ref.copy()
    same_shape[:, SHAPE_START:], same_rest[:, SHAPE_START:] = ref[:, SHAPE_START:], pred[:, SHAPE_START:]
    assert sspe(same_rest, ref) == pytest.approx(float(arrays["shape_term"]), rel=0, abs=ERROR)
    rest = float(arrays["cam_pose_term"]) + float(arrays["scale_term"])  # the score counts the scale twice
    assert sspe(same_shape, ref) == pytest.approx(rest, rel=0, abs=ERROR)


@pytest.mark.parametrize("path", oracle_files("metrics/aggregation*.npz"), ids=lambda p: p.stem)
def test_sspe_over_batches(path):
    arrays = load(path)
    pred, ref, batch = arrays["smpl_pred"], arrays["smpl_ref"], int(arrays["batch_size"])
    means = [sspe(pred[i : i + batch], ref[i : i + batch]) for i in range(0, len(pred), batch)]
    assert np.mean(means) == pytest.approx(float(arrays["unpaired_SSPE"]), rel=0, abs=ERROR)


@pytest.mark.parametrize("path", oracle_files("datasets/rotations*.npz"), ids=lambda p: p.stem)
def test_pose_error_is_the_angle_between_the_official_quaternions(path):
    arrays = load(path)
    poses = arrays["pose72"]
    bodies = np.zeros((len(poses), 85))
    bodies[:, 3:SHAPE_START] = poses
    others = np.roll(bodies, 1, axis=0)
    turns = arrays["pose72_quat_xyzw"].reshape(len(poses), -1, 4)
    dots = np.abs((turns * np.roll(turns, 1, axis=0)).sum(-1)).clip(max=1)
    expected = (2 * np.arccos(dots)).mean()
    assert expected > 0
    assert components(bodies, others)["pose"] == pytest.approx(expected, rel=1e-9)  # float64 on both sides


def test_components_known_answer():
    zero = np.zeros((1, 85), dtype=np.float32)
    other = zero.copy()
    other[0, 0], other[0, 1:3] = 0.5, (3, 4)
    other[0, 3:6] = (0, np.pi / 2, 0)
    found = components(zero, other)
    assert found == pytest.approx(
        {"scale": 0.5, "translation": 5, "pose": np.pi / 2 / 24, "shape": 0}, abs=1e-6
    )
    turned = zero.copy()
    turned[0, 3:6] = (2 * np.pi, 0, 0)  # a full turn is no difference
    assert components(zero, turned)["pose"] == pytest.approx(0, abs=1e-8)  # 2 pi in float32, of 24 joints
    assert sspe(other, other) == 0


@pytest.mark.parametrize("angle", [1e-9, 1e-4, 1.0, 3.1, 3.5])
def test_the_angle_of_any_two_rotations_about_one_axis(angle):
    axis = np.array([2.0, -1.0, 2.0]) / 3
    first, second = np.zeros((2, 1, 85))
    first[0, 6:9], second[0, 6:9] = 0.7 * axis, (0.7 + angle) * axis
    expected = min(angle, 2 * np.pi - angle)  # the shorter way round
    assert components(first, second)["pose"] * 24 == pytest.approx(expected, rel=1e-6)


def test_averages_come_from_the_rows():
    pred, ref = np.random.default_rng(1).standard_normal((2, 6, 85)).astype(np.float32)
    assert sspe_per_frame(pred, ref).mean() == sspe(pred, ref)
    parts, means = components_per_frame(pred, ref), components(pred, ref)
    for row in range(6):
        one = components(pred[row : row + 1], ref[row : row + 1])
        assert one == pytest.approx({name: each[row] for name, each in parts.items()}, rel=1e-14)
    assert means == pytest.approx({name: each.mean() for name, each in parts.items()}, rel=1e-14)
    swapped = components_per_frame(ref, pred)  # a distance knows no order
    for name, each in parts.items():
        np.testing.assert_allclose(swapped[name], each, rtol=1e-12)
