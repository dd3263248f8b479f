"""Nearest places in the plane, with ties in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

_CANDIDATES = 16  # neighbours asked of the tree, so that ties among the nearest few can be put in order


def nearest_places(
    places: NDArray[Any], queries: NDArray[Any], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The places nearest to each query, nearest first, equal distances in the order of ``places``.

    Parameters
    ----------
    places: (E, 2), E > 0; queries: (U, 2).
    count: how many places are wanted.

    Returns
    -------
    indices (U, min(count, E)) and squared distances of the same shape. The order of ties holds among the 16
    nearest.
    """
    wanted = min(count, len(places))
    asked = min(max(_CANDIDATES, wanted), len(places))
    _, found = cKDTree(places).query(queries, k=list(range(1, asked + 1)))
    index = np.asarray(found, dtype=np.int64)
    squared = np.square(places[index].astype(np.float64) - queries[:, None]).sum(-1)
    rank = np.lexsort((index, squared), axis=1)[:, :wanted]
    return np.take_along_axis(index, rank, 1), np.take_along_axis(squared, rank, 1)
