"""Patch discriminators on the whole image, on body and head crops, on scales, and on the background.

From: iPERCore's patch_dis.py and multi_scale_dis.py: ``patch_global``, ``patch_global_local``,
``patch_global_body_head``, ``multi_scale``; keys and shapes of the state dicts are the released ones.
Agrees with: the official modules to 1e-5, including the order of the returned lists (patch_global puts the
background last, the others first) and shorter lists when all boxes are empty.
Differs: multi_scale's logged average, which fails in the released code, is :func:`average_score` for every
class here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.errors import UserError, unknown_name
from iper_bench.lwg.crops import crop_boxes

LEAK = 0.2  # slope of every LeakyReLU (iPERCore)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of every patch network in one discriminator; the defaults are the released ``[Discriminator]``
    table.

    Attributes
    ----------
    cond_nc: channels of (image, condition); bg_cond_nc: channels of (background, mask).
    ndf: channels of the first layer; max_nf_mult: they grow up to this multiple.
    n_layers: number of halvings.
    norm_type: "instance" (no parameters) or "batch" (affine, running statistics; inner convolutions then have
        no bias).
    use_sigmoid: sigmoid at the end.
    """

    cond_nc: int = 6
    bg_cond_nc: int = 4
    ndf: int = 64
    n_layers: int = 4
    max_nf_mult: int = 8
    norm_type: str = "instance"
    use_sigmoid: bool = False

    def __post_init__(self) -> None:
        if self.norm_type not in ("instance", "batch", "batchnorm2d"):
            raise UserError(
                f"unknown norm '{self.norm_type}'",
                where="discriminator configuration",
                expected="'instance' or 'batch'",
            )
        for name in ("cond_nc", "bg_cond_nc", "ndf", "n_layers", "max_nf_mult"):
            if getattr(self, name) < 1:
                raise UserError(
                    f"{name} is {getattr(self, name)}",
                    where="discriminator configuration",
                    expected="a whole number >= 1",
                )

    @classmethod
    def from_official(cls, cfg: Mapping[str, Any]) -> DiscriminatorConfig:
        """Read the official table; its ``name`` is not read, as in the released code. Unknown keys raise
        UserError.
        """
        known = [f.name for f in fields(cls)]
        for key in cfg:
            if key not in known and key != "name":
                raise unknown_name("entry", key, known, where="discriminator configuration")
        return cls(**{key: value for key, value in cfg.items() if key != "name"})


class PatchDiscriminator(nn.Module):
    """Strided 4x4 convolutions that score overlapping patches; keys ``model.<index>``.

    Parameters
    ----------
    input_nc: channels of the input. config: the other sizes.
    """

    def __init__(self, input_nc: int, config: DiscriminatorConfig) -> None:
        super().__init__()
        batch = config.norm_type != "instance"
        layers: list[nn.Module] = [
            nn.Conv2d(input_nc, config.ndf, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAK),
        ]
        before = config.ndf
        for k in range(1, config.n_layers + 1):
            after = config.ndf * min(2**k, config.max_nf_mult)
            stride = 2 if k < config.n_layers else 1
            norm: nn.Module = nn.BatchNorm2d(after) if batch else nn.InstanceNorm2d(after)
            layers += [
                nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=not batch),
                norm,
                nn.LeakyReLU(LEAK),
            ]
            before = after
        layers.append(nn.Conv2d(before, 1, 4, padding=1))
        if config.use_sigmoid:
            layers.append(nn.Sigmoid())
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to a map of scores (N, 1, h, w); 30x30 for 512 px, 14x14 for 256 px at the released
        sizes.
        """
        return self.model(x)


class PatchGlobal(nn.Module):
    """Scores of the whole image and, with ``use_aug_bg``, of the background: ``[global, background]``."""

    def __init__(self, config: DiscriminatorConfig, *, use_aug_bg: bool = False) -> None:
        super().__init__()
        self.global_model = PatchDiscriminator(config.cond_nc, config)
        self._add_crops(config)
        self.bg_model = PatchDiscriminator(config.bg_cond_nc, config) if use_aug_bg else None

    def _add_crops(self, config: DiscriminatorConfig) -> None:
        """Sub-classes add their crop networks here, between the whole image's and the background's (order of
        the keys).
        """

    def background_scores(self, bg_x: Tensor | None) -> list[Tensor]:
        """The background's map, or nothing when there is no network or no input for it."""
        return [] if self.bg_model is None or bg_x is None else [self.bg_model(bg_x)]

    def forward(
        self,
        x: Tensor,
        bg_x: Tensor | None = None,
        body_rects: Tensor | None = None,
        head_rects: Tensor | None = None,
    ) -> list[Tensor]:
        """Score maps.

        Parameters
        ----------
        x: (N, 6, H, W) [image, condition]; bg_x: (N, 4, H, W) [background, mask] or ``None``.
        body_rects, head_rects: (N, 4) integer boxes (x0, x1, y0, y1); not read by this class.
        """
        return [self.global_model(x), *self.background_scores(bg_x)]


