"""Kinds of loss terms: known answers of the paper's forms, nothing changed without them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from iper_bench.lwg.losses import squared_mask_loss, squared_smoothness_loss
from iper_bench.lwg.objective import LossWeights, Outputs, StepBatch, TermKinds, objective
from tests.training.small import new_sampler

WEIGHTS = LossWeights(perceptual=0.0)
PAPER_MASK = TermKinds(mask="l2-silhouette")


@pytest.fixture(scope="module")
def batch() -> StepBatch:
    """Two people with an auxiliary background each; mattes are made unlike the silhouettes."""
    drawn = new_sampler().batch(0, people=2, source_counts=(2,), targets=2)
    return replace(
        drawn, source_masks=1.0 - drawn.source_masks, target_masks=torch.full_like(drawn.target_masks, 0.5)
    )


def outputs(batch: StepBatch, level: float | None = None) -> Outputs:
    """True pictures, with the silhouettes or one level everywhere as masks."""
    masks = [x[:, :, -1:] for x in (batch.src_inputs, batch.tsf_inputs)]
    if level is not None:
        masks = [torch.full_like(mask, level) for mask in masks]
    return batch.backgrounds, batch.source_images, masks[0], batch.target_images, masks[1]


def test_silhouettes_are_the_truth_of_the_papers_mask_term(batch: StepBatch) -> None:
    _, terms = objective(outputs(batch), batch, WEIGHTS, None, kinds=PAPER_MASK)
    assert float(terms["mask"]) < 1e-11  # masks are kept 1e-6 away from 0 and 1
    _, terms = objective(outputs(batch, 0.25), batch, WEIGHTS, None, kinds=PAPER_MASK)
    background = torch.cat([batch.src_inputs[:, :, -1:], batch.tsf_inputs[:, :, -1:]], 1).mean()
    wanted = background * 0.75**2 + (1 - background) * 0.25**2
    assert float(terms["mask"]) == pytest.approx(float(wanted), rel=1e-5)
    assert float(terms["smooth"]) == 0.0


def test_squared_terms_known_answers() -> None:
    masks = torch.tensor([[[[0.0, 0.5], [1.0, 0.5]]]])
    # along x: 0.5^2 and 0.5^2, mean 0.25; along y: 1^2 and 0, mean 0.5
    assert float(squared_smoothness_loss(masks)) == pytest.approx(0.75)
    assert float(squared_mask_loss(masks, torch.zeros_like(masks))) == pytest.approx((0.25 + 1 + 0.25) / 4)


def test_last_background_alone_is_compared(batch: StepBatch) -> None:
    made = batch.backgrounds.clone()
    made[:, 0] += 0.3
    made[:, 1] += 0.1
    changed = (made, *outputs(batch)[1:])
    _, known = objective(changed, batch, WEIGHTS, None)
    _, last = objective(changed, batch, WEIGHTS, None, kinds=TermKinds(background="last"))
    assert float(known["background"]) == pytest.approx(0.2, rel=1e-5)
    assert float(last["background"]) == pytest.approx(0.1, rel=1e-5)


def test_other_terms_do_not_depend_on_the_kinds(batch: StepBatch) -> None:
    total, plain = objective(outputs(batch, 0.3), batch, WEIGHTS, None)
    same, default = objective(outputs(batch, 0.3), batch, WEIGHTS, None, kinds=TermKinds())
    assert torch.equal(total, same)
    _, paper = objective(outputs(batch, 0.3), batch, WEIGHTS, None, kinds=PAPER_MASK)
    for name, value in plain.items():
        assert torch.equal(value, default[name])
        assert torch.equal(value, paper[name]) == (name != "mask"), name  # level masks are smooth both ways
