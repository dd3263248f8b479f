"""Losses of SHUP by hand and as laws."""

from __future__ import annotations

import math

import pytest
import torch
from iper_bench.baselines.shup.objective import (
    VGG_LAYERS,
    VGG_WIDTHS,
    FeatureSpread,
    LiteDistance,
    VggDistance,
    discriminator_loss,
    distance_of,
    generator_adversarial,
    moments_of,
    standardised_distance,
)

from iper_bench.baseline_kit.vgg import Vgg19
from iper_bench.errors import UserError

SLIM = 32


def distance(seed: int = 0) -> tuple[VggDistance, FeatureSpread]:
    torch.manual_seed(seed)
    spread = FeatureSpread([width // SLIM for width in VGG_WIDTHS])
    return VggDistance(Vgg19(VGG_LAYERS[-1], divisor=SLIM, pooling="avg"), spread), spread


def images(seed: int, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_twelve_layers() -> None:
    features = distance()[0].features(images(0))
    assert [one.shape[1] * SLIM for one in features] == list(VGG_WIDTHS)
    assert [one.shape[-1] for one in features] == [32] * 2 + [16] * 2 + [8] * 4 + [4] * 4


def test_distance_by_hand() -> None:
    """Two layers; differences 3 and 2 over deviations 2.9 and 0.9, each plus 0.1."""
    drawn = [torch.full((1, 1, 2, 2), 4.0), torch.full((1, 2, 1, 1), 2.0)]
    truth = [torch.full((1, 1, 2, 2), 1.0), torch.zeros(1, 2, 1, 1)]
    deviations = [torch.full((1, 1, 1), 2.9), torch.full((2, 1, 1), 0.9)]
    assert standardised_distance(drawn, truth, deviations).item() == pytest.approx((1.0 + 2.0) / 2)


def test_spread_is_the_deviation_over_all_batches() -> None:
    spread = FeatureSpread([2, 1])
    first = [torch.randn(3, 2, 4, 4) * 5 + 2, torch.randn(3, 1, 2, 2)]
    second = [torch.randn(3, 2, 4, 4) - 1, torch.randn(3, 1, 2, 2) * 3]
    for features in (first, second):
        spread.add(moments_of(features))
    for layer, found in enumerate(spread.deviations()):
        every = torch.cat([first[layer], second[layer]]).double()
        expected = every.std((0, 2, 3), correction=0).float()
        torch.testing.assert_close(found[:, 0, 0], expected, rtol=1e-5, atol=1e-6)
    other = FeatureSpread([2, 1])
    other.load_state_dict(spread.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(spread.deviations(), other.deviations(), strict=True))


def test_nothing_measured() -> None:
    loss, _ = distance()
    with pytest.raises(ValueError, match="no training image"):
        loss(images(0), images(1))


def test_distance_of_vgg() -> None:
    """Zero for equal images; larger for a larger difference; gradients for the drawn image alone; a spread
    of twice the size halves it.
    """
    loss, spread = distance()
    spread.add(moments_of(loss.features(images(5, 8))))
    truth, drawn = images(1), images(2).requires_grad_()
    assert loss(truth, truth).item() == 0.0
    near = truth + 0.1 * (drawn - truth)
    assert 0 < loss(near, truth) < loss(drawn, truth)
    loss(drawn, truth).backward()
    assert drawn.grad is not None
    assert drawn.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in loss.parameters())
    before = loss(drawn, truth).item()
    spread.mean *= 2
    spread.square *= 4
    assert before / 2 < loss(drawn, truth).item() < before / 2 * 1.2  # 0.1 beside small deviations


def test_colours_enter_vgg_in_its_order() -> None:
    """Red at ImageNet's mean plus one deviation, in blue, green, red: 1 in the first channel."""
    loss, _ = distance()
    red, green, blue = 0.485 + 0.229, 0.456, 0.406
    image = torch.tensor([blue, green, red]).view(1, 3, 1, 1).expand(1, 3, 32, 32) * 2 - 1
    seen: list[torch.Tensor] = []
    loss.vgg.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    loss.features(image)
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([1.0, 0.0, 0.0]), atol=1e-5, rtol=0)


def test_stand_in_sees_red_green_blue() -> None:
    loss = LiteDistance()
    drawn, truth = images(3), images(4)
    assert loss(drawn, truth).item() == pytest.approx(loss.loss(drawn.flip(1), truth.flip(1)).item())
    assert loss(truth, truth).item() == 0.0


def test_names_of_distances() -> None:
    assert distance_of("none", None, None) is None
    assert isinstance(distance_of("efficientnet-lite0", None, None), LiteDistance)
    with pytest.raises(UserError, match="weights of VGG19"):
        distance_of("vgg19", None, FeatureSpread())
    with pytest.raises(UserError, match="perceptual network"):
        distance_of("vgg16", None, None)


def test_adversarial_terms_by_hand() -> None:
    real, drawn = torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 3.0])

    def cross_entropy(logit: float, label: int) -> float:
        probability = 1 / (1 + math.exp(-logit))
        return -math.log(probability if label else 1 - probability)

    expected = [cross_entropy(2, 1), cross_entropy(0, 1), cross_entropy(-1, 0), cross_entropy(3, 0)]
    assert discriminator_loss(real, drawn).item() == pytest.approx(sum(expected) / 4, rel=1e-5)
    fooled = (cross_entropy(-1, 1) + cross_entropy(3, 1)) / 2
    assert generator_adversarial(drawn).item() == pytest.approx(fooled, rel=1e-5)
