"""Profile `paper`: the official evaluator (svip-lab/impersonator, ``thirdparty/his_evaluators``),
peculiarities included, on the frames of each trial.

Frames are brought to 512x512, SSIM and PSNR are taken on [-1, 1], averages are means of means of batches of
16, and whole frames stand in for missing detections. Deviations that change no valid number: exact Frechet
distance, undefined values are missing instead of 0. Weights by path, never downloaded.
Differs: the evaluator forms its batches over all trials of a data set, one after the other; here they end
with the trial, so that the mean over clips is not the evaluator's number. Set metrics are over all trials,
as the evaluator's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.metrics import cropping
from iper_bench.metrics.averages import PAPER_AVERAGE, mean_of_batch_means
from iper_bench.metrics.backbones import inception, osnet, yolov3_spp
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.face_detector import MINIMUM_FACE
from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.inception_score import inception_score
from iper_bench.metrics.perceptual import Perceptual
from iper_bench.metrics.profiles.detection_rules import PAPER_TEXT, paper_selection, paper_similarities
from iper_bench.metrics.profiles.pixel import FRECHET_TEXT, PAPER_PIXEL
from iper_bench.metrics.profiles.profile import Definition, Profile
from iper_bench.metrics.profiles.standard import (
    ALEX_TEXT,
    alex_distance,
    alex_network,
    face_detector,
    face_network,
    imagenet_input,
)
from iper_bench.metrics.source import Source

IMAGE_SIZE = 512  # his_evaluators runners
FRAME_TEXT = (
    f"uint8 RGB, OpenCV bilinear without antialiasing to {IMAGE_SIZE}x{IMAGE_SIZE} (aspect ratio not kept)"
)
LPIPS_TEXT = {
    "input": f"RGB on [-1, 1] at {IMAGE_SIZE}x{IMAGE_SIZE}",
    "distance": ALEX_TEXT,
    "average": PAPER_AVERAGE,
}
WHOLE_TEXT = {"crop": "whole frame", "resize": "[-1, 1], bilinear to 299x299 without antialiasing"}
BODY_TEXT = {
    "box": "YOLOv3-SPP, objectness 0.8, merging NMS at 0.4, largest person, box times side / 416 (the"
    " evaluator's error),"
    " enlarged by 1.05, truncated; none found: whole frame",
    "resize": "ImageNet mean and standard deviation, bilinear with aligned corners to 256x128",
}
FACE_TEXT = {
    "detector": f"MTCNN, minimum face {MINIMUM_FACE} px, 0.6/0.7/0.7, largest box; none found: whole"
    f" frame, area to 160x160, 2x - 1",
    "resize": "uint8 crop, OpenCV area to 160x160, (x - 127.5) / 128; embedding before normalisation",
}
SCORE_TEXT: Definition = {"value": "softmax over the 2048 pooled features, one split (the evaluator's score)"}
Frame = npt.NDArray[np.uint8]
Box = npt.NDArray[np.floating]


def paper_input(frame: Frame) -> Frame:
    """The frame as the evaluator's loader gives it, uint8 (512, 512, 3)."""
    return cropping.paper_frame(frame, IMAGE_SIZE)


def _perceptual(bench: Bench) -> Perceptual:
    return Perceptual(alex_network(bench), alex_distance, LPIPS_TEXT)


def _whole(bench: Bench) -> Source:
    file = bench.weights(inception.PAPER_IDENTITY)
    network = bench.once("inception/torchvision", lambda: inception.load_paper(file, bench.device))
    return Source("whole", network, lambda frame, box: (network.prepare(frame), True), WHOLE_TEXT)


def body_input(frame: Frame, box: cropping.Box | None) -> torch.Tensor | None:
    """The evaluator's re-ID input: crop of the normalised float frame, aligned corners; ``None`` for an empty
    crop.
    """
    part = frame if box is None else cropping.crop(frame, box)
    if part is None:
        return None
    return cropping.resize_corners(imagenet_input(part), *cropping.BODY_SIZE)


def _body(bench: Bench) -> Source:
    file = bench.weights(osnet.PAPER_IDENTITY)
    detector_file = bench.weights(yolov3_spp.IDENTITY)
    network = bench.once(
        "osnet/paper",
        lambda: osnet.load(file, osnet.PAPER_IDENTITY, imagenet_input, bench.device, instance_norm=True),
    )
    detector = bench.once("yolov3_spp", lambda: yolov3_spp.PaperPersonDetector(detector_file, bench.device))

    def select(frame: Frame, box: Box | None) -> tuple[torch.Tensor | None, bool]:
        found = detector.largest(frame)
        return body_input(frame, found), found is not None

    return Source("body", network, select, {**BODY_TEXT, "detector_weights": detector.label})


def _face(bench: Bench) -> Source:
    network = face_network(bench)
    detector = face_detector(bench)

    def select(frame: Frame, box: Box | None) -> tuple[torch.Tensor | None, bool]:
        faces = detector.detect(frame)
        if faces is None:
            return cropping.area_resized(frame), False
        return network.prepare(cropping.face_crop(frame, faces.boxes[0])), True

    return Source("face", network, select, {**FACE_TEXT, "detector_weights": detector.label})


def _score(prediction: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> float:
    return inception_score(prediction)


PROFILE = Profile(
    name="paper",
    summary="the official evaluator on each trial alone, sets over all trials; weights by path",
    comparable=False,  # until averages batch over the data set, as the published ones do
    frame=paper_input,
    frame_text=FRAME_TEXT,
    pixel=PAPER_PIXEL,
    perceptual=_perceptual,
    perceptual_text=LPIPS_TEXT,
    sources={"whole": _whole, "body": _body, "face": _face},
    source_texts={"whole": WHOLE_TEXT, "body": BODY_TEXT, "face": FACE_TEXT},
    similarities=paper_similarities,
    similarity_text=PAPER_TEXT,
    selection=paper_selection,
    sets={
        "FID": ("whole", frechet_distance, FRECHET_TEXT),
        "IS": ("whole", _score, SCORE_TEXT),
        "Body-FD": ("body", frechet_distance, FRECHET_TEXT),
        "Face-FD": ("face", frechet_distance, FRECHET_TEXT),
    },
    average=mean_of_batch_means,
    metrics={
        "self": ("PSNR", "SSIM", "LPIPS", "Body-CS", "Face-CS"),
        "cross": ("Body-CS", "Face-CS", "FID", "IS", "Body-FD", "Face-FD"),
    },
)
