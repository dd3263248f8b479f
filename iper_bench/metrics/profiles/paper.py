"""Profile `paper`: the official evaluator (svip-lab/impersonator, ``thirdparty/his_evaluators``, commit
b041dd4), peculiarities included.

Frames are brought to 512x512, SSIM and PSNR are taken on [-1, 1], averages are means of means of batches of
16 over the frames of all trials, and whole frames stand in for missing detections. Deviations that change no
valid number: exact Frechet distance, undefined values are missing instead of 0, an empty crop is a failed
frame instead of the end of the evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping

from iper_bench.metrics.definition import Definition, Kind
from iper_bench.metrics.kinds import BODY_STATE, LPIPS, PSNR, SET, SIMILARITY, SSIM
from iper_bench.metrics.profiles.profile import Profile

SOURCE = "his_evaluators of svip-lab/impersonator, commit b041dd4"
FRAME = {"frame": "linear-512"}
BATCHES = {"average": "batches-16"}
WHOLE = {
    **FRAME,
    "detector": "none",
    "box": "none",
    "missing": "whole frame",
    "crop": "linear-299",
    "network": "inception_v3_torchvision",
}
BODY = {
    **FRAME,
    "detector": "yolov3-spp",
    "box": "side/416 1.05",
    "missing": "whole frame",
    "crop": "corners-256x128",
    "network": "osnet_ibn_x1_0_imagenet",
}
PCB = {**BODY, "crop": "corners-384x192", "network": "pcb_market1501"}
FACE = {
    **FRAME,
    "detector": "mtcnn-20",
    "box": "clipped",
    "missing": "whole frame",
    "crop": "area-160",
    "network": "facenet_vggface2",
}


def _metric(metric: str, kind: Kind, *parts: Mapping[str, str], **choices: str) -> Definition:
    together = {name: choice for part in parts for name, choice in part.items()}
    return Definition(metric, kind, {**together, **choices}, source=SOURCE)


def _similarity(metric: str, features: Mapping[str, str]) -> Definition:
    return _metric(metric, SIMILARITY, features, BATCHES, arithmetic="float32 + 1e-6", policy="all")


def _set(metric: str, features: Mapping[str, str], **choices: str) -> Definition:
    usual = {"selection": "all", "scope": "dataset", "statistic": "frechet", "average": "none"}
    return _metric(metric, SET, features, usual, choices)


_FACE_CROSS = _similarity("Face-CS", FACE)
_FACE_SELF = _FACE_CROSS.having(policy="reference", average="batches-16-zero")
_STATE = {**WHOLE, "crop": "linear-224", "network": "hmr_iccv"}
_SSPE = _metric("SSPE", BODY_STATE, _STATE, BATCHES, statistic="evaluator")
_PCB_CS = _similarity("PCB-CS", PCB)

PROFILE = Profile(
    name="paper",
    summary="the official evaluator, peculiarities included; weights by path",
    comparable=True,
    why_not="",
    metrics={
        "self": (
            _metric(
                *("PSNR", PSNR, FRAME, BATCHES),
                colour="rgb",
                arithmetic="float32-signed",
                range="skimage-0.16",
                identical="infinite",
            ),
            _metric(
                *("SSIM", SSIM, FRAME, BATCHES),
                colour="rgb",
                values="signed",
                window="uniform-7",
                covariance="sample",
            ),
            _metric("LPIPS", LPIPS, FRAME, BATCHES, network="lpips_alex", values="signed", heads="v0.1"),
            _similarity("Body-CS", BODY),
            _FACE_SELF,
        ),
        "cross": (
            _similarity("Body-CS", BODY),
            _FACE_CROSS,
            _set("FID", WHOLE),
            _set("IS", WHOLE, statistic="softmax of features"),
            _set("Body-FD", BODY),
            _set("Face-FD", FACE, selection="reference"),
        ),
    },
    on_request={
        "self": (_PCB_CS, _SSPE),
        "cross": (_PCB_CS, _set("PCB-FD", PCB), _SSPE),
    },
    fixed_detector=True,
)
