"""Profile `legacy`: errors that published numbers contain, each by itself on top of `standard`, so that such
a number can be made again on purpose and put beside the right one.

Each definition names its source. A method is not to be judged by any of them.
"""

from __future__ import annotations

from iper_bench.metrics.definition import Definition
from iper_bench.metrics.profiles.best_practice import PSNR_STANDARD, SSIM_STANDARD, lpips
from iper_bench.metrics.profiles.profile import Profile
from iper_bench.metrics.profiles.standard import BODY, FACE, MAPS

_DISCO = "Wangt-CN/DisCo, tool/metrics"

PSNR_WRAP = PSNR_STANDARD.named(
    "psnr/uint8-wrap",
    f"{_DISCO} before the fix (DisCo#86); copied by MagicDance (#20), champ (#8) and magic-animate (#146)",
    arithmetic="uint8-wrap",
)
PSNR_GREY = PSNR_STANDARD.named("psnr/grey", "evaluations on luma, e.g. Pretrained-IPT#48", colour="grey")
SSIM_PADDED = SSIM_STANDARD.named(
    "ssim/white-pad-40",
    "tengteng95/Pose-Transfer (PATB), tool/getMetrics_fashion.py; Global-Flow-Local-Attention#42",
    frame="white-pad-40",
)
SSIM_GREY = SSIM_STANDARD.named(
    "ssim/grey",
    f"{_DISCO}: 8-bit grey, uniform window, sample covariance",
    colour="grey",
    window="uniform-7",
    covariance="sample",
)
LPIPS_UNIT = lpips({**MAPS, "network": "lpips_vgg"}).named(
    "lpips/unit-range", f"{_DISCO}: [0, 1] given to a network that expects [-1, 1] (DisCo#41)", values="unit"
)
FACE_ZERO = FACE.detected.named(
    "face-cs/batch16-zero",
    "his_evaluators: mean of means of batches of 16; a batch without any reference face counts 0, a"
    " prediction without one is embedded whole",
    missing="whole frame",
    policy="reference",
    average="batches-16-zero",
)
BODY_416 = BODY.similarity.named(
    "body-cs/box416",
    "his_evaluators: person boxes multiplied by side / 416; without a person the whole frame",
    box="side/416 1.05",
    missing="whole frame",
    policy="all",
)

_SELF: tuple[Definition, ...] = (
    *(PSNR_WRAP, PSNR_GREY, SSIM_PADDED, SSIM_GREY, LPIPS_UNIT, FACE_ZERO, BODY_416),
)

PROFILE = Profile(
    name="legacy",
    summary="errors that published numbers contain, one at a time, to make such numbers again on purpose",
    comparable=False,
    why_not="a known error, kept on purpose",
    metrics={"self": _SELF, "cross": (BODY_416,)},
    on_request={"self": (), "cross": ()},
)
