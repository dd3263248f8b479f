"""SSIM: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.metric import UndefinedError
from iper_bench.metrics.ssim import ssim, ssim_by, ssim_paper
from tests.oracles import load, oracle_files

PAPER = 1e-12  # float64 throughout, other order of summation
STANDARD = 1e-6  # the other implementation normalises its float64 window differently
FILES = oracle_files("metrics/ssim_psnr*.npz")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference(path):
    arrays = load(path)
    for index, name in enumerate(arrays["names"]):
        pred, ref = arrays[f"pred_{index:02d}"], arrays[f"ref_{index:02d}"]
        assert ssim_paper(pred, ref) == pytest.approx(arrays["ssim_paper"][index], abs=PAPER), name
        planes = [ssim_paper(pred[:, :, c : c + 1], ref[:, :, c : c + 1]) for c in range(pred.shape[2])]
        np.testing.assert_allclose(planes, arrays["ssim_paper_per_channel"][index], rtol=0, atol=PAPER)
        if np.isnan(arrays["ssim_std"][index]):
            with pytest.raises(UndefinedError, match="smaller than 11x11"):
                ssim(pred, ref)
        else:
            assert ssim(pred, ref) == pytest.approx(arrays["ssim_std"][index], abs=STANDARD), name


def test_two_constant_frames_follow_the_luminance_term():
    first, second = np.full((15, 15, 3), 51, np.uint8), np.full((15, 15, 3), 102, np.uint8)
    x, y, c1 = 0.2, 0.4, 1e-4
    assert ssim(first, second) == pytest.approx((2 * x * y + c1) / (x * x + y * y + c1), abs=1e-12)


def test_identical_is_one_and_noise_lowers_it():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 255, (24, 31, 3), dtype=np.uint8)
    for function in (ssim, ssim_paper):
        assert function(truth, truth) == pytest.approx(1.0, abs=1e-12)
        values = [
            function(np.clip(truth + rng.normal(0, s, truth.shape), 0, 255).astype(np.uint8), truth)
            for s in (4, 20, 80)
        ]
        assert values[0] > values[1] > values[2]


def test_symmetric_and_equivariant_to_flips():
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 255, (2, 20, 26, 3), dtype=np.uint8)
    for function in (ssim, ssim_paper):
        assert function(first, second) == pytest.approx(function(second, first), abs=1e-13)
        assert function(first, second) == pytest.approx(function(first[:, ::-1], second[:, ::-1]), abs=1e-12)


@pytest.mark.parametrize("shape", [(40, 33, 3), (29, 64)])
def test_equals_scikit_image_under_the_same_settings(shape):
    import skimage.metrics

    rng = np.random.default_rng(4)
    truth = rng.integers(0, 256, shape, dtype=np.uint8)
    prediction = np.clip(truth + rng.normal(0, 25, shape), 0, 255).astype(np.uint8)
    axis = 2 if len(shape) == 3 else None
    settings = {
        ("gaussian-11", "population"): {"gaussian_weights": True, "use_sample_covariance": False},
        ("uniform-7", "population"): {"use_sample_covariance": False},
        ("uniform-7", "sample"): {},  # its defaults
    }
    for (window, covariance), theirs in settings.items():
        expected = skimage.metrics.structural_similarity(
            truth, prediction, channel_axis=axis, data_range=255, **theirs
        )
        found = ssim_by(prediction, truth, values="unit", window=window, covariance=covariance)
        assert found == pytest.approx(expected, abs=1e-12)
