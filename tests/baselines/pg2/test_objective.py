"""Losses of PG2 against the original's, by hand, and as laws."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from iper_bench.baselines.pg2.objective import discriminator_loss, generator_adversarial, masked_l1
from torch.nn import functional as F

from tests.baselines.pg2.references import FILES, reference


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle(path: Path) -> None:
    """From the images and logits of the networks; absolute 1e-5, the sheet's tolerance for losses."""
    arrays, networks = reference(path)
    source, target, mask = arrays["src"], arrays["tgt"], arrays["mask_tgt"]
    first = networks.first(source, arrays["pose_tgt"])
    drawn = first + networks.second(first, source)
    logits = networks.judge(torch.cat([target, drawn, source])).chunk(3)
    found = {
        "g1_loss": masked_l1(first, target, mask),
        "g2_l1": masked_l1(drawn, target, mask),
        "g_adv": generator_adversarial(logits[1], logits[2]),
        "d_loss": discriminator_loss(*logits),
    }
    for name, value in found.items():
        torch.testing.assert_close(value.detach(), arrays[name], atol=1e-5, rtol=0, msg=name)
    total = found["g_adv"] + 50 * found["g2_l1"]
    torch.testing.assert_close(total.detach(), arrays["g2_total"], atol=5e-4, rtol=0)  # 50 times 1e-5


def test_the_mask_counts_twice() -> None:
    image, target = torch.full((1, 3, 4, 4), 0.5), torch.zeros(1, 3, 4, 4)
    mask = torch.zeros(1, 1, 4, 4)
    assert masked_l1(image, target, mask).item() == pytest.approx(0.5)
    assert masked_l1(image, target, torch.ones_like(mask)).item() == pytest.approx(1.0)
    mask[..., :2, :] = 1
    assert masked_l1(image, target, mask).item() == pytest.approx(0.75)
    assert masked_l1(image, image, mask).item() == 0.0
    torch.testing.assert_close(masked_l1(image, target, mask), masked_l1(target, image, mask))


def test_undecided_logits() -> None:
    zero = torch.zeros(3)
    assert generator_adversarial(zero, zero).item() == pytest.approx(math.log(2))
    assert discriminator_loss(zero, zero, zero).item() == pytest.approx(math.log(2))


def test_the_source_halves_the_generators_gradient() -> None:
    drawn = torch.randn(4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (with_source,) = torch.autograd.grad(generator_adversarial(drawn, torch.zeros(4)), drawn)
    alone = F.binary_cross_entropy_with_logits(drawn, torch.ones(4))
    torch.testing.assert_close(with_source, torch.autograd.grad(alone, drawn)[0] / 2)


def test_each_side_wants_the_opposite() -> None:
    low, high = torch.full((2,), -3.0), torch.full((2,), 3.0)
    assert generator_adversarial(high, low) < generator_adversarial(low, low)
    assert discriminator_loss(high, low, low) < discriminator_loss(high, high, low)
    assert discriminator_loss(high, low, low) < discriminator_loss(high, low, high)
    assert discriminator_loss(high, low, low) < discriminator_loss(low, low, low)
