"""Headings of bodies that were turned by the official functions, by the direction in which each turns."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.body.heading import heading_and_tilt
from tests.oracles import load, oracle_files

DEGREES = 1e-5  # headings are rounded to 6 decimals
SUFFIX = "_heading"


@pytest.mark.parametrize("path", oracle_files("datasets/rotations*.npz"), ids=lambda p: p.stem)
def test_headings_of_turned_bodies(path) -> None:
    arrays = load(path)
    turns = sorted(key.removesuffix(SUFFIX) for key in arrays if key.endswith(SUFFIX))
    assert turns
    for name in turns:
        heading, _ = heading_and_tilt(arrays[f"{name}_rotvec"])
        expected = arrays[f"{name}{SUFFIX}"]
        assert heading.shape == expected.shape
        apart = np.abs((heading - expected + 180.0) % 360.0 - 180.0)
        assert apart.max() <= DEGREES, name
