"""PSNR: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.psnr import mean_squared_error, psnr, psnr_paper
from tests.oracles import load, oracle_files

PAPER_DB = 1e-9  # the same float64 operations
RANGE_DB = 1e-3  # float32 rounding of an error of one grey level; the two ranges are 6.02 dB apart
FILES = oracle_files("metrics/ssim_psnr*.npz")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference(path):
    arrays = load(path)
    assert len(arrays["names"])
    for index in range(len(arrays["names"])):
        pred, ref = arrays[f"pred_{index:02d}"], arrays[f"ref_{index:02d}"]
        assert psnr_paper(pred, ref) == pytest.approx(arrays["psnr_paper"][index], abs=PAPER_DB)
        assert psnr(pred, ref) == pytest.approx(arrays["psnr_std"][index], abs=PAPER_DB)
        assert mean_squared_error(pred, ref) == pytest.approx(arrays["mse_u8"][index], rel=1e-12)
        # The range depends on the truth alone; one grey level of error is 2/255 of the signed unit.
        decibels = 20 * np.log10(arrays["psnr_paper_data_range"][index] * 255 / 2)
        assert psnr_paper(ref ^ 1, ref) == pytest.approx(decibels, abs=RANGE_DB)


def test_one_grey_level_everywhere_is_48_13_db():
    frame = np.full((8, 9, 3), 100, dtype=np.uint8)
    assert psnr(frame + 1, frame) == pytest.approx(20 * np.log10(255), abs=1e-12)
    assert psnr(frame, frame) == float("inf")


def test_paper_loses_6_02_db_where_the_truth_is_bright():
    rng = np.random.default_rng(0)
    truth = rng.integers(128, 200, (16, 16, 3), dtype=np.uint8)
    prediction = truth + 5
    assert psnr(prediction, truth) - psnr_paper(prediction, truth) == pytest.approx(
        20 * np.log10(2), abs=1e-6
    )


def test_more_noise_is_worse_and_order_does_not_matter():
    rng = np.random.default_rng(1)
    truth = rng.integers(60, 190, (20, 20, 3), dtype=np.uint8)
    values = [
        psnr(np.clip(truth + rng.normal(0, s, truth.shape), 0, 255).astype(np.uint8), truth)
        for s in (2, 8, 30)
    ]
    assert values[0] > values[1] > values[2]
    other = np.clip(truth.astype(int) + 7, 0, 255).astype(np.uint8)
    assert psnr(truth, other) == psnr(other, truth)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="cannot be compared"):
        psnr(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8))
