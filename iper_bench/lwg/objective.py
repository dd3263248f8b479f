"""The generator's objective in training and personalization: the released terms with named weights.

Terms (as in iPERCore's LWGTrainer): L1 on the reconstructed sources, L1 on the background where a clean
one is known, a perceptual term on the target, binary cross entropy and total variation of the masks.
``pixel`` (L1 on the composed target) is an addition of ours that short training needs; its weight is 0 in the
released weights. ``adversarial`` is the least-squares term of a discriminator that the caller brings; it is
off by default. :class:`TermKinds` names the terms that the paper writes in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from iper_bench.errors import unknown_name
from iper_bench.lwg.losses import mask_loss, smoothness_loss, squared_mask_loss, squared_smoothness_loss
from iper_bench.lwg.released_objective import FaceDistance, Fakes, Reals

Perceptual = Callable[[Tensor, Tensor], Tensor]
Critic = Callable[[Fakes], Tensor]  # the unweighted adversarial term of the generator's images, a scalar
MaskKind = Literal["bce-matte", "l2-silhouette"]
BackgroundKind = Literal["known", "last"]


class Outputs(NamedTuple):
    """What a generator made of a batch: backgrounds (bs, nb, 3, S, S), colours (bs, nt, 3, S, S) and masks
    (bs, nt, 1, S, S) of the targets, 1 = background, and the same of the sources (bs, ns, .., S, S), ``None``
    for generators that do not reconstruct them.
    """

    backgrounds: Tensor
    source_colours: Tensor | None
    source_masks: Tensor | None
    colours: Tensor
    masks: Tensor


class FaceTerm(NamedTuple):
    """The face identity term: its weight (released lambda_face: 5) and the distance of head crops."""

    weight: float
    distance: FaceDistance


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms. The defaults are the released ones (lambda_rec 10, lambda_tsf 10, lambda_mask 5,
    smooth 1) but for ``adversarial``, which is 0 here and 1 in the release (lambda_D_prob).
    """

    source: float = 5.0  # 10, halved together with the background term, as released
    background: float = 5.0
    perceptual: float = 10.0
    pixel: float = 0.0
    mask: float = 5.0
    smooth: float = 1.0
    adversarial: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for cards and logs."""
        return asdict(self)


@dataclass(frozen=True)
class TermKinds:
    """How some terms are written.

    Attributes
    ----------
    mask: ``"bce-matte"``: binary cross entropy with the mattes and absolute total variation (released);
        ``"l2-silhouette"``: squared difference from the bodies' silhouettes and squared total variation (the
        paper).
    background: ``"known"`` compares every background wherever its truth is known; ``"last"`` only the last
        one, which is the auxiliary one where there is one (released).

    Raises
    ------
    UserError for a kind that does not exist.
    """

    mask: MaskKind = "bce-matte"
    background: BackgroundKind = "known"

    def __post_init__(self) -> None:
        for field, known in (("mask", get_args(MaskKind)), ("background", get_args(BackgroundKind))):
            if getattr(self, field) not in known:
                raise unknown_name(f"kind of {field} term", str(getattr(self, field)), known)

    def to_json(self) -> dict[str, str]:
        """Plain dictionary for weight metadata."""
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
    body_boxes, head_boxes: (bs, nt, 4) int64 (x0, x1, y0, y1) of the targets, or ``None`` where no
        discriminator and no face term looks at crops.
    target_flows: (bs, nt - 1, S, S, 2) flows from each target to the next one, for temporal generators only.
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
    body_boxes: Tensor | None = None
    head_boxes: Tensor | None = None
    target_flows: Tensor | None = None

    def to(self, device: torch.device) -> StepBatch:
        """The same batch on ``device``."""
        present = {name: value for name, value in vars(self).items() if value is not None}
        return StepBatch(**{name: value.to(device) for name, value in present.items()})

    @classmethod
    def stack(cls, samples: Sequence[StepBatch]) -> StepBatch:
        """One batch of several people's samples, whose tensors lack the first dimension. All of them or none
        have boxes.
        """
        present = [name for name, value in vars(samples[0]).items() if value is not None]
        return cls(**{name: torch.stack([getattr(s, name) for s in samples]) for name in present})

    def reals(self) -> Reals:
        """What a discriminator compares with: the background is the last one (the auxiliary one where there
        is one), as released.
        """
        return Reals(
            sources=self.source_images,
            targets=self.target_images,
            background=self.backgrounds[:, -1],
            masks=torch.cat([self.source_masks, self.target_masks], 1),
            tsf_inputs=self.tsf_inputs,
            bg_inputs=self.bg_inputs,
            body_boxes=None if self.body_boxes is None else self.body_boxes.flatten(0, 1),
            head_boxes=None if self.head_boxes is None else self.head_boxes.flatten(0, 1),
        )


def _masked_l1(prediction: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    weight = known.expand_as(truth)
    return ((prediction - truth).abs() * weight).sum() / weight.sum().clamp(min=1.0)


def _mask_terms(masks: Tensor, batch: StepBatch, kind: MaskKind) -> tuple[Tensor, Tensor]:
    """Mask and smoothness term of the predicted masks (bs, ns + nt, 1, S, S), or (bs, nt, 1, S, S) where
    there are none of the sources.
    """
    count = masks.shape[1]
    if kind == "l2-silhouette":
        # last channel of the condition: 1 = no body
        silhouettes = torch.cat([batch.src_inputs[:, :, -1:], batch.tsf_inputs[:, :, -1:]], 1)
        return squared_mask_loss(masks, silhouettes[:, -count:]), squared_smoothness_loss(masks)
    mattes = torch.cat([batch.source_masks, batch.target_masks], 1)
    return mask_loss(masks, mattes[:, -count:]), smoothness_loss(masks)


def joined_masks(outputs: Outputs) -> Tensor:
    """All predicted masks, sources first: (bs, ns + nt, 1, S, S), or (bs, nt, 1, S, S) without sources."""
    _, _, source_masks, _, masks = outputs
    return masks if source_masks is None else torch.cat([source_masks, masks], 1)


def composite_targets(background: Tensor, colours: Tensor, masks: Tensor) -> Tensor:
    """mask * background + (1 - mask) * colour; background (bs, 3, S, S), colours (bs, nt, 3, S, S), masks
    (bs, nt, 1, S, S).
    """
    return masks * background.unsqueeze(1) + (1.0 - masks) * colours


def composed(outputs: Outputs) -> Fakes:
    """What a discriminator sees of a generator's outputs (see :func:`objective`): targets over the person's
    own background, and the backgrounds.
    """
    backgrounds, _, _, colours, masks = outputs
    targets = composite_targets(backgrounds[:, 0], colours, masks)
    return Fakes(targets, backgrounds, joined_masks(outputs))


def objective(
    outputs: Outputs,
    batch: StepBatch,
    weights: LossWeights,
    perceptual: Perceptual | None,
    critic: Critic | None = None,
    kinds: TermKinds | None = None,
    face: FaceTerm | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Total loss and its unweighted terms.

    Parameters
    ----------
    outputs: what the generator made; without source colours there is no source term.
    batch: inputs and truths of the step.
    weights: see :class:`LossWeights`.
    perceptual: ``(prediction, truth) -> scalar`` on (N, 3, S, S) in [-1, 1]; may be ``None`` when its weight
        is 0.
    critic: the adversarial term of the composed images; may be ``None`` when its weight is 0.
    kinds: see :class:`TermKinds`; ``None`` = the defaults.
    face: see :class:`FaceTerm`; ``None`` = without.

    Raises
    ------
    ValueError when a weight above 0 lacks its network, or the face term its boxes.
    """
    backgrounds, _, _, colours, masks = outputs
    targets = composite_targets(backgrounds[:, 0], colours, masks)
    predicted_masks = joined_masks(outputs).clamp(1e-6, 1.0 - 1e-6)
    kinds = kinds or TermKinds()
    mask, smooth = _mask_terms(predicted_masks, batch, kinds.mask)
    terms = {**_plain_terms(outputs, targets, batch, kinds), "mask": mask, "smooth": smooth}
    made, wanted = targets.flatten(0, 1), batch.target_images.flatten(0, 1)
    if weights.perceptual > 0:
        if perceptual is None:
            raise ValueError("a perceptual weight above 0 needs a perceptual network")
        terms["perceptual"] = perceptual(made, wanted)
    if weights.adversarial > 0:
        if critic is None:
            raise ValueError("an adversarial weight above 0 needs a discriminator")
        terms["adversarial"] = critic(Fakes(targets, backgrounds, predicted_masks))
    scale = weights.to_json()
    if face is not None:
        if batch.head_boxes is None:
            raise ValueError("the face term needs head boxes")
        terms["face"] = face.distance(made, wanted, batch.head_boxes.flatten(0, 1))
        scale["face"] = face.weight
    total = torch.stack([scale[name] * value for name, value in terms.items()]).sum()
    return total, terms


def _plain_terms(outputs: Outputs, targets: Tensor, batch: StepBatch, kinds: TermKinds) -> dict[str, Tensor]:
    """The L1 terms ``source``, ``background`` and ``pixel``."""
    backgrounds, source_colours, source_masks, _, _ = outputs
    terms = {}
    if source_colours is not None and source_masks is not None:
        sources = composite_targets(backgrounds[:, 0], source_colours, source_masks)
        terms["source"] = F.l1_loss(sources, batch.source_images)
    compared = slice(-1, None) if kinds.background == "last" else slice(None)
    terms["background"] = _masked_l1(
        backgrounds[:, compared], batch.backgrounds[:, compared], batch.background_known[:, compared]
    )
    terms["pixel"] = F.l1_loss(targets, batch.target_images)
    return terms
