"""Ten shape directions (PCA) and the joint regressor.

A row of the regressor is first fitted with non-negative weights. That is not enough for some of anny's
joints: its upper spine, for one, wanders by 21 mm (SD) against the surface around it, which no convex
combination follows (16 mm mean error from any choice of vertices). Such rows are fitted with signed weights
over vertices spread around the whole section, kept small by a ridge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

COMPONENTS = 10
# A joint is fitted from the vertices that it, its parent or its children move: the whole section around it,
# front and back alike.
_TOUCHED = 0.05
_CONVEX_ENOUGH = 4.5  # millimetres; rows with a larger error are fitted again with signed weights
_SPREAD = 128  # vertices of a signed row
_RIDGE = 0.003  # metres per unit of weight; see _signed_row
_SUM_WEIGHT = 100.0  # pulls the row sum to one before the exact division


def shape_space(bodies: Floats) -> tuple[Floats, Floats, Floats]:
    """PCA of T-posed bodies (S, V, 3): mean (V, 3), directions (V, 3, 10), coefficients (S, 10).

    Directions are per standard deviation.
    Signs are fixed so that a positive coefficient raises the crown over the soles (beta 0 is stature).
    """
    count = len(bodies)
    mean = bodies.mean(0)
    u, s, vh = np.linalg.svd((bodies - mean).reshape(count, -1), full_matrices=False)
    scale = np.sqrt(count - 1)
    directions = (vh[:COMPONENTS].T * (s[:COMPONENTS] / scale)).reshape(*mean.shape, COMPONENTS)
    coefficients = u[:, :COMPONENTS] * scale
    rise = directions[mean[:, 1].argmax(), 1] - directions[mean[:, 1].argmin(), 1]
    sign = np.where(rise < 0, -1.0, 1.0)
    return mean, (directions * sign).astype(np.float32), (coefficients * sign).astype(np.float32)


def fit_regressor(
    bodies: Floats, joints: Floats, weights: Floats, parents: tuple[int, ...]
) -> NDArray[np.float64]:
    """(24, V), rows sum to one, fitted to T-posed ``bodies`` (S, V, 3) and their ``joints`` (S, 24, 3)."""
    regressor = np.zeros((24, bodies.shape[1]))
    mean = bodies.mean(0)
    for joint in range(24):
        near = {joint, *(child for child, parent in enumerate(parents) if parent == joint)}
        near |= {parents[joint]} if parents[joint] >= 0 else set()
        touched = np.nonzero(weights[:, sorted(near)].sum(1) > _TOUCHED)[0]
        chosen = _thin(touched, mean[touched], joints[:, joint].mean(0))
        row, error = _convex_row(bodies[:, chosen], joints[:, joint])
        if error > _CONVEX_ENOUGH:
            chosen = touched[_spread(mean[touched], _SPREAD)]
            row = _signed_row(bodies[:, chosen], joints[:, joint])
        regressor[joint, chosen] = row
    return regressor


def _convex_row(bodies: Floats, joint: Floats) -> tuple[NDArray[np.float64], float]:
    """Non-negative weights (C,) of the candidates (S, C, 3) for one joint (S, 3), and the mean error in
    millimetres.
    """
    from scipy.optimize import nnls

    # Relative to the joint the target is zero, and the last equation keeps the solution from being zero too.
    system = _relative(bodies, joint).reshape(-1, bodies.shape[1])
    stacked = np.vstack([system, np.full((1, system.shape[1]), _SUM_WEIGHT)])
    row, _ = nnls(stacked, np.append(np.zeros(len(system)), _SUM_WEIGHT), maxiter=20 * system.shape[1])
    row /= row.sum()
    return row, float(np.linalg.norm((system @ row).reshape(-1, 3), axis=1).mean() * 1000.0)


def _signed_row(bodies: Floats, joint: Floats) -> NDArray[np.float64]:
    """Weights (C,) that sum to one and minimise squared error plus ridge, by a Lagrange multiplier.

    With a ridge of 0.01 the upper spine still errs by 8 mm; with 0.001 its weights grow by half.
    """
    system = _relative(bodies, joint).reshape(-1, bodies.shape[1])
    gram = system.T @ system + _RIDGE**2 * len(system) * np.eye(system.shape[1])
    row = np.linalg.solve(gram, np.ones(len(gram)))
    scaled: NDArray[np.float64] = row / row.sum()
    return scaled


def _relative(bodies: Floats, joint: Floats) -> NDArray[np.float64]:
    """(S, 3, C) candidates seen from the joint."""
    return (bodies - joint[:, None]).transpose(0, 2, 1).astype(np.float64)


def _spread(places: Floats, count: int) -> NDArray[np.int64]:
    """Farthest point sampling: ``count`` indices (or all) spread over ``places`` (C, 3), starting with the
    first.
    """
    chosen = [0]
    distance = np.linalg.norm(places - places[0], axis=1)
    while len(chosen) < min(count, len(places)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return np.array(sorted(chosen))


def _thin(candidates: NDArray[np.int64], places: Floats, joint: Floats, most: int = 500) -> NDArray[np.int64]:
    """At most ``most`` candidates, spread evenly over the order of their distance to the joint."""
    order = candidates[np.argsort(np.linalg.norm(places - joint, axis=1), kind="stable")]
    return np.sort(order[:: -(-len(order) // most)])


def regressor_error(regressor: NDArray[np.float64], bodies: Floats, joints: Floats) -> NDArray[np.float64]:
    """(24,) mean distance in millimetres between regressed and true joints."""
    found = np.einsum("jv,svd->sjd", regressor, bodies, optimize=True)
    return np.linalg.norm(found - joints, axis=-1).mean(0) * 1000.0
