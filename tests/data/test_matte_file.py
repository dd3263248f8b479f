"""Mattes are read as strictly as frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from iper_bench.data.image_io import encode_png
from iper_bench.data.matte_file import read_matte
from iper_bench.errors import UserError

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)


def test_grey_comes_back_exactly_and_colours_as_opencv_does(tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes(encode_png(GREY))
    (tmp_path / "alike.png").write_bytes(encode_png(np.repeat(GREY[..., None], 3, 2)))
    for name in ("grey.png", "alike.png"):
        found = read_matte(tmp_path / name)
        np.testing.assert_array_equal(found, GREY)
        assert found.flags.c_contiguous
    (tmp_path / "colour.png").write_bytes(encode_png(np.stack([GREY, GREY.T.reshape(20, 30), GREY], 2)))
    expected = cv2.imread(str(tmp_path / "colour.png"), cv2.IMREAD_GRAYSCALE)
    assert np.abs(read_matte(tmp_path / "colour.png").astype(int) - expected).max() <= 1  # its own rounding


def test_a_cut_matte_is_not_made_up(tmp_path: Path) -> None:
    content = encode_png(np.tile(GREY, (20, 10)))
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"cut\.png: cut"):
        read_matte(tmp_path / "cut.png")
