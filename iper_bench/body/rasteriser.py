"""Rasteriser: which face, and where in it, every pixel shows.

From: the rule of the Neural Mesh Renderer as iPERCore uses it (orthographic, look-at identity, near 0.1, far
100). Must agree with the ``flow_render`` oracles: index maps within 0.1 % of the pixels, weights within 2e-4.
Differs: corners are snapped to a grid of 1/65536 pixel and all decisions are taken on integers, so that every
backend (torch on CPU and CUDA, Warp, a plain reference) gives the same pixels and shared edges leave neither
gaps nor arbitrary ties; faces with a corner behind the camera are dropped whole.

The arithmetic, in full:

* corner = round(65536 * S/2 * (x, y)), measured from the image centre; pixel centre = 32768 * (2i + 1 - S);
* edge functions and area: exact 64-bit integers; a centre on an edge is inside;
* weight w_k = edge_k / area, one float64 division;
* corner nearness q_k = round(2^35 / (z_k + 2.732...)), pixel nearness = sum(trunc(w_k * q_k * 2^14)) rounded
  to units of 2^14;
* the nearest wins, then the lowest face index.

Every float64 operation above stands alone, so fused multiply-add cannot change a result.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import NamedTuple, overload

import torch
from torch import Tensor

from iper_bench.errors import UserError, unknown_name

BACKENDS = ("torch", "warp")
BACKEND_VARIABLE = "IPER_BENCH_RASTERISER"
EYE_DISTANCE = 1.0 / math.tan(math.radians(30.0)) + 1.0  # 2.7320508, eye of the released renderer
NEAR, FAR = 0.1, 100.0  # metres from the eye; defaults of the Neural Mesh Renderer
SUBPIXEL_BITS = 16
SUBPIXEL = 1 << SUBPIXEL_BITS  # grid steps per pixel: finer than float32 resolves at 128 px and above
REACH = 1 << 29  # largest corner coordinate in grid steps: products of differences then fit 64 bits
NEARNESS_BITS = 35  # fraction bits of 1/depth: 2e-10 m at the eye distance
GUARD_BITS = 14  # extra bits in the sum over corners, so that equal depths stay equal after rounding
FACE_BITS = 24  # low bits of the packed key hold the face index
NEARNESS_TOP = (1 << 39) - 1  # 1/depth stays below 16 = 2^4 for everything beyond NEAREST
NEAREST = 1.0 / 16.0  # corners nearer to the eye than this count as behind it; NEAR cuts pixels before
FARTHEST_UNITS = int((1 << NEARNESS_BITS) / FAR)  # nearness at the far plane
NEAREST_UNITS = int((1 << NEARNESS_BITS) / NEAR)  # nearness at the near plane
EMPTY = (1 << 63) - 1  # packed key of a pixel that no face covers
_PAIRS_AT_ONCE = 1 << 20  # face-pixel pairs held in memory together


class Snapped(NamedTuple):
    """Vertices on the grid, each (N, V): ``x``, ``y`` int64 steps from the centre, ``nearness`` float64."""

    x: Tensor
    y: Tensor
    nearness: Tensor


class Spans(NamedTuple):
    """Runs of pixels of one face in one pixel row, all images together; R runs.

    ``edge`` (3, R) int64 edge values at column 0 and ``step`` (3, R) their growth per column; ``first`` (R,)
    first covered column, ``length`` (R,) covered columns, ``base`` (R,) flat index of column 0; ``face``
    (R,); ``nearness`` (3, R) float64.
    """

    edge: Tensor
    step: Tensor
    first: Tensor
    length: Tensor
    base: Tensor
    face: Tensor
    nearness: Tensor


@torch.no_grad()
def rasterise(
    projected: Tensor, faces: Tensor, size: int, *, cull: bool = True, backend: str | None = None
) -> tuple[Tensor, Tensor]:
    """Face index and barycentric weights of every pixel.

    Parameters
    ----------
    projected: (N, V, 3) float: x, y (down) in [-1, 1] and depth z in metres, larger = farther.
    faces: (F, 3) int64, on the same device.
    size: side S of the square raster, in pixels.
    cull: drop faces that turn clockwise in the y-up image (back faces).
    backend: ``torch`` or ``warp`` (needs warp-lang, extra ``fast``); both give identical results. ``None``
        takes the one that :func:`chosen_backend` names.

    Returns
    -------
    fim (N, S, S) int64, -1 = background, row 0 = top; wim (N, S, S, 3) float32 in the vertex order of
    ``faces``, 0 = background.

    Raises
    ------
    ValueError for vertices that are not finite or lie more than 8192 pixels from the image centre, or more
    than 2^24 faces.
    UserError for an unknown backend, or when Warp is asked for and not installed.
    """
    backend = chosen_backend() if backend is None else backend
    if backend not in BACKENDS:
        raise unknown_name("rasteriser backend", backend, BACKENDS)
    if faces.shape[0] > 1 << FACE_BITS:
        raise ValueError(f"{faces.shape[0]} faces; at most {1 << FACE_BITS} can be indexed")
    snapped = snap(projected, size)
    faces = faces.to(torch.int64)
    if backend == "warp":
        keys = _warp_keys()(snapped, faces, size, cull=cull)
    else:
        spans = _spans(snapped, faces, size, cull=cull)
        keys = _nearest_keys(spans, len(projected) * size * size)
    return _resolve(keys, snapped, faces, size)


def chosen_backend() -> str:
    """What the environment variable IPER_BENCH_RASTERISER says, else ``torch``, which is always there.

    Raises UserError for a name that is not a backend.
    """
    name = os.environ.get(BACKEND_VARIABLE) or BACKENDS[0]
    if name not in BACKENDS:
        raise unknown_name("rasteriser", name, BACKENDS, where=f"environment variable {BACKEND_VARIABLE}")
    return name


def _warp_keys() -> Callable[..., Tensor]:
    """The Warp backend, imported only when it is asked for."""
    try:
        from iper_bench.body.raster_warp import nearest_keys
    except ModuleNotFoundError as error:
        if error.name != "warp":
            raise
        raise UserError(
            "rasteriser backend 'warp' needs warp-lang, which is not installed",
            hint="pip install 'iper-bench[fast]', or backend torch",
        ) from error
    return nearest_keys


def snap(projected: Tensor, size: int) -> Snapped:
    """Put projected vertices (N, V, 3) on the grid of an S x S raster; nearness 0 = behind the camera."""
    if not bool(projected.isfinite().all()):
        raise ValueError("projected vertices are not finite")
    plane = (projected[..., :2].to(torch.float64) * (0.5 * size * SUBPIXEL)).round()
    if plane.numel() and bool(plane.abs().max() > REACH):
        raise ValueError(
            f"projected vertices reach {float(plane.abs().max()) / SUBPIXEL:.0f} pixels from the centre of a "
            f"{size} px image; expected up to {REACH // SUBPIXEL}"
        )
    depth = projected[..., 2].to(torch.float64) + EYE_DISTANCE
    ahead = depth > NEAREST
    units = ((1 << NEARNESS_BITS) / torch.where(ahead, depth, 1.0)).round() * (1 << GUARD_BITS)
    x, y = plane.to(torch.int64).unbind(-1)
    return Snapped(x.contiguous(), y.contiguous(), torch.where(ahead, units, 0.0))


def _spans(snapped: Snapped, faces: Tensor, size: int, *, cull: bool) -> Spans:
    """Cull faces and cut the rest into the pixel runs that they cover."""
    corner = faces.t().contiguous()
    x, y = (_corners(plane, corner) for plane in (snapped.x, snapped.y))
    left, right = _pixel_range(x, size)
    top, bottom = _pixel_range(y, size)
    # Counter-clockwise in the y-up image is clockwise, i.e. negative, in our y-down coordinates.
    area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
    keep = (right >= left) & (bottom >= top) & ((area < 0) if cull else (area != 0))
    if not bool((snapped.nearness > 0).all()):
        keep &= (_corners(snapped.nearness, corner) > 0).all(0)
    kept = keep.nonzero()[:, 0]
    image, face = kept // len(faces), kept % len(faces)
    nearness = _take(_corners(snapped.nearness, corner), kept)
    x, y, top, sign = _take(x, kept), _take(y, kept), top[kept], area[kept].sign()
    height = bottom[kept] - top + 1
    # Edge k faces corner k: (b - p) x (c - p) with b, c the two other corners in order; signed to be positive
    # inside.
    following, last = [1, 2, 0], [2, 0, 1]
    slope_x, slope_y = (y[following] - y[last]) * sign, (x[last] - x[following]) * sign
    constant = (x[following] * y[last] - y[following] * x[last]) * sign
    run = torch.repeat_interleave(height)
    row = top[run] + torch.arange(len(run), device=run.device) - (height.cumsum(0) - height)[run]
    step = slope_x * SUBPIXEL
    edge = _take(constant + slope_x * _centre(0, size), run) + _take(slope_y, run) * _centre(row, size)
    step = _take(step, run)
    first, length = _cover(edge, step, left[kept][run], right[kept][run])
    base = (image[run] * size + row) * size
    return Spans(edge, step, first, length, base, face[run], _take(nearness, run))


def _corners(plane: Tensor, corner: Tensor) -> Tensor:
    """Per-vertex values (N, V) at the corners (3, F) of all faces: (3, N * F)."""
    images, count = len(plane), corner.shape[1]
    taken = plane.index_select(1, corner.reshape(-1)).view(images, 3, count)
    return taken.transpose(0, 1).reshape(3, images * count)


def _take(values: Tensor, index: Tensor) -> Tensor:
    """``values[..., index]``, several times faster than indexing with a slice."""
    return values.index_select(-1, index)


def _pixel_range(corner: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """First and last pixel with a centre between the corners (3, M), in the raster; empty if last < first."""
    offset = -_centre(0, size)
    low = torch.minimum(torch.minimum(corner[0], corner[1]), corner[2])
    high = torch.maximum(torch.maximum(corner[0], corner[1]), corner[2])
    ceiling = (low + (offset + SUBPIXEL - 1)) >> SUBPIXEL_BITS
    return ceiling.clamp(min=0), ((high + offset) >> SUBPIXEL_BITS).clamp(max=size - 1)


def _cover(edge: Tensor, step: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """First column i, and how many, in [left, right] with edge + step * i >= 0 for all three edges; exact."""
    quotient = torch.div(edge, step.abs().clamp(min=1), rounding_mode="floor")
    low = torch.where(step > 0, -quotient, left)
    high = torch.where(step < 0, quotient, right)
    first = torch.maximum(torch.maximum(low[0], low[1]), torch.maximum(low[2], left))
    last = torch.minimum(torch.minimum(high[0], high[1]), torch.minimum(high[2], right))
    outside = ((step == 0) & (edge < 0)).any(0)
    return first, torch.where(outside, 0, (last - first + 1).clamp(min=0))


def _nearest_keys(spans: Spans, pixels: int) -> Tensor:
    """Packed key of the nearest face of every pixel: (pixels,) int64, ``EMPTY`` where there is none."""
    keys = torch.full((pixels,), EMPTY, dtype=torch.int64, device=spans.face.device)
    ends = spans.length.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    first = done = 0
    while done < total:
        last = len(ends)
        if total - done > _PAIRS_AT_ONCE:
            last = max(first + 1, int(torch.searchsorted(ends, done + _PAIRS_AT_ONCE, right=True)))
        _lower(keys, Spans(*(field[..., first:last] for field in spans)))
        first, done = last, int(ends[last - 1])
    return keys


def _lower(keys: Tensor, spans: Spans) -> None:
    """Lower ``keys`` in place by every pixel of ``spans``."""
    run = torch.repeat_interleave(spans.length)
    place = torch.arange(len(run), device=run.device)
    column = place + (spans.first - (spans.length.cumsum(0) - spans.length))[run]
    area = _take((spans.edge[0] + spans.edge[1] + spans.edge[2]).to(torch.float64), run)
    near = torch.full_like(column, 1 << (GUARD_BITS - 1))
    for k in range(3):
        value = _take(spans.edge[k], run).addcmul_(_take(spans.step[k], run), column)
        near += ((value.to(torch.float64) / area) * _take(spans.nearness[k], run)).to(torch.int64)
    near >>= GUARD_BITS
    key = ((NEARNESS_TOP - near) << FACE_BITS) | spans.face[run]
    key.masked_fill_((near <= FARTHEST_UNITS) | (near >= NEAREST_UNITS), EMPTY)
    keys.scatter_reduce_(0, spans.base[run] + column, key, "amin")


@overload
def _centre(pixel: int, size: int) -> int: ...
@overload
def _centre(pixel: Tensor, size: int) -> Tensor: ...
def _centre(pixel: Tensor | int, size: int) -> Tensor | int:
    """Grid coordinate of pixel centres."""
    return (2 * pixel + (1 - size)) * (SUBPIXEL // 2)


def _resolve(keys: Tensor, snapped: Snapped, faces: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Unpack the keys: index map, and weights of the winning faces only."""
    images = len(snapped.x)
    fim = torch.full_like(keys, -1)
    wim = torch.zeros(len(keys), 3, dtype=torch.float32, device=keys.device)
    hit = (keys != EMPTY).nonzero()[:, 0]
    face = keys[hit] & ((1 << FACE_BITS) - 1)
    pixel = hit % (size * size)
    vertex = faces[face].t() + (hit // (size * size)) * snapped.x.shape[1]
    x = snapped.x.view(-1)[vertex] - _centre(pixel % size, size)
    y = snapped.y.view(-1)[vertex] - _centre(pixel // size, size)
    edge = [x[1] * y[2] - y[1] * x[2], x[2] * y[0] - y[2] * x[0], x[0] * y[1] - y[0] * x[1]]
    area = (edge[0] + edge[1] + edge[2]).to(torch.float64)
    fim[hit] = face
    wim[hit] = torch.stack([(value.to(torch.float64) / area).to(torch.float32) for value in edge], -1)
    return fim.view(images, size, size), wim.view(images, size, size, 3)
