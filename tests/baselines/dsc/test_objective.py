"""Losses of DSC against the oracle, by hand, and as laws."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from iper_bench.baselines.dsc.objective import (
    LOG_GUARD,
    adversarial_loss,
    discriminator_loss,
    nearest_neighbour_loss,
    nearest_neighbour_maps,
    plain_loss,
)

from tests.oracles import cases, load, oracle_files

FILES = oracle_files("baselines/dsc_losses*.npz")
RELATIVE = 1e-5  # the oracle's own tolerance, float32 sums


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle_nearest_neighbours(path) -> None:
    arrays = load(path)
    truth, drawn = (torch.from_numpy(arrays[name]) for name in ("ref_real", "tgt_generated"))
    for window in map(int, cases(arrays, "nn_")):
        found = nearest_neighbour_maps(truth, drawn, window).numpy()
        np.testing.assert_allclose(found, arrays[f"nn_{window}"], rtol=RELATIVE, atol=1e-6)
    (name,) = (key for key in arrays if key.startswith("loss_full_w"))
    weight, window = name.removeprefix("loss_full_w").split("_nn")  # w001 = 0.01
    total = float(weight) / 10 ** (len(weight) - 1) * nearest_neighbour_loss(truth, drawn, int(window))
    assert float(total) == pytest.approx(float(arrays[name]), rel=RELATIVE)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle_adversarial(path) -> None:
    arrays = load(path)
    real, fake = torch.from_numpy(arrays["d_probs_real_then_fake"]).chunk(2)
    assert float(discriminator_loss(real, fake)) == pytest.approx(float(arrays["d_loss"]), rel=RELATIVE)
    assert float(adversarial_loss(fake)) == pytest.approx(float(arrays["g_gan_loss"]), rel=RELATIVE)


def test_adversarial_by_hand() -> None:
    half = torch.full((2, 3), 0.5)
    assert float(discriminator_loss(half, half)) == pytest.approx(2 * math.log(2), rel=1e-6)
    assert float(adversarial_loss(half)) == pytest.approx(math.log(2), rel=1e-6)
    certain = torch.zeros(1)
    assert float(adversarial_loss(certain)) == pytest.approx(-math.log(LOG_GUARD), rel=1e-6)  # finite
    assert float(discriminator_loss(1 - certain, certain)) == pytest.approx(0.0, abs=1e-6)


def test_plain_by_hand() -> None:
    drawn, truth = torch.tensor([0.0, 1.0, -1.0, 0.5]), torch.tensor([0.5, 1.0, 1.0, 0.5])
    assert float(plain_loss(drawn, truth)) == 2.5 / 4


def test_shift_inside_the_window_costs_nothing() -> None:
    truth = torch.rand(1, 3, 10, 12)
    drawn = truth.roll((1, -1), (2, 3))
    maps = nearest_neighbour_maps(truth, drawn, 3)
    assert maps[:, 1:, :-1].abs().max() == 0.0
    assert plain_loss(drawn, truth) > 0.1
    assert nearest_neighbour_maps(truth, truth.roll(2, 3), 3)[..., 2:].mean() > 0.1  # outside the window


def test_wider_windows_cost_no_more_and_one_is_the_plain_distance() -> None:
    truth, drawn = torch.randn(2, 4, 9, 7), torch.randn(2, 4, 9, 7)
    maps = [nearest_neighbour_maps(truth, drawn, window) for window in (1, 3, 5, 7)]
    torch.testing.assert_close(maps[0], (truth - drawn).abs().sum(1), rtol=0, atol=0)
    for narrow, wide in pairwise(maps):
        assert (wide <= narrow).all()


def test_gradient_is_that_of_the_minimum() -> None:
    """Against stacking all shifts and taking the minimum, in float64."""
    truth = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    drawn = torch.randn(2, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(nearest_neighbour_loss(truth, drawn, 3), drawn)
    padded = torch.nn.functional.pad(truth, (1, 1, 1, 1), value=-10_000.0)
    shifts = [padded[..., y : y + 6, x : x + 5] for y in range(3) for x in range(3)]
    stacked = torch.stack([(shift - drawn).abs().sum(1) for shift in shifts])
    (expected,) = torch.autograd.grad(stacked.amin(0).mean(), drawn)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_even_window() -> None:
    with pytest.raises(ValueError, match="window 4"):
        nearest_neighbour_maps(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4), 4)
