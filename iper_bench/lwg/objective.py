"""The generator's objective in training and personalization: the released terms with named weights.

Terms (fact sheet section 3): L1 on the reconstructed sources, L1 on the background where a clean one is
known, a perceptual term on the target, binary cross entropy and total variation of the masks. ``pixel`` (L1
on the composed target) is an addition of ours that short training needs; its weight is 0 in the released
weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Perceptual = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms. The defaults are the released ones (lambda_rec 10, lambda_tsf 10, lambda_mask 5,
    smooth 1).
    """

    source: float = 5.0  # 10, halved together with the background term, as released
    background: float = 5.0
    perceptual: float = 10.0
    pixel: float = 0.0
    mask: float = 5.0
    smooth: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for cards and logs."""
        return asdict(self)


@dataclass(frozen=True)
class StepBatch:
    """One optimisation step's tensors; bs people, ns sources, nt targets, nb backgrounds (the first is the
    person's own).

    Attributes
    ----------
    src_inputs (bs, ns, 6, S, S), bg_inputs (bs, nb, 4, S, S), tsf_inputs (bs, nt, 6, S, S), flows (bs, nt,
    ns, S, S, 2). source_images (bs, ns, 3, S, S), source_masks (bs, ns, 1, S, S) with 1 = background.
    target_images (bs, nt, 3, S, S), target_masks (bs, nt, 1, S, S).
    backgrounds: (bs, nb, 3, S, S) clean backgrounds and ``background_known`` (bs, nb, 1, S, S), 1 where they
        may be trusted.
    """

    src_inputs: Tensor
    bg_inputs: Tensor
    tsf_inputs: Tensor
    flows: Tensor
    source_images: Tensor
    source_masks: Tensor
    target_images: Tensor
    target_masks: Tensor
    backgrounds: Tensor
    background_known: Tensor


def _masked_l1(prediction: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    weight = known.expand_as(truth)
    return ((prediction - truth).abs() * weight).sum() / weight.sum().clamp(min=1.0)


def total_variation(masks: Tensor) -> Tensor:
    """Mean |dx| + mean |dy| of (..., H, W) masks (released form)."""
    return masks.diff(dim=-1).abs().mean() + masks.diff(dim=-2).abs().mean()


def composite_targets(background: Tensor, colours: Tensor, masks: Tensor) -> Tensor:
    """mask * background + (1 - mask) * colour; background (bs, 3, S, S), colours (bs, nt, 3, S, S), masks
    (bs, nt, 1, S, S).
    """
    return masks * background.unsqueeze(1) + (1.0 - masks) * colours


def objective(
    outputs: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    batch: StepBatch,
    weights: LossWeights,
    perceptual: Perceptual | None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Total loss and its unweighted terms.

    Parameters
    ----------
    outputs: what the generator returns with ``only_tsf=False``: backgrounds, source colours, source masks,
        target colours, target masks.
    batch: inputs and truths of the step.
    weights: see :class:`LossWeights`.
    perceptual: ``(prediction, truth) -> scalar`` on (N, 3, S, S) in [-1, 1]; may be ``None`` when its weight
        is 0.
    """
    backgrounds, source_colours, source_masks, colours, masks = outputs
    own = backgrounds[:, 0]
    sources = composite_targets(own, source_colours, source_masks)
    targets = composite_targets(own, colours, masks)
    predicted_masks = torch.cat([source_masks, masks], 1).clamp(1e-6, 1.0 - 1e-6)
    true_masks = torch.cat([batch.source_masks, batch.target_masks], 1)
    terms = {
        "source": F.l1_loss(sources, batch.source_images),
        "background": _masked_l1(backgrounds, batch.backgrounds, batch.background_known),
        "pixel": F.l1_loss(targets, batch.target_images),
        "mask": F.binary_cross_entropy(predicted_masks, true_masks),
        "smooth": total_variation(predicted_masks),
    }
    if weights.perceptual > 0:
        if perceptual is None:
            raise ValueError("a perceptual weight above 0 needs a perceptual network")
        terms["perceptual"] = perceptual(targets.flatten(0, 1), batch.target_images.flatten(0, 1))
    scale = weights.to_json()
    total = torch.stack([scale[name] * value for name, value in terms.items()]).sum()
    return total, terms
