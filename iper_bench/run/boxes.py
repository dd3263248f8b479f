"""Where the person is: the extent of the projected body, enlarged a little.

A box from the body needs no detector, exists in every frame, and is the same for every method, so that a
metric on the person's region compares like with like. Boxes are (N, 4) float32 ``x0, y0, x1, y1`` in pixels,
x1 and y1 exclusive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.clip import BodyTrack

if TYPE_CHECKING:
    from iper_bench.body.model import BodyModel

Boxes = NDArray[np.float32]

ENLARGEMENT = 1.05  # of person boxes in the official evaluator: his_evaluators, yolov3/human_detector.py
_BATCH = 64  # bodies posed at once: about 20 MB with 7,000 vertices


def person_boxes(body: BodyModel, track: BodyTrack, size: tuple[int, int]) -> Boxes:
    """Boxes (N, 4) of the bodies of ``track`` in images of ``size`` (height, width), clipped to the image.

    A body that lies wholly outside the image gets an empty box (zero width or height) at the border.
    """
    import torch

    from iper_bench.body.camera import project

    found = []
    for start in range(0, len(track), _BATCH):
        rows = slice(start, start + _BATCH)
        vertices = body.pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses[rows])).vertices
        image = project(vertices, torch.from_numpy(track.cams[rows]))[..., :2]
        found.append(torch.cat([image.amin(dim=1), image.amax(dim=1)], dim=1).cpu().numpy())
    extent = np.concatenate(found) if found else np.zeros((0, 4), dtype=np.float32)
    return enlarged(extent, size)


def enlarged(extent: NDArray[np.floating], size: tuple[int, int]) -> Boxes:
    """Extents (N, 4) in [-1, 1] to pixels of an image of ``size`` (height, width), enlarged about their
    centres, clipped.
    """
    height, width = size
    scale = np.array([width, height], dtype=np.float64)
    corners = (extent.astype(np.float64).reshape(-1, 2, 2) + 1.0) / 2.0 * scale
    low, high = corners[:, 0], corners[:, 1]
    centre, half = (low + high) / 2.0, (high - low) / 2.0 * ENLARGEMENT
    boxes = np.concatenate([np.clip(centre - half, 0.0, scale), np.clip(centre + half, 0.0, scale)], axis=1)
    return boxes.astype(np.float32)
