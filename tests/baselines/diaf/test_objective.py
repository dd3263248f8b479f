"""Losses of DIAF against the original's numbers, by hand, and as laws."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from iper_bench.baselines.diaf.content import content_term
from iper_bench.baselines.diaf.flow_network import FlowOutput
from iper_bench.baselines.diaf.objective import (
    FINEST_WEIGHT,
    adversarial,
    content_distance,
    discriminator_loss,
    end_point_error,
    flow_terms,
    parts_loss,
    pyramid_loss,
    vgg_input,
    visibility_loss,
)

from iper_bench.errors import UserError
from tests.baselines.diaf.references import slim_vgg, tensors
from tests.oracles import config, oracle_files

RELATIVE = 1e-4  # of the references' description, for single losses


def agree(got: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(got, wanted.to(got.dtype).view(got.shape), rtol=RELATIVE, atol=0)


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_flow_losses*.npz"), ids=lambda p: p.stem)
def test_flow_losses(path: Path) -> None:
    told, a, out = config(path), tensors(path, "in/"), tensors(path, "out/")
    assert told["l_weight"] == FINEST_WEIGHT
    pyramid = [a[f"flow_pyr_{level}"] for level in range(told["num_scale"])]
    flow, visibility = a["flow_tar"], a["vis_tar"]
    agree(pyramid_loss(pyramid, flow, visibility), out["ms_flow_l2"])
    agree(pyramid_loss(pyramid, flow, visibility, "l1"), out["ms_flow_l1"])
    agree(end_point_error(a["flow_out"], flow, visibility), out["EPE"])
    agree(parts_loss(a["flow_out"], flow, visibility, a["seg_label_1"], a["seg_label_2"]), out["ss_flow_l1"])
    agree(visibility_loss(a["vis_out"], visibility), out["vis_ce"])
    # the reference's full flow is in pixels already
    output = FlowOutput(a["flow_out"] / 20, a["vis_out"], pyramid, a["flow_out"])
    terms = flow_terms(output, flow, visibility, a["seg_label_1"], a["seg_label_2"])
    agree(terms["total"], out["total_flow_objective"])


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_vgg_loss*.npz"), ids=lambda p: p.stem)
def test_content(path: Path) -> None:
    told, a, out = config(path), tensors(path, "in/"), tensors(path, "out/")
    vgg = slim_vgg(tensors(path, "sd/"))
    torch.testing.assert_close(vgg_input(a["x"]), out["normalized_x"], atol=1e-5, rtol=0)
    agree(content_distance(vgg, a["x"], a["y"]), out["content_balanced"])
    agree(content_distance(vgg, a["x"], a["y"], told["balanced"]), out["content_balanced"])
    agree(content_distance(vgg, a["x"], a["y"], told["imbalanced"]), out["content_imbalanced"])
    assert content_distance(vgg, a["x"], a["x"]).item() == 0


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_discriminator*.npz"), ids=lambda p: p.stem)
def test_adversarial(path: Path) -> None:
    told, out = config(path), tensors(path, "out/")
    judged = out["train"].double()
    logits = torch.logit(judged) if told["use_sigmoid"] else judged
    agree(adversarial(logits, told["gan"]), out["gan_true"])
    both = 0.5 * (out["gan_true"] + out["gan_false"])
    agree(discriminator_loss(logits, logits, told["gan"]), both)


def test_pyramid_by_hand() -> None:
    """A flow of (60, 80) pixels everywhere on the body is 3 and 4 units at every level: predicted as zero it
    is 5 away.
    """
    flow = torch.tensor([60.0, 80.0]).view(1, 2, 1, 1).expand(1, 2, 8, 8)
    body = torch.zeros(1, 1, 8, 8)
    zero = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2)]
    assert pyramid_loss(zero, flow, body).item() == pytest.approx(5 * 0.32 * 1.5)
    assert pyramid_loss(zero, flow, body + 2).item() == 0  # no body, no error
    assert end_point_error(torch.zeros_like(flow), flow, body).item() == pytest.approx(100)


def test_parts_by_hand() -> None:
    """Two rows of parts 1 and 2 in the source; the target shows part 1 alone."""
    source = torch.tensor([[1] * 4, [1] * 4, [2] * 4, [2] * 4]).unsqueeze(0)
    target = torch.ones(1, 4, 4, dtype=torch.int64)
    visible, truth = torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 4)
    up = torch.zeros(1, 2, 4, 4)
    up[:, 1] = 2.0  # the upper half now points into part 2, the lower half out of the image
    up[:, 1, 2:] = -2.0  # ... and now back into part 1
    assert parts_loss(up, truth, visible, source, target).item() == pytest.approx(2 * 8 / 32 / 20)
    assert parts_loss(up, truth, visible + 1, source, target).item() == 0
    assert parts_loss(up, truth, visible, source, target * 0).item() == 0  # the background has no part
    assert parts_loss(up, up, visible, source, target).item() == 0


def test_losses_of_undecided_logits() -> None:
    zero = torch.zeros(2, 1, 3, 3)
    assert adversarial(zero).item() == pytest.approx(math.log(2))
    assert discriminator_loss(zero, zero).item() == pytest.approx(math.log(2))
    assert adversarial(zero, "lsgan").item() == 1
    assert discriminator_loss(zero, zero + 3, "lsgan").item() == 5
    assert visibility_loss(torch.zeros(2, 3, 4, 4), torch.ones(2, 1, 4, 4)).item() == pytest.approx(
        math.log(3)
    )
    with pytest.raises(ValueError, match="2 classes"):
        visibility_loss(torch.zeros(2, 2, 4, 4), torch.ones(2, 1, 4, 4))


def test_better_is_less() -> None:
    torch.manual_seed(0)
    real, drawn = torch.randn(2, 1, 3, 3), torch.randn(2, 1, 3, 3)
    assert adversarial(drawn + 1) < adversarial(drawn)
    assert discriminator_loss(real + 1, drawn - 1) < discriminator_loss(real, drawn)
    flow = torch.randn(1, 2, 8, 8)
    body = torch.zeros(1, 1, 8, 8)
    away = [end_point_error(flow + by, flow, body) for by in (0.0, 1.0, 2.0)]
    assert away == sorted(away)


def test_content_terms_by_name() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    truth = torch.rand(1, 3, 32, 32)
    assert content_term("none", None)(image, truth).item() == 0
    term = content_term("efficientnet-lite0", None)
    assert term(image, truth) > term(truth, truth) == 0
    with pytest.raises(UserError, match="VGG19"):
        content_term("vgg19", None)
    with pytest.raises(UserError, match="perceptual network 'vgg16'"):
        content_term("vgg16", None)
