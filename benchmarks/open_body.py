"""Figures of docs/open_body.md that the builder does not print: parts, UV layout and stature of what ships.

    python benchmarks/open_body.py

Deterministic; takes seconds. Faces found by a detector: benchmarks/synthetic_faces.py --body NAME.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body import BodyModel, load_body
from iper_bench.body.open_body import open_body_names

ATLAS = 1024  # texels along a side
STATURE_BETAS = (-2.0, 0.0, 2.0)


def claims(face_uv: NDArray[np.float64]) -> NDArray[np.int64]:
    """(ATLAS, ATLAS) how many of the triangles (F, 3, 2) hold each texel's centre strictly inside."""
    count = np.zeros((ATLAS, ATLAS), dtype=np.int64)
    for corners in face_uv * ATLAS:
        low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, ATLAS - 1)
        high = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, ATLAS)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        sides = []
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            along = end - start
            sides.append(along[0] * (y - start[1]) - along[1] * (x - start[0]))
        signs = np.stack(sides)
        inside = (signs > 0).all(axis=0) | (signs < 0).all(axis=0)
        count[low[1] : high[1], low[0] : high[0]] += inside
    return count


def describe(body: BodyModel) -> list[str]:
    """The lines of one body."""
    assert body.face_uv is not None
    sizes = {name: len(ids) for name, ids in body.parts.items()}
    hands = sum(sizes[name] for name in sizes if name.endswith("hand"))
    feet = sum(sizes[name] for name in sizes if name.endswith("foot"))
    uv = body.face_uv.numpy().astype(np.float64)
    first, second = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    mirrored = int((first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] <= 0).sum())
    count = claims(uv)
    twice = (count > 1).sum() / (count > 0).sum()
    longest = float(np.linalg.norm(uv - np.roll(uv, 1, axis=1), axis=2).max())
    statures = []
    for beta in STATURE_BETAS:
        betas = torch.zeros(10)
        betas[0] = beta
        height = body.shaped(betas)[0, :, 1]
        statures.append(f"{float(height.max() - height.min()):.3f}")
    return [
        f"vertices {body.vertex_count}, faces {body.face_count}",
        f"faces of head {sizes['00_head']}, both hands {hands}, both feet {feet}",
        f"UV triangles mirrored or flat {mirrored}",
        f"texels claimed by two or more triangles {twice:.2%} of those covered",
        f"longest UV edge {longest:.3f}",
        f"stature for beta 0 = {', '.join(f'{beta:g}' for beta in STATURE_BETAS)}: {', '.join(statures)} m",
    ]


def main() -> None:
    """Print both bodies."""
    for name in open_body_names():
        print(name)
        print("\n".join(f"  {line}" for line in describe(load_body(name))))


if __name__ == "__main__":
    main()
