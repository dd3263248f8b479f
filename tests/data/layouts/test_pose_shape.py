"""``pose_shape.pkl``: values as pickled, quaternions, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iper_bench.body.lbs import rotation_matrices
from iper_bench.data.layouts.pose_shape import axis_angles, read_pose_shape
from iper_bench.errors import UserError
from tests.data.layouts.trees import bodies, write_pickle
from tests.oracles import load, oracle_files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pose_shape.pkl"


def test_track_holds_the_pickled_numbers(file: Path) -> None:
    held = bodies("001/1/1", 5)
    track = read_pose_shape(write_pickle(file, held | {"views": np.arange(8), "offsets": np.zeros((9, 3))}))
    np.testing.assert_array_equal(track.poses, held["pose"].astype(np.float32))
    np.testing.assert_array_equal(track.cams, held["cams"].astype(np.float32))
    # the mean of equal doubles may round once
    np.testing.assert_allclose(track.betas, held["shape"][0], rtol=1e-6)


@pytest.mark.parametrize("rows", [1, 5])
def test_shape_is_the_mean_of_its_rows(file: Path, rows: int) -> None:
    shape = np.arange(rows * 10.0).reshape(rows, 10)
    track = read_pose_shape(write_pickle(file, bodies("a", 5) | {"shape": shape}))
    np.testing.assert_array_equal(track.betas, shape.mean(0).astype(np.float32))


def test_one_shape_without_an_axis(file: Path) -> None:
    track = read_pose_shape(write_pickle(file, bodies("a", 5) | {"shape": np.arange(10.0)}))
    np.testing.assert_array_equal(track.betas, np.arange(10))


@pytest.mark.parametrize("path", oracle_files("datasets/rotations*.npz"), ids=lambda path: path.stem)
def test_quaternions_agree_with_the_released_conversion(file: Path, path: Path) -> None:
    known = load(path)
    quaternions, expected = known["pose72_quat_xyzw"], known["pose96_to_pose72"]
    held = bodies("a", len(quaternions)) | {"pose": quaternions}
    found = read_pose_shape(write_pickle(file, held)).poses
    # the oracle's tolerance; at half turns and beyond only the rotations must agree
    np.testing.assert_allclose(_matrices(found), _matrices(expected), atol=1e-5)


def test_known_quaternions() -> None:
    half = np.sqrt(0.5)
    known = np.array(
        [[0, 0, 0, 1], [half, 0, 0, half], [0, -1, 0, 0], [0, 0, 2 * half, -2 * half], [0, 0, 0, -3]]
    )
    turns = np.array([[0, 0, 0], [np.pi / 2, 0, 0], [0, -np.pi, 0], [0, 0, -np.pi / 2], [0, 0, 0]])
    np.testing.assert_allclose(axis_angles(known), turns, atol=1e-15)  # rounding of doubles


def test_quaternions_are_rotations_whatever_sign_and_length() -> None:
    random = np.random.default_rng(3)
    one = random.normal(size=(50, 4))
    turns = axis_angles(one)
    np.testing.assert_allclose(axis_angles(one * random.uniform(-3, -0.1, (50, 1))), turns, atol=1e-12)
    assert (np.linalg.norm(turns, axis=1) <= np.pi).all()
    # small turns keep their size: 2 * vector part
    np.testing.assert_allclose(axis_angles(np.array([1e-9, -2e-9, 0, 1])), [2e-9, -4e-9, 0], rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cams": None}, "no field 'cams'"),
        ({"pose": np.zeros((4, 71))}, r"field 'pose' is \(4, 71\); expected pose \(T, 72 or 96\)"),
        ({"pose": [1.0, 2.0]}, "field 'pose' holds list"),
        ({"pose": np.zeros((3, 72))}, "4 cams, 3 pose and 4 shape rows"),
        ({"shape": np.zeros((2, 10))}, "4 cams, 4 pose and 2 shape rows"),
        ({"shape": np.array([["a"] * 10])}, "field 'shape' holds <U1"),
        (
            {"pose": np.where(np.arange(4 * 72).reshape(4, 72) == 150, np.nan, 0.0)},
            "'pose', frame 2: value nan",
        ),
        ({"cams": np.full((4, 3), 1e300)}, r"'cams', frame 0: value 1e\+300"),
        ({"cams": np.array([[1, 0, 0]] * 3 + [[0, 0, 0]])}, "'cams', frame 3: scale 0"),
        ({"pose": np.zeros((4, 96))}, "frame 0, joint 0: a quaternion of length 0"),
    ],
)
def test_refused(file: Path, change: dict[str, Any], message: str) -> None:
    held = {key: value for key, value in (bodies("a", 4) | change).items() if value is not None}
    with pytest.raises(UserError, match=message) as caught:
        read_pose_shape(write_pickle(file, held))
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


class _Exploit:
    """Pickled it says: call os.system."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def test_malicious_pickle_does_not_run(file: Path, tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    write_pickle(file, bodies("a") | {"cams": _Exploit(f"touch {proof}")})
    with pytest.raises(UserError, match="system"):
        read_pose_shape(file)
    assert not proof.exists()


def test_no_dictionary(file: Path) -> None:
    with pytest.raises(UserError, match="holds a list"):
        read_pose_shape(write_pickle(file, [1, 2]))


def _matrices(poses: np.ndarray) -> np.ndarray:
    return rotation_matrices(torch.from_numpy(np.asarray(poses, np.float64).reshape(-1, 3))).numpy()
