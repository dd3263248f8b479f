"""Face identity loss: distance of head crops in the features of SphereFace-20a.

From: iPERCore FaceLoss with the sphere20a backbone: head crops resized to 112x96 (bilinear,
align_corners=True), RGB in [-1, 1], five outputs (after each stage and the 512-vector), weights 1/32 .. 1,
L1, truth detached; samples with an empty box are left out.
Agrees with: the official network and loss to a relative 1e-4.
Differs: boxes must be given when the images are not 112x96 already; the released code then compares the first
image with itself, which gives 0. When all boxes are empty the loss is a zero that is connected to the
prediction.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from iper_bench.lwg.checkpoint import load_strict, read_state_dict
from iper_bench.lwg.crops import crop_boxes
from iper_bench.lwg.perceptual import LAYER_WEIGHTS, FrozenModule, weighted_feature_distance

FACE_HEIGHT, FACE_WIDTH = 112, 96  # SphereFace's input
STAGES = ((64, 1), (128, 2), (256, 4), (512, 1))  # channels and residual units
EMBEDDING = 512
EMBEDDING_ALONE = (0.0, 0.0, 0.0, 0.0, 1.0)  # the paper's face term: one L1 on g(.)
UNUSED_PREFIX = "fc6"  # the classification layer of released files


class Sphere20a(FrozenModule):
    """SphereFace-20a without its classification layer; keys ``conv{stage}_{j}``, ``relu{stage}_{j}``,
    ``fc5``.
    """

    def __init__(self) -> None:
        super().__init__()
        before = 3
        for stage, (channels, units) in enumerate(STAGES, 1):
            for j in range(1, 2 * units + 2):
                stride = 2 if j == 1 else 1
                conv = nn.Conv2d(before, channels, 3, stride=stride, padding=1)
                self.add_module(f"conv{stage}_{j}", conv)
                self.add_module(f"relu{stage}_{j}", nn.PReLU(channels))
                before = channels
        reduction = 2 ** len(STAGES)
        self.fc5 = nn.Linear(before * (FACE_HEIGHT // reduction) * (FACE_WIDTH // reduction), EMBEDDING)
        self.freeze()

    def _step(self, x: Tensor, stage: int, j: int) -> Tensor:
        return self.get_submodule(f"relu{stage}_{j}")(self.get_submodule(f"conv{stage}_{j}")(x))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, 112, 96) in [-1, 1] to four feature maps and the (N, 512) vector."""
        outputs = []
        for stage, (_, units) in enumerate(STAGES, 1):
            x = self._step(x, stage, 1)
            for unit in range(units):
                x = x + self._step(self._step(x, stage, 2 * unit + 2), stage, 2 * unit + 3)
            outputs.append(x)
        outputs.append(self.fc5(x.flatten(1)))
        return outputs


class FaceIdentityLoss(FrozenModule):
    """The released face term.

    Parameters
    ----------
    weights: a sphere20a checkpoint (``sphere20a_20171020.pth``), or ``None`` for random weights (tests).
    embedding_only: compare the 512-vector alone, as the paper writes the term, instead of five outputs.
    """

    def __init__(self, weights: Path | None, *, embedding_only: bool = False) -> None:
        super().__init__()
        self.layer_weights = EMBEDDING_ALONE if embedding_only else LAYER_WEIGHTS
        self.network = Sphere20a()
        if weights is not None:
            state = {k: v for k, v in read_state_dict(weights).items() if not k.startswith(UNUSED_PREFIX)}
            load_strict(self.network, state, source=str(weights))
        self.freeze()

    def forward(self, prediction: Tensor, truth: Tensor, boxes: Tensor | None = None) -> Tensor:
        """Scalar distance.

        Parameters
        ----------
        prediction, truth: (N, 3, H, W) in [-1, 1]; no gradient flows into ``truth``.
        boxes: (N, 4) integer head boxes (x0, x1, y0, y1), used for both images; ``None`` for images that are
            112x96 already.
        """
        if boxes is None:
            if prediction.shape[-2:] != (FACE_HEIGHT, FACE_WIDTH):
                raise ValueError(f"images of {tuple(prediction.shape[-2:])} need head boxes")
            crops, targets = prediction, truth
        else:
            cut, cut_truth = (crop_boxes(t, boxes, FACE_HEIGHT, FACE_WIDTH) for t in (prediction, truth))
            if cut is None or cut_truth is None:
                return prediction.sum() * 0.0
            crops, targets = cut, cut_truth
        with torch.no_grad():
            wanted = self.network(targets)
        return weighted_feature_distance(self.network(crops), wanted, self.layer_weights)
