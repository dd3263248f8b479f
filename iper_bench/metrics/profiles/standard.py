"""Profile `standard`: today's best practice, with the networks other people use (weights by path, never
downloaded).

See docs/metrics.md. FID graph of 2015-12-05 with `clean` resizing, LPIPS v0.1 alex, OSNet
with re-identification weights on antialiased crops, InceptionResnetV1 on MTCNN faces.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.metrics import cropping
from iper_bench.metrics.averages import frame_mean
from iper_bench.metrics.backbones import facenet, inception, lpips_trunks, osnet
from iper_bench.metrics.backbones.network import Image, Network
from iper_bench.metrics.backbones.person_detector import IDENTITY as DETECTOR
from iper_bench.metrics.backbones.person_detector import SCORE, PersonDetector
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.face_detector import MINIMUM_FACE, FaceDetector
from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.kernel_distance import kernel_distance
from iper_bench.metrics.lpips import Maps, lpips_distance
from iper_bench.metrics.perceptual import Perceptual
from iper_bench.metrics.profiles.detection_rules import (
    STANDARD_TEXT,
    standard_selection,
    standard_similarities,
)
from iper_bench.metrics.profiles.pixel import FRECHET_TEXT, KERNEL_TEXT, NATIVE_FRAME, STANDARD_PIXEL, native
from iper_bench.metrics.profiles.profile import Profile
from iper_bench.metrics.source import Source

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
ALEX_TEXT = (
    "LPIPS v0.1, AlexNet, taps unit-normalised (norm + 1e-10), learned heads, spatial mean, sum of taps"
)
LPIPS_TEXT = {"input": "RGB on [-1, 1] at native size", "distance": ALEX_TEXT}
WHOLE_TEXT = {
    "crop": "whole frame",
    "resize": "PIL bicubic per channel in float32 to 299x299, clipped, not rounded",
}
BODY_TEXT = {
    "box": f"Faster R-CNN in the frame's own pixels, largest person of score {SCORE} or more, enlarged by"
    " 1.05, truncated",
    "resize": "uint8 crop, PIL bilinear (antialiased) to 256x128, ImageNet mean and standard deviation",
}
FACE_TEXT = {
    "detector": f"MTCNN of facenet-pytorch on the native frame, minimum face {MINIMUM_FACE} px,"
    " 0.6/0.7/0.7, largest box",
    "resize": "uint8 crop, OpenCV area to 160x160, (x - 127.5) / 128; embedding before normalisation",
}

Frame = npt.NDArray[np.uint8]
Box = npt.NDArray[np.floating]


def imagenet_input(image: Image) -> torch.Tensor:
    """uint8 (h, w, 3) to float32 (3, h, w) with ImageNet's mean and standard deviation."""
    unit = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255
    return (unit - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_DEVIATION)[
        :, None, None
    ]


def alex_network(bench: Bench) -> Network:
    """The LPIPS trunk, shared with the `paper` profile."""
    file = bench.weights(lpips_trunks.TRUNKS["alex"].identity)
    return bench.once("lpips/alex", lambda: lpips_trunks.load("alex", file, bench.device))


def face_network(bench: Bench) -> Network:
    """InceptionResnetV1, shared with the `paper` profile."""
    file = bench.weights(facenet.IDENTITY)
    return bench.once("facenet", lambda: facenet.load(file, bench.device))


def face_detector(bench: Bench) -> FaceDetector:
    """MTCNN with the evaluator's settings, shared with the `paper` profile."""
    return bench.once(f"mtcnn/{MINIMUM_FACE}", lambda: FaceDetector(bench.device))


def alex_distance(prediction: Maps, truth: Maps) -> float:
    """LPIPS v0.1 of unit-normalised AlexNet maps."""
    return lpips_distance(prediction, truth, _alex_heads())


def _alex_heads() -> Maps:
    if not _HEADS:
        _HEADS.extend(lpips_trunks.heads("alex"))
    return _HEADS


_HEADS: list[npt.NDArray[np.float32]] = []


def _perceptual(bench: Bench) -> Perceptual:
    return Perceptual(alex_network(bench), alex_distance, LPIPS_TEXT)


def _whole(bench: Bench) -> Source:
    file = bench.weights(inception.STANDARD_IDENTITY)
    network = bench.once("inception/fid", lambda: inception.load_standard(file, bench.device))
    return Source("whole", network, lambda frame, box: (network.prepare(frame), True), WHOLE_TEXT)


def _body(bench: Bench) -> Source:
    file = bench.weights(osnet.STANDARD_IDENTITY)
    detector_file = bench.weights(DETECTOR)
    network = bench.once(
        "osnet/reid",
        lambda: osnet.load(file, osnet.STANDARD_IDENTITY, imagenet_input, bench.device, instance_norm=False),
    )
    detector = bench.once("fasterrcnn", lambda: PersonDetector(detector_file, bench.device))

    def select(frame: Frame, box: Box | None) -> tuple[torch.Tensor | None, bool]:
        found = detector.largest(frame)
        if found is None:
            return None, False
        part = cropping.crop(frame, cropping.enlarged_box(found, *frame.shape[:2]))
        if part is None:
            return None, False
        return network.prepare(cropping.resize_pil(part, *cropping.BODY_SIZE)), True

    return Source("body", network, select, {**BODY_TEXT, "detector_weights": detector.label})


def _face(bench: Bench) -> Source:
    network = face_network(bench)
    detector = face_detector(bench)

    def select(frame: Frame, box: Box | None) -> tuple[torch.Tensor | None, bool]:
        faces = detector.detect(frame)
        if faces is None:
            return None, False
        return network.prepare(cropping.face_crop(frame, faces.boxes[0])), True

    return Source("face", network, select, {**FACE_TEXT, "detector_weights": detector.label})


PROFILE = Profile(
    name="standard",
    summary="today's best practice; weights by path",
    comparable=False,
    frame=native,
    frame_text=NATIVE_FRAME,
    pixel=STANDARD_PIXEL,
    perceptual=_perceptual,
    perceptual_text=LPIPS_TEXT,
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
            "Body-CS/detected",
            "Body-rate/prediction",
            "Body-rate/reference",
            "Face-CS",
            "Face-CS/detected",
            "Face-rate/prediction",
            "Face-rate/reference",
        ),
        "cross": (
            "Body-CS",
            "Body-CS/detected",
            "Body-CS/centroid",
            "Body-rate/prediction",
            "Body-rate/reference",
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
