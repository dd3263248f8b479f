"""The UV image: the sources' colours laid out over the body's texture map and merged.

From: iPERCore's UV extraction and merge. Must agree with ``uv_img_*`` of the ``flow_compose`` oracles to
1e-4. The first source is the front; the others fill what it does not see.
"""

from __future__ import annotations

import torch
from torch import Tensor

from iper_bench.body.rasteriser import rasterise
from iper_bench.flow.condition import uv_image_corners
from iper_bench.flow.morphology import dilate
from iper_bench.flow.transformation import transformation_flow
from iper_bench.flow.warp import sample

SEEN_SIDE = 13  # window by which seen areas grow in UV, hard coded in the released code
_TINY = 1e-5  # released divisor guard of the merge


def rasterise_uv(face_uv: Tensor, size: int, backend: str | None = None) -> tuple[Tensor, Tensor]:
    """Rasterise the UV layout.

    Parameters
    ----------
    face_uv: (F, 3, 2) corners in [0, 1], v up.
    size: side S of the UV image.
    backend: see :func:`iper_bench.body.rasteriser.rasterise`.

    Returns
    -------
    fim (S, S) int64 and wim (S, S, 3) float32, row 0 = v of 1. Mirrored triangles are kept.
    """
    corners = uv_image_corners(face_uv)
    flat = torch.cat([corners, torch.ones_like(corners[..., :1])], -1).reshape(1, -1, 3)
    soup = torch.arange(flat.shape[1], device=flat.device).reshape(-1, 3)
    fim, wim = rasterise(flat, soup, size, cull=False, backend=backend)
    return fim[0], wim[0]


def merge_sources(images: Tensor, flows: Tensor, visible_flows: Tensor) -> Tensor:
    """Sample ns sources into UV and merge them.

    Parameters
    ----------
    images: (ns, 3, S, S) float in [-1, 1].
    flows: (ns, S, S, 2) source -> UV of all faces.
    visible_flows: (ns, S, S, 2) of the faces that the source sees.

    Returns
    -------
    (1, 3, S, S). Places that no source sees hold what the front shows where they project to.
    """
    warped = sample(images, flows)
    if len(images) == 1:
        return warped
    seen = dilate(sample(torch.ones_like(images[:, :1]), visible_flows), SEEN_SIDE)
    count = seen[1:].sum(0, keepdim=True)
    others = (warped[1:] * seen[1:]).sum(0, keepdim=True) / (count + _TINY)
    return torch.where((seen[:1] == 0) & (count >= 1), others, warped[:1])


def source_to_uv(corners: Tensor, fim: Tensor, wim: Tensor) -> Tensor:
    """Flow to UV (ns, S, S, 2) of sources' corners (ns, F, 3, 2) and the layout (S, S), (S, S, 3)."""
    sources = len(corners)
    return transformation_flow(corners, fim.expand(sources, -1, -1), wim.expand(sources, -1, -1, -1))
