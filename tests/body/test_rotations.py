"""Axis-angle vectors to rotation matrices: official values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.body.lbs import rotation_matrices
from tests.oracles import load, oracle_files

TOLERANCE = 1e-5  # absolute; the official float32 code goes through quaternions or adds 1e-8 to the angle
SMALL = 1e-3  # radians; below it only the difference from the identity tells something
SMALL_TOLERANCE = 2e-8  # absolute there; the official code adds 1e-8 to each of the three coordinates


def close(vectors: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert len(vectors), "nothing to compare"
    found = rotation_matrices(torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("path", oracle_files("lwg/rotations*.npz"), ids=lambda p: p.stem)
def test_vectors_of_the_body_regressor(path) -> None:
    data = load(path)
    close(data["in/rotvec"], data["out/rotmat_from_rotvec"])
    # The official inverse, turned forth again: near pi the vectors themselves are ambiguous.
    close(data["out/rotvec_from_rotmat"], data["out/rotmat_from_6d"])


@pytest.mark.parametrize("path", oracle_files("datasets/rotations*.npz"), ids=lambda p: p.stem)
def test_vectors_of_the_datasets(path) -> None:
    data = load(path)
    vectors = data["rotvec"]
    for expected in (
        data["rotmat"],
        data["batch_rodrigues"],
        data["angle_axis_to_rotation_matrix"][:, :3, :3],
    ):
        close(vectors, expected)
        small = data["angle"] < SMALL
        assert small.any()
        # Off the diagonal, which is 1 there, float32 resolves such angles.
        apart = ~np.eye(3, dtype=bool)
        found = rotation_matrices(torch.from_numpy(vectors[small])).numpy()
        np.testing.assert_allclose(found[:, apart], expected[small][:, apart], rtol=0, atol=SMALL_TOLERANCE)
    close(data["rotmat_to_rotvec"], data["rotmat"])
    close(data["rot6d_random_to_rotvec"], data["rot6d_random_to_rotmat"])
    poses = data["pose72_rotmat"]
    close(data["pose72"].reshape(*poses.shape[:2], 3), poses, 1e-12)  # float64 on both sides
