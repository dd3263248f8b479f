"""What the flow network learns from: maps of posed meshes, and keypoint maps.

From: the facts of the released data scripts and loaders. Keypoint maps must agree with the ``diaf_geometry``
oracle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from iper_bench.body.loading import load_body
from iper_bench.conditions.body_flow import pair_maps
from iper_bench.errors import UserError, unknown_name

from .warping import BACKGROUND

NAME_BYTES = 1024  # of a body's name or path, in a batch of tensors
JOINT_MAPS = ("binary", "gaussian")


def joint_maps(points: Tensor, size: tuple[int, int], radius: float, kind: str = "binary") -> Tensor:
    """One map per keypoint.

    Parameters
    ----------
    points: (..., K, 2) x, y in pixels; NaN = missing, which gives a map of zeros.
    size: (height, width). radius: pixels.
    kind: ``"binary"``, 1 within ``radius``; or ``"gaussian"``, exp(-d^2 / radius^2).

    Returns
    -------
    (..., K, height, width) float32.

    Raises
    ------
    UserError for another ``kind``.
    """
    if kind not in JOINT_MAPS:
        raise unknown_name("kind of joint maps", kind, JOINT_MAPS, where="settings of 'diaf'")
    rows, columns = (torch.arange(side, device=points.device, dtype=points.dtype) for side in size)
    across = (columns - points[..., :1]).square()[..., None, :]
    down = (rows - points[..., 1:]).square()[..., :, None]
    distance = across + down
    if kind == "binary":
        return (distance <= radius**2).float()
    return torch.exp(-distance / radius**2).nan_to_num(0.0).float()


def name_tensor(name: str) -> Tensor:
    """A body's name as (1024,) uint8, because a batch holds tensors alone. Raises UserError for a longer
    one.
    """
    content = name.encode()
    if len(content) > NAME_BYTES:
        raise UserError(f"{len(content)} bytes", where="name of the body", expected=f"up to {NAME_BYTES}")
    return torch.from_numpy(np.frombuffer(content.ljust(NAME_BYTES, b"\0"), np.uint8).copy())


def tensor_name(content: Tensor) -> str:
    """The name of :func:`name_tensor`."""
    return bytes(content.cpu().numpy()).rstrip(b"\0").decode()


@dataclass(frozen=True)
class FlowTruth:
    """Maps of N pairs on one device: ``flow`` (N, 2, S, S) float32 pixels, ``visibility`` (N, 1, S, S)
    float32 classes, ``source_parts`` and ``target_parts`` (N, S, S) uint8 labels 0..6.
    """

    flow: Tensor
    visibility: Tensor
    source_parts: Tensor
    target_parts: Tensor


def flow_truth(batch: Mapping[str, Tensor], size: int, *, window: int, neighbours: bool) -> FlowTruth:
    """The maps of a batch, drawn on the device where its tensors lie.

    Parameters
    ----------
    batch: ``betas`` (N, 10), ``poses`` (N, 2, 72), ``cams`` (N, 2, 3), ``body`` (N, 1024) names.
    size: side S. window, neighbours: see :func:`iper_bench.conditions.body_flow.pair_maps`.
    """
    names = [tensor_name(one) for one in batch["body"]]
    device = batch["poses"].device
    found: list[FlowTruth | None] = [None] * len(names)
    for name in dict.fromkeys(names):
        rows = [row for row, one in enumerate(names) if one == name]
        maps = pair_maps(
            load_body(name).to(device),
            batch["betas"][rows],
            batch["poses"][rows],
            batch["cams"][rows],
            size,
            window=window,
            neighbours=neighbours,
        )
        for k, row in enumerate(rows):
            found[row] = FlowTruth(
                torch.from_numpy(maps.flow[k]).to(device),
                torch.from_numpy(maps.visibility[k]).to(device).float()[None],
                torch.from_numpy(maps.source_parts[k]).to(device),
                torch.from_numpy(maps.target_parts[k]).to(device),
            )
    return _joined([one for one in found if one is not None])


def _joined(truths: list[FlowTruth]) -> FlowTruth:
    return FlowTruth(
        *(
            torch.stack([getattr(one, field) for one in truths])
            for field in ("flow", "visibility", "source_parts", "target_parts")
        )
    )


def shifted(truth: FlowTruth, shifts: Tensor) -> FlowTruth:
    """The maps after every target image is moved by ``shifts`` (N, 2) whole pixels x, y; what comes in from
    outside is background.
    """
    made = []
    for k, (x, y) in enumerate(shifts.tolist()):
        visibility = _moved(truth.visibility[k], x, y, BACKGROUND)
        offset = shifts[k].to(truth.flow.dtype).view(2, 1, 1)
        flow = (_moved(truth.flow[k], x, y, 0) - offset) * (visibility < BACKGROUND)
        parts = _moved(truth.target_parts[k], x, y, 0)
        made.append(FlowTruth(flow, visibility, truth.source_parts[k], parts))
    return _joined(made)


def _moved(plane: Tensor, x: int, y: int, fill: float) -> Tensor:
    """(..., H, W) moved by x to the right and y down."""
    height, width = plane.shape[-2:]
    moved = torch.full_like(plane, fill)
    if abs(x) < width and abs(y) < height:
        moved[..., max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = plane[
            ..., max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)
        ]
    return moved
