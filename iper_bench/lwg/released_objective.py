"""The released training objectives: total generator and discriminator losses as iPERCore's trainers put them
together.

From: LWGAugBGTrainer (training with auxiliary backgrounds), LWGTrainer (personalization), BaselineTrainer
(TextureWarping and InputConcat).
Agrees with: the official totals and terms to a relative 1e-5.
Differs: images arrive composed; the perceptual and face terms are any callables.

Kept as released: source and background L1 are halved together; the discriminator loss has no 1/2; the same
boxes, those of the target, serve real and fake images; the background discriminator sees the last background
(the auxiliary one) and its mask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from iper_bench.errors import unknown_name
from iper_bench.lwg.config import IMAGE_CHANNELS
from iper_bench.lwg.discriminator import average_score
from iper_bench.lwg.losses import (
    FAKE_TARGET,
    GENERATOR_TARGET,
    REAL_TARGET,
    ScoreJoin,
    adversarial_loss,
    mask_loss,
    reconstruction_loss,
    smoothness_loss,
)

ImageDistance = Callable[[Tensor, Tensor], Tensor]
FaceDistance = Callable[[Tensor, Tensor, Tensor], Tensor]
Judge = Callable[..., list[Tensor]]  # a discriminator, see :func:`score_maps` for what it is called with


@dataclass(frozen=True)
class Lambdas:
    """Weights of the released objective (the paper's differ: lambda_a = 2.5 for mask and smoothness
    together).
    """

    lambda_rec: float = 10.0
    lambda_tsf: float = 10.0
    lambda_face: float = 5.0
    lambda_mask: float = 5.0
    lambda_mask_smooth: float = 1.0
    lambda_D_prob: float = 1.0  # noqa: N815 - the released option's name

    @classmethod
    def from_official(cls, options: Mapping[str, Any]) -> Lambdas:
        """Read the official option table; ``use_*`` switches are not weights and are left out. Unknown keys:
        UserError.
        """
        known = [f.name for f in fields(cls)]
        values = {k: v for k, v in options.items() if not k.startswith("use_")}
        for key in values:
            if key not in known:
                raise unknown_name("loss weight", key, known)
        return cls(**values)


@dataclass(frozen=True)
class Fakes:
    """What the generator made, composed.

    Attributes
    ----------
    targets: (bs, nt, 3, H, W); backgrounds: (bs, nb, 3, H, W), the last one is compared with the known
        background.
    masks: (bs, ns + nt, 1, H, W) in [0, 1], sources first; (bs, nt, 1, H, W) for generators without source
        reconstruction.
    sources: (bs, ns, 3, H, W), or ``None`` for generators without source reconstruction.
    """

    targets: Tensor
    backgrounds: Tensor
    masks: Tensor
    sources: Tensor | None = None


@dataclass(frozen=True)
class Reals:
    """What the images should have been.

    Attributes
    ----------
    sources: (bs, ns, 3, H, W); targets: (bs, nt, 3, H, W); background: (bs, 3, H, W), clean or pseudo.
    masks: (bs, ns + nt, 1, H, W), 1 = background.
    tsf_inputs: (bs, nt, 6, H, W); bg_inputs: (bs, nb, 4, H, W).
    body_boxes, head_boxes: (bs * nt, 4) integers of the targets, or ``None`` for a discriminator without
        crops.
    """

    sources: Tensor
    targets: Tensor
    background: Tensor
    masks: Tensor
    tsf_inputs: Tensor
    bg_inputs: Tensor
    body_boxes: Tensor | None = None
    head_boxes: Tensor | None = None


def score_maps(discriminator: Judge, targets: Tensor, background: Tensor, reals: Reals) -> list[Tensor]:
    """Score maps that ``discriminator`` gives (bs, nt, 3, H, W) target images and a (bs, 3, H, W) background,
    one per sub-discriminator; conditions, masks and boxes come from ``reals``.
    """
    condition = reals.tsf_inputs[:, :, IMAGE_CHANNELS:]
    x = torch.cat([targets, condition], 2).flatten(0, 1)
    bg_x = torch.cat([background, reals.bg_inputs[:, -1, IMAGE_CHANNELS:]], 1)
    return discriminator(x, bg_x=bg_x, body_rects=reals.body_boxes, head_rects=reals.head_boxes)


def _reconstruction(fakes: Fakes, reals: Reals) -> Tensor:
    background = reconstruction_loss(fakes.backgrounds[:, -1], reals.background)
    if fakes.sources is None:
        return background
    return (reconstruction_loss(fakes.sources, reals.sources) + background) / 2.0


def generator_loss(
    fakes: Fakes,
    reals: Reals,
    discriminator: Judge,
    *,
    weights: Lambdas | None = None,
    perceptual: ImageDistance = reconstruction_loss,
    face: FaceDistance | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The generator's total loss and its weighted terms ``g_rec``, ``g_tsf``, ``g_face``, ``g_adv``,
    ``g_mask``, ``g_smooth``.

    Parameters
    ----------
    perceptual: (N, 3, H, W) images of targets, twice, to a scalar; plain L1 when no perceptual network is at
        hand.
    face: as ``perceptual`` with head boxes as third argument; ``None`` = without the face term.
    """
    weights = weights or Lambdas()
    made, wanted = fakes.targets.flatten(0, 1), reals.targets.flatten(0, 1)
    scores = score_maps(discriminator, fakes.targets, fakes.backgrounds[:, -1], reals)
    true_masks = reals.masks[:, -fakes.masks.shape[1] :]
    terms = {
        "g_rec": weights.lambda_rec * _reconstruction(fakes, reals),
        "g_tsf": weights.lambda_tsf * perceptual(made, wanted),
        "g_adv": weights.lambda_D_prob * adversarial_loss(scores, GENERATOR_TARGET),
        "g_mask": weights.lambda_mask * mask_loss(fakes.masks, true_masks),
        "g_smooth": weights.lambda_mask_smooth * smoothness_loss(fakes.masks),
    }
    if face is not None:
        if reals.head_boxes is None:
            raise ValueError("the face term needs head boxes")
        terms["g_face"] = weights.lambda_face * face(made, wanted, reals.head_boxes)
    return torch.stack(list(terms.values())).sum(), terms


def generator_term(fakes: Fakes, reals: Reals, discriminator: Judge, *, joined: ScoreJoin = "mean") -> Tensor:
    """The generator's unweighted adversarial term alone, a scalar; ``joined`` as in
    :func:`iper_bench.lwg.losses.adversarial_loss`.
    """
    scores = score_maps(discriminator, fakes.targets, fakes.backgrounds[:, -1], reals)
    return adversarial_loss(scores, GENERATOR_TARGET, joined=joined)


def discriminator_loss(
    fakes: Fakes,
    reals: Reals,
    discriminator: Judge,
    *,
    weights: Lambdas | None = None,
    joined: ScoreJoin = "mean",
) -> tuple[Tensor, dict[str, Tensor]]:
    """The discriminator's total loss and the mean scores ``d_real_avg``, ``d_fake_avg``; the fakes are
    detached here. ``joined``: over sub-discriminators, the released mean or the paper's sum.
    """
    weights = weights or Lambdas()
    real = score_maps(discriminator, reals.targets, reals.background, reals)
    fake = score_maps(discriminator, fakes.targets.detach(), fakes.backgrounds[:, -1].detach(), reals)
    total = weights.lambda_D_prob * (
        adversarial_loss(real, REAL_TARGET, joined=joined)
        + adversarial_loss(fake, FAKE_TARGET, joined=joined)
    )
    return total, {"d_real_avg": average_score(real), "d_fake_avg": average_score(fake)}
