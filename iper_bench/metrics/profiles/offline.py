"""Profile `offline`: the standard definitions with the weights that pip brings.

EfficientNet-Lite0 stands in for AlexNet, Inception, OSNet and FaceNet; MTCNN is real; the person box is that
of the projected body. Its columns are never comparable with the paper's: every row names the network.
The same network is the perceptual loss behind the packaged weights of ``attlwb``: columns of its features
favour that method over those that were not trained on it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.metrics import cropping
from iper_bench.metrics.averages import frame_mean
from iper_bench.metrics.backbones import efficientnet_lite0
from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.face_detector import FaceDetector
from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.head_region import MINIMUM_FACE, RULE, head_region
from iper_bench.metrics.kernel_distance import kernel_distance
from iper_bench.metrics.lpips import plain_distance
from iper_bench.metrics.perceptual import Perceptual
from iper_bench.metrics.profiles.detection_rules import (
    STANDARD_TEXT,
    standard_selection,
    standard_similarities,
)
from iper_bench.metrics.profiles.pixel import FRECHET_TEXT, KERNEL_TEXT, NATIVE_FRAME, STANDARD_PIXEL, native
from iper_bench.metrics.profiles.profile import Profile
from iper_bench.metrics.source import Source

WHOLE_SIDE = 224  # EfficientNet-Lite0's training size
FACE_SIDE = 128  # faces of small frames hold less than this already
PERCEPTUAL_TEXT = {
    "input": "uint8 RGB at native size, (x - 127) / 128",
    "taps": f"outputs of blocks {', '.join(map(str, efficientnet_lite0.TAP_BLOCKS))}, unit-normalised"
    f" over channels",
    "distance": "squared difference, summed over channels, mean over space, mean over taps; no learned heads",
}
WHOLE_TEXT = {"crop": "whole frame", "resize": f"PIL bicubic to {WHOLE_SIDE}x{WHOLE_SIDE}, uint8"}
BODY_TEXT = {
    "box": "projected body enlarged by 1.05 about its centre, as the caller gives it, clipped and truncated",
    "resize": "uint8 crop, PIL bilinear (antialiased) to 256x128",
}
FACE_TEXT = {
    "region": RULE,
    "detector": f"MTCNN of facenet-pytorch, minimum face {MINIMUM_FACE} px of the region, 0.6/0.7/0.7,"
    f" largest box",
    "resize": f"uint8 crop of the region, OpenCV area to {FACE_SIDE}x{FACE_SIDE}, no alignment, no margin",
}

Frame = npt.NDArray[np.uint8]
Box = npt.NDArray[np.floating]


def _networks(bench: Bench) -> tuple[Network, Network]:
    """The embedding and the perceptual taps of one network."""
    return bench.once("efficientnet_lite0", lambda: efficientnet_lite0.load(bench.device))


def _perceptual(bench: Bench) -> Perceptual:
    return Perceptual(_networks(bench)[1], plain_distance, PERCEPTUAL_TEXT)


def _whole(bench: Bench) -> Source:
    def select(frame: Frame, box: Box | None) -> tuple[torch.Tensor | None, bool]:
        resized = cropping.resize_pil(frame, WHOLE_SIDE, WHOLE_SIDE, bicubic=True)
        return efficientnet_lite0.prepare(resized), True

    return Source("whole", _networks(bench)[0], select, WHOLE_TEXT)


def _body(bench: Bench) -> Source:
    def select(frame: Frame, box: Box | None) -> tuple[torch.Tensor | None, bool]:
        if box is None or not cropping.usable(box):
            return None, False
        height, width = frame.shape[:2]
        part = cropping.crop(frame, cropping.enlarged_box(box, height, width, factor=1.0))
        if part is None:
            return None, False
        return efficientnet_lite0.prepare(cropping.resize_pil(part, *cropping.BODY_SIZE)), True

    return Source("body", _networks(bench)[0], select, BODY_TEXT)


def _face(bench: Bench) -> Source:
    detector = bench.once(
        f"mtcnn/{MINIMUM_FACE}", lambda: FaceDetector(bench.device, minimum_face=MINIMUM_FACE)
    )

    def select(frame: Frame, box: Box | None) -> tuple[torch.Tensor | None, bool]:
        region = head_region(frame, box)
        faces = detector.detect(region)
        if faces is None:
            return None, False
        return efficientnet_lite0.prepare(cropping.face_crop(region, faces.boxes[0], FACE_SIDE)), True

    return Source("face", _networks(bench)[0], select, {**FACE_TEXT, "detector_weights": detector.label})


PROFILE = Profile(
    name="offline",
    summary="standard definitions with the weights that pip brings; not comparable with published numbers;"
    " its feature network is also the training loss of attlwb's packaged weights, which favours attlwb",
    comparable=False,
    frame=native,
    frame_text=NATIVE_FRAME,
    pixel=STANDARD_PIXEL,
    perceptual=_perceptual,
    perceptual_text=PERCEPTUAL_TEXT,
    sources={"whole": _whole, "body": _body, "face": _face},
    source_texts={"whole": WHOLE_TEXT, "body": BODY_TEXT, "face": FACE_TEXT},
    similarities=standard_similarities,
    similarity_text=STANDARD_TEXT,
    selection=standard_selection,
    sets={
        "FID": ("whole", frechet_distance, FRECHET_TEXT),
        "KID": ("whole", kernel_distance, KERNEL_TEXT),
        "Body-FD": ("body", frechet_distance, FRECHET_TEXT),
        "Face-FD": ("face", frechet_distance, FRECHET_TEXT),
    },
    average=frame_mean,
    metrics={
        "self": (
            "PSNR",
            "PSNR/pooled",
            "SSIM",
            "LPIPS",
            "Body-CS",
            "Face-CS",
            "Face-CS/detected",
            "Face-rate/prediction",
            "Face-rate/reference",
        ),
        "cross": (
            "Body-CS",
            "Body-CS/centroid",
            "Face-CS",
            "Face-CS/detected",
            "Face-CS/centroid",
            "Face-rate/prediction",
            "Face-rate/reference",
            "FID",
            "KID",
            "Body-FD",
            "Face-FD",
        ),
    },
)
