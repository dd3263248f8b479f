"""Profile `offline`: the standard definitions with the weights that pip brings.

EfficientNet-Lite0 stands in for AlexNet, Inception, OSNet and FaceNet; MTCNN is real; the person box is that
of the projected body. Its columns are never comparable with the paper's: every row names the network.
The same network is the perceptual loss behind the packaged weights of ``attlwb``: columns of its features
favour that method over those that were not trained on it.
"""

from __future__ import annotations

from iper_bench.metrics.profiles.best_practice import (
    PSNR_POOLED,
    PSNR_STANDARD,
    SSIM_STANDARD,
    Part,
    flicker,
    lpips,
    set_metric,
    whole_sets,
)
from iper_bench.metrics.profiles.profile import Profile

NETWORK = "efficientnet_lite0"
MAPS = {"frame": "native", "network": NETWORK, "values": "own", "heads": "none"}
WHOLE = {
    "frame": "native",
    "detector": "none",
    "box": "none",
    "missing": "nothing",
    "crop": "bicubic-224",  # EfficientNet-Lite0's training size
    "network": NETWORK,
}
BODY = Part("Body", {**WHOLE, "detector": "given", "box": "clipped", "crop": "bilinear-256x128"})
# faces of small frames hold less than 128 px already
FACE = Part("Face", {**WHOLE, "detector": "mtcnn-30-head", "box": "clipped", "crop": "area-128"})

_FID, _KID, _FID_OF_CLIP = whole_sets(WHOLE)
_FLICKER, _FLICKER_OF_TRUTH, _FLICKER_EXCESS, _FLICKER_RATIO = flicker(MAPS)

PROFILE = Profile(
    name="offline",
    summary="standard definitions with the weights that pip brings; not comparable with published numbers;"
    " its feature network is also the training loss of attlwb's packaged weights, which favours attlwb",
    comparable=False,
    why_not="other networks than the paper's; and LPIPS, CS, FD and FID share theirs with the training loss"
    " of attlwb's packaged weights",
    metrics={
        "self": (
            PSNR_STANDARD,
            PSNR_POOLED,
            SSIM_STANDARD,
            lpips(MAPS),
            _FLICKER,
            _FLICKER_EXCESS,
            BODY.similarity,
            *(FACE.similarity, FACE.detected, FACE.at_truth_box, *FACE.rates),
        ),
        "cross": (
            *(BODY.similarity, BODY.centroid),
            *(FACE.similarity, FACE.detected, FACE.centroid, *FACE.rates),
            *(_FID, _KID, _FID_OF_CLIP, BODY.distance, FACE.distance),
            _FLICKER,
        ),
    },
    on_request={
        "self": (
            *(_FLICKER_OF_TRUTH, _FLICKER_RATIO),
            *(BODY.detected, BODY.at_truth_box, *BODY.rates),
            _FID_OF_CLIP,
        ),
        "cross": (
            *(BODY.detected, *BODY.rates),
            set_metric("FID/infinity", WHOLE, statistic="frechet-infinity").named(
                "FID/infinity", source="Chong and Forsyth 2020"
            ),
        ),
    },
)
