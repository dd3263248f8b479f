"""The initial image of the target: sources warped along their transformation flows and averaged where they
overlap.

Paper: section 3.2 of arXiv 2011.09055 ("averaged warped sources"). The released code merges the sources in UV
space instead (``iper_bench.flow.composition``); at small sizes the detour through a UV image of the frame's
own size loses detail, which the direct warp keeps. On request, pixels that no source sees take the first
source's colour along the flow of all its faces, as the released merge does; the paper leaves them empty.
"""

from __future__ import annotations

import torch
from torch import Tensor

from iper_bench.flow.transformation import INVISIBLE
from iper_bench.flow.warp import sample


def averaged_initial_image(images: Tensor, visible_flows: Tensor, full_flow: Tensor | None) -> Tensor:
    """Average the visible warps of ns sources.

    Parameters
    ----------
    images: (ns, 3, S, S) float32 in [-1, 1].
    visible_flows: (nt, ns, S, S, 2) flows of visible faces only.
    full_flow: (nt, S, S, 2) flow of all faces of source 0; ``None`` leaves unseen pixels 0.

    Returns
    -------
    (nt, 3, S, S) float32 in [-1, 1]; 0 outside the body.
    """
    nt, ns, height, width, _ = visible_flows.shape
    flat = visible_flows.reshape(nt * ns, height, width, 2)
    repeated = images.repeat(nt, 1, 1, 1)
    seen = (flat[..., 0] > INVISIBLE).to(images.dtype).unsqueeze(1)
    warped = sample(repeated, flat) * seen
    weight = seen.reshape(nt, ns, 1, height, width).sum(1)
    mean = warped.reshape(nt, ns, 3, height, width).sum(1) / weight.clamp(min=1.0)
    if full_flow is None:
        return mean
    fallback = sample(images[:1].expand(nt, -1, -1, -1), full_flow)
    return torch.where(weight > 0, mean, fallback)
