"""From posed surfaces to frames: rasterise, paint, light, and put in front of the room.

Must agree with the package's rasteriser and camera: with one sample per pixel the matte is the rasteriser's
silhouette. All steps after the rasteriser are element-wise float32 over fixed blocks, so a frame has the
same pixels whatever else is asked for.
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
AMBIENT, DIFFUSE, GRAZING = (
    0.52,
    0.56,
    0.14,
)  # light from everywhere, from the lamp, and lost at the silhouette


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
    """Lambert shading: colours (n, 3), unit normals (n, 3) in the y-down camera frame, unit direction (3,)
    to the lamp.
    """
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
    frames (N, S, S, 3) uint8 RGB, equal to the room where the matte is 0, and mattes (N, S, S) uint8, 255 =
    person.
    """
    size = room.shape[0]
    raster = size * SUPERSAMPLING
    batch = max(1, SAMPLES_AT_ONCE // (raster * raster))
    frames = np.empty((len(vertices), size, size, 3), np.uint8)
    mattes = np.empty((len(vertices), size, size), np.uint8)
    with one_thread():
        for first in range(0, len(vertices), batch):
            part = slice(first, first + batch)
            normals = vertex_normals(vertices[part], surface.faces).numpy()
            fim, wim = rasterise(project(vertices[part], cams[part]), surface.faces, raster)
            samples = _paint(surface, appearance, Raster(fim.numpy(), wim.numpy(), normals), lamp)
            frames[part], mattes[part] = _average(samples, room, len(normals))
    return frames, mattes


@dataclass(frozen=True)
class Raster:
    """N rasterised frames: ``fim`` (N, R, R), ``wim`` (N, R, R, 3) and ``normals`` (N, V, 3) of the
    vertices.
    """

    fim: NDArray[np.int64]
    wim: Floats
    normals: Floats


@dataclass(frozen=True)
class Samples:
    """n lit samples of the person: ``pixel`` (n,) flat index over all frames, ``colours`` (n, 3) 0..255."""

    pixel: NDArray[np.int64]
    colours: Floats


def _paint(surface: Surface, appearance: Appearance, raster: Raster, lamp: Floats) -> Samples:
    """Colour and light every sample that shows the person."""
    side = raster.fim.shape[-1]
    flat = np.flatnonzero(raster.fim.ravel() >= 0)
    face, weights = raster.fim.reshape(-1)[flat], raster.wim.reshape(-1, 3)[flat]
    corners = surface.faces.numpy()[face]
    place = _blend(surface.template, corners, weights)
    image, row, column = flat // (side * side), flat // side % side, flat % side
    vertex_count = raster.normals.shape[1]
    normal = _blend(raster.normals.reshape(-1, 3), corners + (image * vertex_count)[:, None], weights)
    normal /= np.sqrt(np.square(normal).sum(1, keepdims=True)) + np.float32(1e-9)
    colours = shade(appearance.colours(SurfacePoints(place, surface.eye_faces[face])), normal, lamp)
    size = side // SUPERSAMPLING
    return Samples((image * size + row // SUPERSAMPLING) * size + column // SUPERSAMPLING, colours)


def _average(samples: Samples, room: Images, count: int) -> tuple[Images, Images]:
    """Average the samples of every pixel over the room: ``count`` frames and mattes."""
    size = room.shape[0]
    pixels = count * size * size
    share = np.float32(1.0 / SUPERSAMPLING**2)
    alpha = np.bincount(samples.pixel, minlength=pixels).astype(np.float32) * share
    frames = np.repeat(room[None], count, axis=0).reshape(pixels, 3)
    touched = np.flatnonzero(alpha)
    part = alpha[touched]
    for channel in range(3):
        light = (
            np.bincount(samples.pixel, samples.colours[:, channel], pixels)[touched].astype(np.float32)
            * share
        )
        frames[touched, channel] = np.floor(frames[touched, channel] * (1.0 - part) + light + 0.5)
    mattes = np.floor(alpha * 255.0 + 0.5).astype(np.uint8)
    return frames.reshape(count, size, size, 3), mattes.reshape(count, size, size)


def _blend(values: Floats, corners: NDArray[np.int64], weights: Floats) -> Floats:
    """Barycentric mean of (V, 3) ``values`` over ``corners`` (n, 3)."""
    blended = values[corners[:, 0]] * weights[:, :1]
    blended += values[corners[:, 1]] * weights[:, 1:2]
    blended += values[corners[:, 2]] * weights[:, 2:]
    return blended
