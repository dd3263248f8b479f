"""Milliseconds per frame of the rasteriser, by backend, body and size.

    python benchmarks/rasteriser.py [--device cpu] [--frames 1] [--repeats 9]

Bodies: those that ``load_body`` knows, else a stand-in ellipsoid. Prints the median; the first call
(compilation) is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from torch import Tensor

from iper_bench.body.rasteriser import BACKENDS, rasterise
from iper_bench.errors import UserError

SIZES = (64, 128, 256, 512, 1024)


def open_bodies() -> dict[str, tuple[Tensor, Tensor]]:
    """Vertices (V, 3) standing in the image and faces, by name; only bodies that are there."""
    from iper_bench.body.loading import load_body

    found = {}
    for name in ("open-coarse", "open-mid"):
        try:
            body = load_body(name)
        except UserError as error:
            print(f"{name}: {error}")
            continue
        pose = torch.zeros(1, 72)
        pose[0, 0] = torch.pi
        vertices = body.pose(torch.zeros(1, 10), pose).vertices[0]
        vertices = vertices - (vertices.amax(0) + vertices.amin(0)) / 2
        found[name] = (vertices, body.faces)
    return found


def ellipsoid(rings: int, sides: int) -> tuple[Tensor, Tensor]:
    """A standing ellipsoid of about a body's extent."""
    lat = np.linspace(0.01, np.pi - 0.01, rings)[:, None]
    lon = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None]
    x, z = 0.15 * np.sin(lat) * np.cos(lon), 0.15 * np.sin(lat) * np.sin(lon)
    vertices = np.stack([x, np.broadcast_to(0.85 * np.cos(lat), x.shape), z], -1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(sides), indexing="ij")
    k = (j + 1) % sides
    a, b, c, d = i * sides + j, i * sides + k, (i + 1) * sides + j, (i + 1) * sides + k
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)]).reshape(-1, 3)
    return torch.tensor(vertices, dtype=torch.float32), torch.tensor(faces)


def median_milliseconds(vertices: Tensor, faces: Tensor, size: int, backend: str, repeats: int) -> float:
    """Median time per frame of ``repeats`` calls on the batch ``vertices`` (N, V, 3)."""
    times = []
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        rasterise(vertices, faces, size, backend=backend)
        if vertices.is_cuda:
            torch.cuda.synchronize(vertices.device)
        if repeat:
            times.append(time.perf_counter() - start)
    return 1000.0 * statistics.median(times) / len(vertices)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--frames", type=int, default=1, help="bodies per call")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    bodies = open_bodies() or {
        "ellipsoid, 4,512 faces": ellipsoid(48, 48),
        "ellipsoid, 13,944 faces": ellipsoid(84, 84),
    }
    print(f"torch {torch.__version__}, {options.device}, one thread; ms per frame, {options.frames} per call")
    print("| body | faces | backend | " + " | ".join(f"{size} px" for size in SIZES) + " |")
    print("|---" * (3 + len(SIZES)) + "|")
    for name, (vertices, faces) in bodies.items():
        batch = vertices.to(options.device).expand(options.frames, -1, -1)
        for backend in BACKENDS:
            try:
                cells = [
                    median_milliseconds(batch, faces.to(options.device), size, backend, options.repeats)
                    for size in SIZES
                ]
            except UserError as error:
                print(f"{backend}: {error}")
                continue
            print(
                f"| {name} | {len(faces)} | {backend} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |"
            )


if __name__ == "__main__":
    main()
