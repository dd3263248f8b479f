"""Cosine similarity of feature vectors: Body-CS, Face-CS and their variants.

From: ``his_evaluators/metrics`` (`paper`: float32, norm + 1e-6) and the plain definition in float64
(`standard`, `offline`).
Must agree with: ``cosine.npz`` and ``aggregation.npz`` to 1e-6.
Differs: an empty selection has no value here; the evaluator reports 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.metric import UndefinedError

PAPER_EPSILON = np.float32(1e-6)  # his_evaluators, added to each norm

Features = npt.NDArray[np.float32]


def cosines(prediction: Features, reference: Features) -> npt.NDArray[np.float64]:
    """Row-wise cosine of two (N, d) arrays, float64 (N,); 0 where a row is zero."""
    return np.einsum("nd,nd->n", unit_rows(prediction), unit_rows(reference))


def cosines_paper(prediction: Features, reference: Features) -> npt.NDArray[np.float32]:
    """Row-wise cosine in float32 with 1e-6 added to the norms, as the evaluator computes it, float32 (N,)."""
    ours = prediction / (np.linalg.norm(prediction, axis=1, keepdims=True) + PAPER_EPSILON)
    theirs = reference / (np.linalg.norm(reference, axis=1, keepdims=True) + PAPER_EPSILON)
    products: npt.NDArray[np.float32] = np.sum(ours * theirs, axis=1, dtype=np.float32)
    return products


def cosines_to_centroid(prediction: Features, reference: Features) -> npt.NDArray[np.float64]:
    """Cosine of each of (N, d) rows to the mean of the normalised (M, d) reference rows, float64 (N,).

    Independent of the pairing of poses. Raises UndefinedError for an empty reference.
    """
    if len(reference) == 0:
        raise UndefinedError("no reference to form a centroid of")
    centroid = unit_rows(reference).mean(axis=0, keepdims=True)
    return (unit_rows(prediction) @ unit_rows(centroid).T)[:, 0]


def unit_rows(features: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Rows divided by their L2 norm in float64; zero rows stay zero."""
    wide = np.asarray(features, dtype=np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(norms == 0, 1.0, norms)
