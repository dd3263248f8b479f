"""The silhouette of a posed body, which stands for the person where nobody has cut him out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.correspondence import correspond
from iper_bench.body.model import BodyModel

PERSON = 255
_BATCH = 16  # bodies drawn at once


def silhouettes(
    body: BodyModel,
    betas: NDArray[np.float32],
    poses: NDArray[np.float32],
    cams: NDArray[np.float32],
    size: int,
) -> NDArray[np.uint8]:
    """Mattes of the bare body: hair and loose clothes are cut.

    Parameters
    ----------
    betas: (10,). poses: (N, 72) axis-angle, radians. cams: (N, 3) ``[s, tx, ty]``.
    size: side of the square frames, pixels.

    Returns
    -------
    (N, size, size) uint8, 255 = person.

    From: the ICCV 2019 release, which takes the rendered silhouette for the mask.
    """
    found = []
    for first in range(0, len(poses), _BATCH):
        rows = slice(first, first + _BATCH)
        posed = body.pose(torch.from_numpy(betas), torch.from_numpy(poses[rows]))
        fim = correspond(posed.vertices, torch.from_numpy(cams[rows]), body.faces, size).fim
        found.append((fim >= 0).cpu().numpy().astype(np.uint8) * np.uint8(PERSON))
    return np.concatenate(found) if found else np.zeros((0, size, size), np.uint8)
