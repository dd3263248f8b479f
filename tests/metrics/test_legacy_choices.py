"""Errors kept on purpose, each by hand, and the grey and padded frames they are measured on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from iper_bench.metrics.colour import grey, white_pad
from iper_bench.metrics.psnr import psnr, psnr_by, psnr_paper
from iper_bench.metrics.ssim import ssim, ssim_by, ssim_paper

RNG = np.random.default_rng(0)


def noisy(truth, deviation):
    return np.clip(truth + RNG.normal(0, deviation, truth.shape), 0, 255).round().astype(np.uint8)


def test_a_wrapped_difference_by_hand():
    truth = np.full((2, 2, 3), 10, np.uint8)
    # 9 - 10 wraps to 255, whose square wraps to 1; 30 - 10 = 20, whose square 400 wraps to 144
    below, above = np.full_like(truth, 9), np.full_like(truth, 30)
    wrapped = {"arithmetic": "uint8-wrap", "data_range": "255"}
    assert psnr_by(below, truth, **wrapped) == pytest.approx(20 * np.log10(255), abs=1e-12)
    assert psnr_by(above, truth, **wrapped) == pytest.approx(10 * np.log10(255**2 / 144), abs=1e-12)
    assert psnr(above, truth) == pytest.approx(10 * np.log10(255**2 / 400), abs=1e-12)


@pytest.mark.parametrize(("deviation", "true", "read"), [(20, 22.48, 28.81), (60, 13.83, 28.00)])
def test_wrapping_hides_noise(deviation, true, read):
    """The figures of 256x256 noise: whatever its strength, it reads as about 28 dB."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    noise = generator.normal(0, deviation, truth.shape)
    prediction = np.clip(truth + noise, 0, 255).round().astype(np.uint8)
    assert psnr(prediction, truth) == pytest.approx(true, abs=0.05)
    assert psnr_by(prediction, truth, arithmetic="uint8-wrap", data_range="255") == pytest.approx(
        read, abs=0.05
    )


def test_the_range_rule_is_the_same_in_grey_levels_and_on_the_signed_unit():
    for low in (100, 128):
        truth = RNG.integers(low, 220, (12, 12, 3), dtype=np.uint8)
        prediction = noisy(truth, 6)
        exact = psnr_by(prediction, truth, arithmetic="exact", data_range="skimage-0.16")
        assert exact == pytest.approx(psnr_paper(prediction, truth), abs=1e-5)  # float32 on the other side
    assert psnr(prediction, truth) - exact == pytest.approx(20 * np.log10(2), abs=1e-9)


def test_grey_is_opencvs_rounding_of_the_weights():
    frame = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], np.uint8)
    assert grey(frame).tolist() == [[76, 150, 29, 18]]
    colours = RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert np.abs(grey(colours) - colours @ np.array([0.299, 0.587, 0.114])).max() <= 0.51
    np.testing.assert_array_equal(grey(colours), cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY))


def test_white_columns_raise_ssim():
    truth = RNG.integers(0, 256, (64, 44, 3), dtype=np.uint8)
    prediction = noisy(truth, 40)
    padded = white_pad(truth)
    assert padded.shape == (64, 124, 3)
    assert (padded[:, :40] == 255).all()
    assert (padded[:, -40:] == 255).all()
    np.testing.assert_array_equal(padded[:, 40:-40], truth)
    assert ssim(white_pad(prediction), padded) > ssim(prediction, truth) + 0.05


@pytest.mark.parametrize("values", ["unit", "signed"])
@pytest.mark.parametrize("window", ["gaussian-11", "uniform-7"])
@pytest.mark.parametrize("covariance", ["population", "sample"])
def test_ssim_by_direct_sums(values, window, covariance):
    """One window, written out: a frame as large as the window has one interior pixel."""
    size = 11 if window == "gaussian-11" else 7
    truth = RNG.integers(0, 256, (size, size), dtype=np.uint8)
    prediction = noisy(truth, 30)
    offsets = np.arange(size) - size // 2
    taps = np.exp(-0.5 * (offsets / 1.5) ** 2) if size == 11 else np.ones(size)
    weights = np.outer(taps, taps) / taps.sum() ** 2
    unit = [frame / 255.0 * (2 if values == "signed" else 1) for frame in (prediction, truth)]
    x, y = (frame - 1 for frame in unit) if values == "signed" else unit
    data_range = 2.0 if values == "signed" else 1.0
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    scale = 1 if covariance == "population" else 1 / (1 - (weights**2).sum())
    spread = scale * ((weights * (x - mean_x) ** 2).sum() + (weights * (y - mean_y) ** 2).sum())
    common = scale * (weights * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    expected = (2 * mean_x * mean_y + c1) * (2 * common + c2) / ((mean_x**2 + mean_y**2 + c1) * (spread + c2))
    found = ssim_by(prediction, truth, values=values, window=window, covariance=covariance)
    assert found == pytest.approx(expected, abs=1e-6)  # float32 steps of the signed unit


def test_strips_do_not_change_the_value(monkeypatch):
    truth = RNG.integers(0, 256, (75, 40, 3), dtype=np.uint8)
    prediction = noisy(truth, 20)
    whole = [function(prediction, truth) for function in (ssim, ssim_paper)]
    monkeypatch.setattr("iper_bench.metrics.ssim.STRIP", 7)
    assert [function(prediction, truth) for function in (ssim, ssim_paper)] == pytest.approx(whole, abs=1e-14)


def test_grey_frames_are_single_planes():
    truth = RNG.integers(0, 256, (30, 26), dtype=np.uint8)
    prediction = noisy(truth, 20)
    copies = [np.repeat(frame[:, :, None], 3, axis=2) for frame in (prediction, truth)]
    assert ssim(prediction, truth) == pytest.approx(ssim(*copies), abs=1e-14)
    assert ssim_paper(prediction, truth) == pytest.approx(ssim_paper(*copies), abs=1e-14)
    assert psnr(prediction, truth) == psnr(*copies)


def test_unknown_choices_are_refused():
    frame = np.zeros((12, 12, 3), np.uint8)
    with pytest.raises(ValueError, match="no arithmetic"):
        psnr_by(frame, frame, arithmetic="exakt", data_range="255")
    with pytest.raises(ValueError, match="no range"):
        psnr_by(frame, frame, arithmetic="exact", data_range="1")
    with pytest.raises(ValueError, match="no window"):
        ssim_by(frame, frame, values="unit", window="box", covariance="sample")
    with pytest.raises(ValueError, match="no values"):
        ssim_by(frame, frame, values="grey", window="uniform-7", covariance="sample")
    with pytest.raises(ValueError, match="no covariance"):
        ssim_by(frame, frame, values="unit", window="uniform-7", covariance="pooled")
