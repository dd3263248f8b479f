"""Faster R-CNN at a size and with weights that tests can afford."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import torch
from torchvision.models import detection

from iper_bench.metrics.backbones.person_detector import PERSON
from tests.metrics.seeded_weights import seeded

SIDE = 32  # of the detector's inner image; 800 in use, which takes seconds per frame
CLASSES = 91
SURELY = 7.0  # logit of a class, the others' being about 0
LARGEST = 100.0  # log of a growth; torchvision caps it at 62 times
LIFELIKE = {
    "bn3.weight": 0.1,  # or sixteen residual sums grow beyond all boxes
    "rpn.head.bbox_pred.weight": 0.01,
    "box_predictor.bbox_pred.weight": 0.02,
    "box_predictor.cls_score.weight": 0.05,
}


def untrained() -> Any:
    return detection.fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)


@contextmanager
def small_images() -> Iterator[None]:
    """While it lasts, torchvision builds detectors that work on small images."""
    build = partial(detection.fasterrcnn_resnet50_fpn_v2, min_size=SIDE, max_size=2 * SIDE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detection, "fasterrcnn_resnet50_fpn_v2", build)
        yield


def everything_is(label: int) -> dict[str, torch.Tensor]:
    """Seeded weights whose heads ignore the image: every anchor is an object, every object is ``label`` and
    grows until it fills the frame.
    """
    state = seeded(untrained())
    for key, value in state.items():
        if ("rpn.head" in key and "conv" not in key) or "box_predictor" in key:
            value.zero_()
    state["roi_heads.box_predictor.cls_score.bias"][label] = SURELY
    state["roi_heads.box_predictor.bbox_pred.bias"].view(CLASSES, 4)[:, 2:] = LARGEST
    return state


def lifelike() -> dict[str, torch.Tensor]:
    """Seeded weights whose scores and boxes differ from place to place and stay in range: some people are
    surer than the threshold, some are not.
    """
    state = seeded(untrained(), 1, LIFELIKE)
    state["roi_heads.box_predictor.cls_score.bias"][PERSON] = SURELY
    return state
