"""Losses of appearance flow by hand and as laws; the networks' oracles have none."""

from __future__ import annotations

import math

import pytest
import torch
from iper_bench.baselines.appflow.objective import mask_loss, reconstruction


def test_known_reconstruction() -> None:
    drawn, target = torch.zeros(2, 3, 2, 2), torch.zeros(2, 3, 2, 2)
    drawn[0, :, 0, 0], drawn[1, 0] = 6.0, -3.0
    assert reconstruction(drawn, target).item() == pytest.approx((6 * 3 + 3 * 4) / 24)
    mask = torch.zeros(2, 1, 2, 2)
    mask[0, 0, 0], mask[1, 0, 1, 1] = 1.0, 0.6
    # of every image its own mean: 6 in one of two pixels; 3 in one of three channels
    assert reconstruction(drawn, target, mask).item() == pytest.approx((3.0 + 1.0) / 2)


def test_a_full_mask_changes_nothing_and_an_empty_one_counts_nothing() -> None:
    torch.manual_seed(0)
    drawn, target = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    whole = reconstruction(drawn, target, torch.ones(2, 1, 4, 4)).item()
    assert whole == pytest.approx(reconstruction(drawn, target).item(), rel=1e-6)
    assert reconstruction(drawn, target, torch.zeros(2, 1, 4, 4)).item() == 0.0


def test_known_mask_loss() -> None:
    mask = torch.tensor([[[[1.0, 0.0]]]])
    assert mask_loss(torch.zeros(1, 2, 1, 2), mask).item() == pytest.approx(math.log(2))
    sure = torch.zeros(1, 2, 1, 2)
    sure[0, 1, 0, 0] = sure[0, 0, 0, 1] = 20.0
    assert mask_loss(sure, mask).item() < 1e-6 < 19 < mask_loss(sure, 1 - mask).item()
