"""Weak-perspective cameras ``[s, tx, ty]``: projection and the choice of the target camera.

From: iPERCore's camera strategies (``cam_swap``). Must agree with the ``cameras`` oracle to 1e-5 relative.
Image coordinates are x right and y DOWN, both in [-1, 1]. Cameras of whole sequences (crop frames, ground
contact, jumps) live in ``iper_bench.body.camera_track``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from iper_bench.errors import unknown_name

STRATEGIES = ("smooth", "source", "copy", "ref_txty")  # iPERCore's names; "smooth" is its default


def project(vertices: Tensor, cams: Tensor) -> Tensor:
    """Weak-perspective projection that keeps the depth.

    Parameters
    ----------
    vertices: (N, V, 3) float, y-down camera frame, metres.
    cams: (N, 3) or (3,) ``[s, tx, ty]``.

    Returns
    -------
    (N, V, 3): s (X + tx), s (Y + ty) in [-1, 1] inside the image, and Z unchanged (metres).
    """
    cams = cams.to(vertices).reshape(-1, 1, 3)
    image = cams[..., :1] * (vertices[..., :2] + cams[..., 1:])
    return torch.cat([image, vertices[..., 2:].expand(*image.shape[:-1], 1)], dim=-1)


def swap_camera(strategy: str, source_cam: Tensor, reference_cam: Tensor, first_cam: Tensor) -> Tensor:
    """The camera under which a target is drawn.

    Parameters
    ----------
    strategy: ``smooth`` keeps the source's camera and adds the reference's motion since its first frame,
        ``source`` keeps the source's camera, ``copy`` takes the reference's, ``ref_txty`` takes the
        reference's translation only.
    source_cam, reference_cam, first_cam: (..., 3), broadcastable; ``first_cam`` belongs to frame 0 of the
        reference.

    Returns
    -------
    (..., 3) ``[s, tx, ty]``.

    Raises
    ------
    UserError for an unknown strategy.
    """
    shape = np.broadcast_shapes(source_cam.shape, reference_cam.shape, first_cam.shape)
    source, reference, first = (cam.expand(shape) for cam in (source_cam, reference_cam, first_cam))
    if strategy == "smooth":
        scale = source[..., :1] * (reference[..., :1] / first[..., :1])
        return torch.cat([scale, source[..., 1:] + (reference[..., 1:] - first[..., 1:])], dim=-1)
    if strategy == "source":
        return source.clone()
    if strategy == "copy":
        return reference.clone()
    if strategy == "ref_txty":
        return torch.cat([source[..., :1], reference[..., 1:]], dim=-1)
    raise unknown_name("camera strategy", strategy, STRATEGIES)
