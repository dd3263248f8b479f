"""Losses of DIAF.

From: sections 3 and 4 of the paper and the facts of the released code. Must agree with ``diaf_flow_losses``,
``diaf_vgg_loss`` and the losses and gradients of the ``diaf_pipeline`` oracles (relative 1e-4, gradients
1e-2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from iper_bench.baseline_kit.vgg import RELU1_1, RELU2_1, RELU3_1, RELU4_1, RELU5_1

from .flow_network import CLASSES, FLOW_UNIT, FlowOutput
from .warping import BACKGROUND, VISIBLE, warp

FINEST_WEIGHT = 0.32  # of the flow at H/2; every coarser level weighs half of the one before
VISIBILITY_WEIGHT, PARTS_WEIGHT = 1.0, 5.0  # beside the flow term's 1
PART_COUNT = 7  # background, head, torso, arms, legs
BARE = 0  # label of the background
GANS = ("bce", "lsgan")
NORMS = ("l2", "l1")
CONTENT_WEIGHTS = (0.125,) * 5
VGG_ENDS = (RELU1_1, RELU2_1, RELU3_1, RELU4_1, RELU5_1)
VGG_MEAN, VGG_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet, levels in [0, 1]

Features = Callable[[Tensor, Sequence[int]], list[Tensor]]


def pyramid_loss(pyramid: Sequence[Tensor], flow: Tensor, visibility: Tensor, norm: str = "l2") -> Tensor:
    """Error of the flow at every scale, on the body; scalar.

    Parameters
    ----------
    pyramid: flow at H/2, H/4, ... in units of 20 pixels of the FULL resolution. flow: (N, 2, H, W) in
        pixels. visibility: (N, 1, H, W) classes.
    norm: ``"l2"``, the length of the error, or ``"l1"``, the mean of its two absolute values.
    """
    body = (visibility < BACKGROUND).to(flow.dtype)
    terms = []
    for level, predicted in enumerate(pyramid):
        side = 2 << level
        truth = F.avg_pool2d(flow / FLOW_UNIT, side)
        error = predicted - truth
        if norm == "l2":
            error = torch.linalg.vector_norm(error, dim=1, keepdim=True)
        else:
            error = error.abs().mean(1, keepdim=True)
        terms.append(FINEST_WEIGHT / (1 << level) * body_mean(error, F.max_pool2d(body, side)))
    return torch.stack(terms).sum()


def body_mean(values: Tensor, body: Tensor) -> Tensor:
    """Mean of ``values`` (N, 1, H, W) where ``body`` is 1, of every image, then over images; scalar. An image
    without body counts 0.
    """
    count = body.sum((1, 2, 3)).clamp(min=1)
    return ((values * body).sum((1, 2, 3)) / count).mean()


def end_point_error(predicted: Tensor, flow: Tensor, visibility: Tensor) -> Tensor:
    """Mean distance in pixels between two flows (N, 2, H, W) on the body; scalar."""
    body = (visibility < BACKGROUND).to(flow.dtype)
    return body_mean(torch.linalg.vector_norm(predicted - flow, dim=1, keepdim=True), body)


def parts_loss(
    predicted: Tensor, flow: Tensor, visibility: Tensor, source_parts: Tensor, target_parts: Tensor
) -> Tensor:
    """Absolute error of the flow where it leads to another part of the body; scalar, mean over all pixels.

    Parameters
    ----------
    predicted, flow: (N, 2, H, W) in pixels. visibility: (N, 1, H, W) classes; hidden pixels and background
        do not count. source_parts, target_parts: (N, H, W) labels 0..6; target pixels of label 0 do not
        count.
    """
    with torch.no_grad():
        planes = F.one_hot(source_parts.long(), PART_COUNT).movedim(-1, 1).to(flow.dtype)
        reached = warp(planes, predicted).gather(1, target_parts.long().unsqueeze(1))
        wrong = (reached == 0) & (visibility == VISIBLE) & (target_parts.unsqueeze(1) != BARE)
    return ((predicted - flow).abs() * wrong).mean() / FLOW_UNIT


def visibility_loss(logits: Tensor, visibility: Tensor) -> Tensor:
    """Cross entropy of (N, 3, H, W) logits and (N, 1, H, W) classes over all pixels; scalar."""
    if logits.shape[1] != CLASSES:
        raise ValueError(f"{logits.shape[1]} classes of visibility; expected {CLASSES}")
    return F.cross_entropy(logits, visibility[:, 0].long())


def flow_terms(
    output: FlowOutput,
    flow: Tensor,
    visibility: Tensor,
    source_parts: Tensor,
    target_parts: Tensor,
    norm: str = "l2",
) -> dict[str, Tensor]:
    """The first stage's terms ``flow``, ``visibility``, ``parts`` and their weighted sum ``total``."""
    terms = {
        "flow": pyramid_loss(output.pyramid, flow, visibility, norm),
        "visibility": visibility_loss(output.visibility, visibility),
        "parts": parts_loss(FLOW_UNIT * output.flow, flow, visibility, source_parts, target_parts),
    }
    total = terms["flow"] + VISIBILITY_WEIGHT * terms["visibility"] + PARTS_WEIGHT * terms["parts"]
    return {**terms, "total": total}


def content_distance(
    features: Features, image: Tensor, truth: Tensor, weights: Sequence[float] = CONTENT_WEIGHTS
) -> Tensor:
    """Weighted sum of the mean absolute differences of VGG19's features; scalar.

    Parameters
    ----------
    features: image and layer indices of torchvision's VGG19 to feature maps. image, truth: (N, 3, H, W) in
        [-1, 1]; no gradient flows into ``truth``. weights: of relu1_1 .. relu5_1.
    """
    with torch.no_grad():
        wanted = features(vgg_input(truth), VGG_ENDS)
    got = features(vgg_input(image), VGG_ENDS)
    terms = [weight * F.l1_loss(a, b) for weight, a, b in zip(weights, got, wanted, strict=True)]
    return torch.stack(terms).sum()


def vgg_input(image: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] to ImageNet's normalisation."""
    mean, deviation = (image.new_tensor(row).view(1, 3, 1, 1) for row in (VGG_MEAN, VGG_DEVIATION))
    return ((image + 1) / 2 - mean) / deviation


def adversarial(logits: Tensor, kind: str = "bce") -> Tensor:
    """How far a drawn image's logits are from "real"; scalar. ``kind``: of :data:`GANS`, cross entropy or
    least squares.
    """
    return F.softplus(-logits).mean() if kind == "bce" else (logits - 1).square().mean()


def discriminator_loss(real: Tensor, drawn: Tensor, kind: str = "bce") -> Tensor:
    """Half of how far real images' logits are from "real" and drawn ones' from "drawn"; scalar."""
    of_drawn = F.softplus(drawn).mean() if kind == "bce" else drawn.square().mean()
    return 0.5 * (adversarial(real, kind) + of_drawn)