def _crop_scores(model: nn.Module, x: Tensor, boxes: Tensor | None, divisor: int) -> list[Tensor]:
    if boxes is None:
        raise ValueError("this discriminator needs boxes")
    crops = crop_boxes(x, boxes, x.shape[-2] // divisor, x.shape[-1] // divisor)
    return [] if crops is None else [model(crops)]


class PatchGlobalLocal(PatchGlobal):
    """``[background, global, body crop]``; the body is cropped to half the image size."""

    def _add_crops(self, config: DiscriminatorConfig) -> None:
        self.local_model = PatchDiscriminator(config.cond_nc, config)

    def forward(
        self,
        x: Tensor,
        bg_x: Tensor | None = None,
        body_rects: Tensor | None = None,
        head_rects: Tensor | None = None,
    ) -> list[Tensor]:
        """See :meth:`PatchGlobal.forward`; ``body_rects`` are read. Samples with an empty box are left out of
        the crop's map.
        """
        local = _crop_scores(self.local_model, x, body_rects, 2)
        return [*self.background_scores(bg_x), self.global_model(x), *local]


class PatchGlobalBodyHead(PatchGlobal):
    """``[background, global, body crop, head crop]``; body at half, head at a quarter of the image size."""

    def _add_crops(self, config: DiscriminatorConfig) -> None:
        self.body_model = PatchDiscriminator(config.cond_nc, config)
        self.head_model = PatchDiscriminator(config.cond_nc, config)

    def forward(
        self,
        x: Tensor,
        bg_x: Tensor | None = None,
        body_rects: Tensor | None = None,
        head_rects: Tensor | None = None,
    ) -> list[Tensor]:
        """See :meth:`PatchGlobal.forward`; both kinds of boxes are read, samples with an empty box are left
        out.
        """
        body = _crop_scores(self.body_model, x, body_rects, 2)
        head = _crop_scores(self.head_model, x, head_rects, 4)
        return [*self.background_scores(bg_x), self.global_model(x), *body, *head]


class MultiScaleDiscriminator(nn.Module):
    """``[global, full size, half size]``.

    Parameters
    ----------
    config: ``cond_nc`` is the channel count of the scaled input.
    global_nc: channels of the separate whole-image input; ``None`` = without it.
    """

    def __init__(self, config: DiscriminatorConfig, *, global_nc: int | None = None) -> None:
        super().__init__()
        self.scale_models = nn.ModuleList(PatchDiscriminator(config.cond_nc, config) for _ in range(2))
        self.global_model = None if global_nc is None else PatchDiscriminator(global_nc, config)

    def forward(self, x: Tensor, global_x: Tensor | None = None) -> list[Tensor]:
        """x (N, cond_nc, H, W) and, when the class has a global part, global_x (N, global_nc, H, W) to score
        maps.
        """
        outputs = []
        if self.global_model is not None:
            if global_x is None:
                raise ValueError("this discriminator needs global_x")
            outputs.append(self.global_model(global_x))
        half = F.interpolate(
            x, size=(x.shape[-2] // 2, x.shape[-1] // 2), mode="bilinear", align_corners=True
        )
        return [*outputs, self.scale_models[0](x), self.scale_models[1](half)]


DISCRIMINATORS: dict[str, type[PatchGlobal]] = {
    "patch_global": PatchGlobal,
    "patch_global_local": PatchGlobalLocal,
    "patch_global_body_head": PatchGlobalBodyHead,
}
"""Factory names of iPERCore (``dis_name``) that take a configuration table."""


def build_discriminator(
    name: str,
    config: DiscriminatorConfig | None = None,
    *,
    use_aug_bg: bool = False,
    global_nc: int | None = 6,
) -> nn.Module:
    """Build a discriminator by its released name; ``global_nc`` is read by "multi_scale" only. Unknown names:
    UserError.
    """
    config = config or DiscriminatorConfig()
    if name == "multi_scale":
        return MultiScaleDiscriminator(config, global_nc=global_nc)
    if name not in DISCRIMINATORS:
        raise unknown_name("discriminator", name, [*DISCRIMINATORS, "multi_scale"])
    return DISCRIMINATORS[name](config, use_aug_bg=use_aug_bg)


def average_score(outputs: Sequence[Tensor]) -> Tensor:
    """Mean over sub-networks of the mean of each map, without gradient (for logs); scalar."""
    return torch.stack([o.detach().mean() for o in outputs]).mean()
