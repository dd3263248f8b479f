"""YOLOv3-SPP as ultralytics maintains it, a person detector on request (extra ``yolo``).

The package is AGPL-3.0, so that nothing else here imports it and nothing asks for it by itself. Its own files
(``.pt``) are pickles of program objects; reading one runs what it holds. Here the network is built from the
package's description and filled with plain tensors, which the user makes of a file that he trusts, once, with
``CONVERSION``. Nothing is downloaded.
Must agree with: the package's ``YOLO.predict``, whose steps these are: letterbox to 640 with sides that are
multiples of 32, suppression at IoU 0.7.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from iper_bench.metrics.backbones.network import Image, grey_levels
from iper_bench.metrics.backbones.normalisation import unit
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.person_boxes import largest_box
from iper_bench.metrics.weights import Identity, MissingWeightsError, WeightFile

SCORE = 0.8  # as the evaluator's objectness threshold
OVERLAP = 0.7  # the package's own choice for predictions
PERSON = 0  # COCO class
CLASSES = 80
SIDE, STRIDE = 640, 32
ARCHITECTURE = "yolov3-spp.yaml"
CONVERSION = (
    'python -c "import torch, ultralytics;'
    " torch.save(ultralytics.YOLO('yolov3-sppu.pt').model.float().state_dict(), 'yolov3-sppu-tensors.pth')\""
)

IDENTITY = Identity(
    name="ultralytics_yolov3_spp",
    architecture="YOLOv3-SPP of ultralytics with its anchor-free head, COCO",
    files=("yolov3-sppu-tensors.pth", "yolov3-sppu-tensors.safetensors"),
    sha256=None,
    preprocessing="RGB in [0, 1], letterbox to 640",
    licence="AGPL-3.0",
    source=f"yolov3-sppu.pt of ultralytics, where you trust it, turned into plain tensors by {CONVERSION}",
)


class UltralyticsDetector:
    """The largest person of a frame.

    Raises MissingWeightsError without the package, UserError when the weights of ``file`` do not fit.
    """

    def __init__(self, file: WeightFile, device: torch.device) -> None:
        if find_spec("ultralytics") is None:
            raise MissingWeightsError(
                "this person detector needs the package ultralytics, which is AGPL-3.0;"
                " try: pip install 'iper-bench[yolo]'"
            )
        with _contained():
            from ultralytics.data.augment import LetterBox
            from ultralytics.nn.tasks import DetectionModel

            untrained = DetectionModel(ARCHITECTURE, ch=3, nc=CLASSES, verbose=False)
        self._net: Any = load_network(untrained, IDENTITY, file.path, device)
        self._letterbox = LetterBox((SIDE, SIDE), auto=True, stride=STRIDE)
        self._device = device
        self.label = IDENTITY.label(file.sha256)

    def largest(self, image: Image) -> npt.NDArray[np.float32] | None:
        """Box (4,) in pixels of a uint8 (H, W, 3) frame, or ``None``."""
        from ultralytics.utils.nms import non_max_suppression
        from ultralytics.utils.ops import scale_boxes

        inputs = unit(grey_levels(self._letterbox(image=image)))[None].to(self._device)
        with torch.inference_mode():
            (found,) = non_max_suppression(self._net(inputs), iou_thres=OVERLAP)
        people = found[(found[:, 5] == PERSON) & (found[:, 4] >= SCORE), :4]
        return largest_box(scale_boxes(inputs.shape[2:], people, image.shape[:2]).cpu().numpy())


@contextmanager
def _contained() -> Iterator[None]:
    """Import ultralytics without what it does to a process: it asks the network, prints, installs packages,
    replaces ``torch.save`` and changes the threads of OpenCV and OpenMP.
    """
    for name, value in (("YOLO_OFFLINE", "true"), ("YOLO_VERBOSE", "false"), ("YOLO_AUTOINSTALL", "false")):
        os.environ.setdefault(name, value)
    save, cv_threads, omp_threads = torch.save, cv2.getNumThreads(), os.environ.get("OMP_NUM_THREADS")
    try:
        yield
    finally:
        torch.save = save
        cv2.setNumThreads(cv_threads)
        if omp_threads is None:
            os.environ.pop("OMP_NUM_THREADS", None)
