"""From posed surfaces to frames: rasterise, paint, light, and put in front of the room.

Must agree with the package's rasteriser and camera: with one sample per pixel the matte is the rasteriser's silhouette. All steps
after the rasteriser are element-wise float32 over fixed blocks, so a frame has the same pixels whatever else is asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.body import vertex_normals
from iper_bench.body.camera import project
from iper_bench.body.rasteriser import rasterise
from iper_bench.data.synthetic.anatomy import SurfacePoints
from iper_bench.data.synthetic.appearance import Appearance
from iper_bench.data.synthetic.blending import Flags, Floats

Images = NDArray[np.uint8]

SUPERSAMPLING = 2  # samples per pixel and axis
SAMPLES_AT_ONCE = 1 << 20  # raster samples held together: 16 frames of 128 px, one of 512 px
AMBIENT, DIFFUSE, GRAZING = 0.52, 0.56, 0.14  # light from everywhere, from the lamp, and lost at the silhouette


@dataclass(frozen=True)
class Surface:
    """A mesh with its T-pose: ``template`` (V, 3), ``faces`` (F, 3) int64, ``eye_faces`` (F,) bool."""

    template: Floats
    faces: Tensor
    eye_faces: Flags


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sums of matrix products may depend on the number of threads in the last bit; pixels must not."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def shade(colours: Floats, normals: Floats, lamp: Floats) -> Floats:
    """Lambert shading: colours (n, 3), unit normals (n, 3) in the y-down camera frame, unit direction (3,) to the lamp."""
    facing = normals[:, 0] * lamp[0] + normals[:, 1] * lamp[1] + normals[:, 2] * lamp[2]
    edge = 1.0 - np.abs(normals[:, 2])
    light = AMBIENT + DIFFUSE * np.clip(facing, 0.0, 1.0) - GRAZING * edge * edge
    return np.clip(colours * light[:, None], 0.0, 255.0)


def render(
    surface: Surface, appearance: Appearance, vertices: Tensor, cams: Tensor, lamp: Floats, room: Images
) -> tuple[Images, Images]:
    """Frames of a person in a room.

    Parameters
    ----------
    vertices: (N, V, 3) float32 clothed vertices in the y-down camera frame, metres.
    cams: (N, 3) float32 weak perspective.
    lamp: (3,) unit vector towards the lamp, camera frame.
    room: (S, S, 3) uint8.

    Returns
    -------
    frames (N, S, S, 3) uint8 RGB, equal to the room where the matte is 0, and mattes (N, S, S) uint8, 255 = person.
    """
    size = room.shape[0]
    raster = size * SUPERSAMPLING
    batch = max(1, SAMPLES_AT_ONCE // (raster * raster))
    frames = np.empty((len(vertices), size, size, 3), np.uint8)
    mattes = np.empty((len(vertices), size, size), np.uint8)
    with one_thread():
        for first in range(0, len(vertices), batch):
            part = slice(first, first + batch)
            normals = vertex_normals(vertices[part], surface.faces)
            fim, wim = rasterise(project(vertices[part], cams[part]), surface.faces, raster)
            for index in range(len(fim)):
                seen = fim[index].numpy(), wim[index].numpy(), normals[index].numpy()
                frames[first + index], mattes[first + index] = _compose(surface, appearance, seen, lamp, room)
    return frames, mattes


def _compose(
    surface: Surface, appearance: Appearance, seen: tuple[NDArray[np.int64], Floats, Floats], lamp: Floats, room: Images
) -> tuple[Images, Images]:
    """Paint one frame's samples and average them over the room."""
    fim, wim, normals = seen
    size = room.shape[0]
    rows, columns = np.nonzero(fim >= 0)
    face, weights = fim[rows, columns], wim[rows, columns]
    corners = surface.faces.numpy()[face]
    place = _blend(surface.template, corners, weights)
    normal = _blend(normals, corners, weights)
    normal /= np.sqrt((normal * normal).sum(1, keepdims=True)) + np.float32(1e-9)
    colours = shade(appearance.colours(SurfacePoints(place, surface.eye_faces[face])), normal, lamp)
    pixel = (rows // SUPERSAMPLING) * size + columns // SUPERSAMPLING
    share = np.float32(1.0 / SUPERSAMPLING**2)
    alpha = np.bincount(pixel, minlength=size * size).astype(np.float32) * share
    frame = room.reshape(-1, 3) * (1.0 - alpha)[:, None]
    for channel in range(3):
        frame[:, channel] += np.bincount(pixel, colours[:, channel], size * size).astype(np.float32) * share
    matte = np.floor(alpha * 255.0 + 0.5).astype(np.uint8)
    return np.floor(frame + 0.5).astype(np.uint8).reshape(size, size, 3), matte.reshape(size, size)


def _blend(values: Floats, corners: NDArray[np.int64], weights: Floats) -> Floats:
    """Barycentric mean of (V, 3) ``values`` over ``corners`` (n, 3)."""
    blended = values[corners[:, 0]] * weights[:, :1]
    blended += values[corners[:, 1]] * weights[:, 1:2]
    blended += values[corners[:, 2]] * weights[:, 2:]
    return blended
