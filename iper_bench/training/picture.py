"""What a training step looks like: sources, initial image, prediction and truth side by side."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from iper_bench.data.clip import Images
from iper_bench.lwg.inputs import to_frames

GAP = 2  # white pixels between the tiles
MOST_ROWS = 4
MOST_SOURCES = 4


def step_picture(sources: Tensor, initials: Tensor, predictions: Tensor, truths: Tensor) -> Images:
    """One row per target, at most four rows and four sources; uint8 (H, W, 3) RGB.

    Parameters
    ----------
    sources: (bs, ns, 3, S, S). initials, predictions, truths: (bs, nt, 3, S, S). All in [-1, 1].
    """
    rows: list[Images] = []
    for person in range(sources.shape[0]):
        for target in range(truths.shape[1]):
            if len(rows) == MOST_ROWS:
                break
            tiles = [
                *to_frames(sources[person, :MOST_SOURCES]),
                *to_frames(initials[person, target : target + 1]),
                *to_frames(predictions[person, target : target + 1]),
                *to_frames(truths[person, target : target + 1]),
            ]
            rows.append(joined_tiles(tiles, axis=1))
    return joined_tiles(rows, axis=0)


def joined_tiles(tiles: list[Images], axis: int) -> Images:
    shape = list(tiles[0].shape)
    shape[axis] = GAP
    parts: list[Images] = [tiles[0]]
    for tile in tiles[1:]:
        parts += [np.full(shape, 255, np.uint8), tile]
    return np.concatenate(parts, axis=axis)
