"""The rasteriser's z-buffer as one NVIDIA Warp kernel, for CPU and CUDA (extra ``fast``).

Must agree with the torch backend of ``iper_bench.body.rasteriser`` on every pixel: both take the same grid
coordinates and do the same integer arithmetic. Only this file needs Warp and nothing imports it before the
backend is asked for. The kernel is compiled on first use (about two seconds) into Warp's own cache,
``WARP_CACHE_PATH``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import warp as wp
from torch import Tensor

from iper_bench.body.rasteriser import (
    EMPTY,
    FACE_BITS,
    FARTHEST_UNITS,
    GUARD_BITS,
    NEAREST_UNITS,
    NEARNESS_TOP,
    SUBPIXEL,
    SUBPIXEL_BITS,
)

if TYPE_CHECKING:
    from iper_bench.body.rasteriser import Snapped

_ONE = wp.constant(wp.int64(1))
_TWO = wp.constant(wp.int64(2))
_HALF = wp.constant(wp.int64(SUBPIXEL // 2))
_STEP = wp.constant(wp.int64(SUBPIXEL))
_STEP_BITS = wp.constant(wp.int64(SUBPIXEL_BITS))
_GUARD = wp.constant(wp.int64(GUARD_BITS))
_GUARD_HALF = wp.constant(wp.int64(1 << (GUARD_BITS - 1)))
_FACE = wp.constant(wp.int64(FACE_BITS))
_TOP = wp.constant(wp.int64(NEARNESS_TOP))
_FAR = wp.constant(wp.int64(FARTHEST_UNITS))
_NEAR = wp.constant(wp.int64(NEAREST_UNITS))


@wp.func
def _edge(ax: wp.int64, ay: wp.int64, bx: wp.int64, by: wp.int64, px: wp.int64, py: wp.int64) -> wp.int64:
    return (ax - px) * (by - py) - (ay - py) * (bx - px)


@wp.func
def _share(edge: wp.int64, area: wp.int64, nearness: wp.float64) -> wp.int64:
    return wp.int64((wp.float64(edge) / wp.float64(area)) * nearness)


@wp.kernel(enable_backward=False)
def _cover_face(
    x: wp.array2d(dtype=wp.int64),  # type: ignore[valid-type]
    y: wp.array2d(dtype=wp.int64),  # type: ignore[valid-type]
    nearness: wp.array2d(dtype=wp.float64),  # type: ignore[valid-type]
    faces: wp.array2d(dtype=wp.int64),  # type: ignore[valid-type]
    size: int,
    cull: int,
    keys: wp.array2d(dtype=wp.int64),  # type: ignore[valid-type]
) -> None:
    """One thread per image and face: lower the keys of the pixels that the face covers."""
    image, face = wp.tid()  # type: ignore[misc]
    i = int(faces[face, 0])
    j = int(faces[face, 1])
    k = int(faces[face, 2])
    ax = x[image, i]
    ay = y[image, i]
    bx = x[image, j]
    by = y[image, j]
    cx = x[image, k]
    cy = y[image, k]
    qa = nearness[image, i]
    qb = nearness[image, j]
    qc = nearness[image, k]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    behind = qa <= wp.float64(0.0) or qb <= wp.float64(0.0) or qc <= wp.float64(0.0)
    if area == wp.int64(0) or behind or (cull != 0 and area > wp.int64(0)):
        return
    sign = _ONE
    if area < wp.int64(0):
        sign = -_ONE
    area = area * sign
    last = wp.int64(size - 1)
    offset = _HALF * last
    left = wp.max((wp.min(ax, wp.min(bx, cx)) + offset + _STEP - _ONE) >> _STEP_BITS, wp.int64(0))
    right = wp.min((wp.max(ax, wp.max(bx, cx)) + offset) >> _STEP_BITS, last)
    top = wp.max((wp.min(ay, wp.min(by, cy)) + offset + _STEP - _ONE) >> _STEP_BITS, wp.int64(0))
    bottom = wp.min((wp.max(ay, wp.max(by, cy)) + offset) >> _STEP_BITS, last)
    for row in range(int(top), int(bottom) + 1):
        py = _TWO * _HALF * wp.int64(row) - offset
        for column in range(int(left), int(right) + 1):
            px = _TWO * _HALF * wp.int64(column) - offset
            ea = _edge(bx, by, cx, cy, px, py) * sign
            eb = _edge(cx, cy, ax, ay, px, py) * sign
            ec = area - ea - eb
            if ea >= wp.int64(0) and eb >= wp.int64(0) and ec >= wp.int64(0):
                near = _share(ea, area, qa) + _share(eb, area, qb) + _share(ec, area, qc)
                near = (near + _GUARD_HALF) >> _GUARD
                if near > _FAR and near < _NEAR:
                    key = ((_TOP - near) << _FACE) | wp.int64(face)
                    wp.atomic_min(keys, image, row * size + column, key)


def _silence() -> None:
    """No banner among a run's output; Warp 1.10 and later read ``log_level``, earlier ones ``quiet``."""
    if hasattr(wp, "LOG_ERROR"):
        wp.config.log_level = wp.LOG_ERROR
    else:
        wp.config.quiet = True


def nearest_keys(snapped: Snapped, faces: Tensor, size: int, *, cull: bool) -> Tensor:
    """Packed key of the nearest face of every pixel.

    Parameters
    ----------
    snapped: vertices on the grid, N images of V vertices.
    faces: (F, 3) int64.
    size: side S of the raster.
    cull: drop back faces.

    Returns
    -------
    (N * S * S,) int64, ``EMPTY`` where no face covers the pixel; the same as the torch backend's.
    """
    device = snapped.x.device
    images = len(snapped.x)
    keys = torch.full((images, size * size), EMPTY, dtype=torch.int64, device=device)
    if images and len(faces):
        _silence()
        wp.init()
        planes = [wp.from_torch(plane.contiguous()) for plane in (*snapped, faces)]
        stream = wp.stream_from_torch(torch.cuda.current_stream(device)) if device.type == "cuda" else None
        wp.launch(
            _cover_face,
            dim=(images, len(faces)),
            inputs=[*planes, size, int(cull), wp.from_torch(keys)],
            device=wp.device_from_torch(device),
            stream=stream,
        )
    return keys.view(-1)
