"""Profile `standard`: today's best practice, with the networks other people use (weights by path).

FID graph of 2015-12-05 with `clean` resizing, LPIPS v0.1 alex, OSNet with re-identification weights on
antialiased crops, InceptionResnetV1 on MTCNN faces. See docs/metrics.md.
"""

from __future__ import annotations

from iper_bench.metrics.definition import Definition
from iper_bench.metrics.kinds import BODY_STATE
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

MAPS = {"frame": "native", "network": "lpips_alex", "values": "signed", "heads": "v0.1"}
WHOLE = {
    "frame": "native",
    "detector": "none",
    "box": "none",
    "missing": "nothing",
    "crop": "clean-299",
    "network": "inception_fid_2015_12_05",
}
BODY = Part(
    "Body",
    {
        "frame": "native",
        "detector": "fasterrcnn",
        "box": "1.05",
        "missing": "nothing",
        "crop": "bilinear-256x128",
        "network": "osnet_x1_0_reid",
    },
)
FACE = Part(
    "Face",
    {
        "frame": "native",
        "detector": "mtcnn-20",
        "box": "clipped",
        "missing": "nothing",
        "crop": "area-160",
        "network": "facenet_vggface2",
    },
)
PCB = Part("PCB", {**BODY.features, "crop": "corners-384x192", "network": "pcb_market1501"})
INFINITE_SOURCE = "Chong and Forsyth 2020"


def _body_states() -> tuple[Definition, ...]:
    choices = {**WHOLE, "crop": "linear-224", "network": "hmr_iccv", "average": "frames"}
    return tuple(
        Definition(f"SSPE/{name}", BODY_STATE, {**choices, "statistic": name})
        for name in ("scale", "translation", "pose", "shape")
    )


_FID, _KID, _FID_OF_CLIP = whole_sets(WHOLE)
_STATES = _body_states()
_MORE_MAPS = tuple(
    lpips({**MAPS, "network": f"lpips_{trunk}"}, f"LPIPS/{trunk}") for trunk in ("vgg", "squeeze")
)

PROFILE = Profile(
    name="standard",
    summary="today's best practice; weights by path",
    comparable=False,
    why_not="best practice, not the definitions behind the paper's numbers",
    metrics={
        "self": (
            PSNR_STANDARD,
            PSNR_POOLED,
            SSIM_STANDARD,
            lpips(MAPS),
            *flicker(MAPS),
            *(BODY.similarity, BODY.detected, BODY.at_truth_box, *BODY.rates),
            *(FACE.similarity, FACE.detected, FACE.at_truth_box, *FACE.rates),
        ),
        "cross": (
            *(BODY.similarity, BODY.detected, BODY.centroid, *BODY.rates),
            *(FACE.similarity, FACE.detected, FACE.centroid, *FACE.rates),
            *(_FID, _KID, _FID_OF_CLIP, BODY.distance, FACE.distance),
            flicker(MAPS)[0],
        ),
    },
    on_request={
        "self": (*_MORE_MAPS, *_STATES, PCB.similarity, PCB.detected, _FID_OF_CLIP),
        "cross": (
            *(PCB.similarity, PCB.detected, PCB.distance),
            *_STATES,
            set_metric("IS", WHOLE, statistic="logits, 10 splits").named("IS", source="Salimans et al. 2016"),
            set_metric("FID/tf1", {**WHOLE, "crop": "tf1-299"}),
            set_metric("FID/infinity", WHOLE, statistic="frechet-infinity").named(
                "FID/infinity", source=INFINITE_SOURCE
            ),
        ),
    },
)
