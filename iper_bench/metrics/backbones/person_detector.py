"""Faster R-CNN of torchvision, the person detector of the `standard` profile.

Permissively licensed, works in the frame's own pixels (it resizes inside), COCO weights by path. The largest
person above the score threshold is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.metrics.backbones.network import Image, grey_levels
from iper_bench.metrics.backbones.normalisation import unit
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.person_boxes import largest_box
from iper_bench.metrics.weights import Identity, WeightFile

SCORE = 0.8  # as the evaluator's objectness threshold
PERSON = 1  # torchvision's COCO label

IDENTITY = Identity(
    name="fasterrcnn_resnet50_fpn_v2",
    architecture="torchvision Faster R-CNN ResNet-50 FPN v2, COCO",
    files=("fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth",),
    sha256="dd69338a",
    preprocessing="RGB in [0, 1] at native size; the detector resizes inside",
    licence="BSD-3-Clause (torchvision)",
    source="download.pytorch.org/models",
    url="https://download.pytorch.org/models/fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth",
)


class PersonDetector:
    """The largest person of a frame. Raises UserError when the weights of ``file`` do not fit."""

    def __init__(self, file: WeightFile, device: torch.device) -> None:
        from torchvision.models.detection import fasterrcnn_resnet50_fpn_v2

        untrained = fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
        self._net: Any = load_network(untrained, IDENTITY, file.path, device)
        self._device = device
        self.label = IDENTITY.label(file.sha256)

    def largest(self, image: Image) -> npt.NDArray[np.float32] | None:
        """Box (4,) in pixels of a uint8 (H, W, 3) frame, or ``None``."""
        with torch.inference_mode():
            found = self._net([unit(grey_levels(image)).to(self._device)])[0]
        return largest_person(*(found[key].cpu().numpy() for key in ("boxes", "labels", "scores")))


def largest_person(
    boxes: npt.NDArray[np.float32], labels: npt.NDArray[np.integer], scores: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32] | None:
    """The person box of largest area with at least the threshold's score; ties: the first; ``None`` for no
    person.
    """
    return largest_box(boxes[(labels == PERSON) & (scores >= SCORE)])
