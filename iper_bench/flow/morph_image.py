"""The morph image: the person alone, with the band around it filled from its own edge colours.

From: iPERCore's source preparation (``morph_img``), which replaces the source image for the source stream and
for the UV image, so that warps never drag background onto the body. Must agree with the ``flow_compose``
oracles to 1e-4 outside their tie pixels. Differs: among equally near edge pixels the topmost, then leftmost,
is taken; the released top-k is arbitrary there.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from iper_bench.flow.morphology import dilate, erode, thin_edges
from iper_bench.flow.neighbours import nearest_places

EDGE_NEIGHBOURS = 3  # edge pixels that colour a band pixel, in the released code


def silhouettes(
    alphas: Tensor, background: Tensor, erode_side: int, dilate_side: int
) -> tuple[Tensor, Tensor]:
    """The pixels that surely show the person, and those that may.

    Parameters
    ----------
    alphas: (N, 1, S, S) person matte in [0, 1]; background: (N, 1, S, S) background channel of the condition,
        1 = no body.
    erode_side, dilate_side: odd window sides in pixels.

    Returns
    -------
    confident, outer: (N, 1, S, S) of 0 and 1.
    """
    person_or_body = (alphas + 1.0 - background > 0).to(alphas.dtype)
    return erode(alphas, erode_side), dilate(person_or_body, dilate_side)


def morph_image(
    images: Tensor,
    confident: Tensor,
    outer: Tensor,
    *,
    fill_band: bool = True,
    edges: Tensor | None = None,
) -> Tensor:
    """Cut out the person and fill the band between the two silhouettes.

    Parameters
    ----------
    images: (N, 3, S, S) float in [-1, 1].
    confident, outer: (N, 1, S, S) from :func:`silhouettes`.
    fill_band: ``False`` leaves the band at 0, which is much faster.
    edges: (N, 1, S, S) bool, the pixels that give the band its colours; ``None`` = the thin edges of
        ``confident``.

    Returns
    -------
    (N, 3, S, S); 0 outside ``outer``. A band pixel mixes the colours of its three nearest edge pixels with
    weights proportional to the SQUARED distance, so the farthest weighs most, as in the released code.
    Without any edge pixel the band stays 0.
    """
    cut = images * confident
    if not fill_band:
        return cut
    if edges is None:
        edges = thin_edges(confident)
    band = (outer > 0) & (confident == 0)
    for n in range(len(images)):
        if bool(edges[n].any()) and bool(band[n].any()):
            _fill(images[n], cut[n], edges[n, 0], band[n, 0])
    return cut


def _fill(image: Tensor, result: Tensor, edge: Tensor, hole: Tensor) -> None:
    """Write the band pixels of one image (3, S, S) into ``result``."""
    edge_places = edge.nonzero()
    hole_places = hole.nonzero()
    order, squared = nearest_places(edge_places.cpu().numpy(), hole_places.cpu().numpy(), EDGE_NEIGHBOURS)
    total = squared.sum(1, keepdims=True)
    share = np.where(total > 0, squared / np.maximum(total, 1), 1.0 / squared.shape[1])
    chosen = edge_places[torch.from_numpy(order).to(edge_places.device)]
    colours = image[:, chosen[..., 0], chosen[..., 1]]
    mixed = (colours * torch.from_numpy(share).to(colours)).sum(-1)
    result[:, hole_places[:, 0], hole_places[:, 1]] = mixed
