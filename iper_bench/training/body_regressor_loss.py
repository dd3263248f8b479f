"""What the training of a body estimator minimises.

From: SPIN's losses with full truth: rotation matrices, shape, 3-D joints relative to the pelvis, 2-D joints
in the patch. Differs: joint distances instead of their squares, which a few bad frames would rule, and
weights that suit distances in metres and patches as [-1, 1].
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from iper_bench.body.camera import project
from iper_bench.body.recovery.small_joints import JointBody
from iper_bench.body.recovery.spin import Estimate
from iper_bench.training.body_regressor_samples import BodySamples

SMALLEST = 1e-12  # under the root of a distance, whose slope has no end at 0


class BodyLossWeights(NamedTuple):
    """Weights of the terms."""

    rotations: float = 3.0
    shape: float = 0.1  # lower ones learn the training actors' shapes by heart
    joints: float = 10.0
    points: float = 5.0


def body_loss(
    estimate: Estimate, truth: BodySamples, body: JointBody, weights: BodyLossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum and its terms, means over the batch.

    Returns
    -------
    ``total``, and by name: ``rotations`` squared difference of the matrices' entries, summed over a matrix,
    mean over joints; ``shape`` mean squared difference of betas; ``joints`` mean distance relative to the
    pelvis, metres; ``points`` mean distance of projected joints, patch as [-1, 1].
    """
    found = body.joints(estimate.betas, estimate.rotations)
    true = body.joints(truth.betas, truth.rotations)
    image = project(found, estimate.cams)[..., :2] - project(true, truth.cams)[..., :2]
    terms = {
        "rotations": (estimate.rotations - truth.rotations).square().sum((-1, -2)).mean(),
        "shape": (estimate.betas - truth.betas).square().mean(),
        "joints": _length((found - found[:, :1]) - (true - true[:, :1])).mean(),
        "points": _length(image).mean(),
    }
    total = sum((getattr(weights, name) * term for name, term in terms.items()), image.new_zeros(()))
    return total, terms


def _length(vectors: Tensor) -> Tensor:
    return (vectors.square().sum(-1) + SMALLEST).sqrt()
