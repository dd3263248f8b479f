"""The definitions that `standard` and `offline` share: they differ in networks and detectors only.

From: today's conventions (Wang et al. 2004 for SSIM, Zhang et al. 2018 for LPIPS, Heusel et al. 2017 and
clean-fid for FID, Binkowski et al. 2018 for KID). See docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iper_bench.metrics.definition import Definition
from iper_bench.metrics.kinds import CENTROID, FLICKER, LPIPS, PSNR, RATE, SET, SIMILARITY, SSIM

Choices = Mapping[str, str]

PSNR_STANDARD = Definition(
    "PSNR",
    PSNR,
    {
        "frame": "native",
        "colour": "rgb",
        "arithmetic": "exact",
        "range": "255",
        "identical": "left out",
        "average": "frames",
    },
)
PSNR_POOLED = PSNR_STANDARD.named("PSNR/pooled", average="pooled")
SSIM_STANDARD = Definition(
    "SSIM",
    SSIM,
    {
        "frame": "native",
        "colour": "rgb",
        "values": "unit",
        "window": "gaussian-11",
        "covariance": "population",
        "average": "frames",
    },
    source="Wang et al. 2004",
)


def lpips(maps: Choices, metric: str = "LPIPS") -> Definition:
    """LPIPS by the maps of a network."""
    return Definition(metric, LPIPS, {**maps, "average": "frames"}, source="Zhang et al. 2018")


def flicker(maps: Choices) -> tuple[Definition, ...]:
    """LPIPS of consecutive frames: of the predictions, of the truth, their difference and ratio."""
    base = Definition("tLPIPS", FLICKER, {**maps, "statistic": "prediction", "average": "frames"})
    return (
        base,
        base.named("tLPIPS/truth", statistic="truth"),
        base.named("tLPIPS/excess", statistic="excess"),
        base.named("tLPIPS/ratio", statistic="ratio", average="ratio"),
    )


@dataclass(frozen=True)
class Part:
    """The metrics of a body or a face.

    Attributes
    ----------
    name: ``Body`` or ``Face``. features: choices of ``kinds.FEATURES``.
    """

    name: str
    features: Choices

    @property
    def similarity(self) -> Definition:
        """CS; a prediction without a detection counts 0."""
        choices = {**self.features, "arithmetic": "float64", "policy": "penalised", "average": "frames"}
        return Definition(f"{self.name}-CS", SIMILARITY, choices)

    @property
    def detected(self) -> Definition:
        """CS over frames where both sides have a detection."""
        return self.similarity.named(f"{self.name}-CS/detected", policy="detected")

    @property
    def at_truth_box(self) -> Definition:
        """CS with the prediction cropped where the truth has its box."""
        return self.similarity.named(f"{self.name}-CS/truth-box", policy="reference box")

    @property
    def centroid(self) -> Definition:
        """CS to the mean of the real frames."""
        choices = {**self.features, "arithmetic": "float64", "policy": "detected", "average": "frames"}
        return Definition(f"{self.name}-CS/centroid", CENTROID, choices)

    @property
    def rates(self) -> tuple[Definition, Definition]:
        """Shares of frames with a detection, of predictions and of references."""
        seen = {"frame": self.features["frame"], "detector": self.features["detector"]}
        base = Definition(
            f"{self.name}-rate/prediction", RATE, {**seen, "side": "prediction", "average": "frames"}
        )
        return base, base.named(f"{self.name}-rate/reference", side="reference")

    @property
    def distance(self) -> Definition:
        """FD of all units together."""
        return set_metric(f"{self.name}-FD", self.features)


def set_metric(metric: str, features: Choices, **choices: str) -> Definition:
    """A metric of sets, by default the Frechet distance over a data set of each side's own detections."""
    usual = {"selection": "own", "scope": "dataset", "statistic": "frechet", "average": "none"}
    return Definition(metric, SET, {**features, **usual, **choices}, source="Heusel et al. 2017")


def whole_sets(features: Choices) -> tuple[Definition, Definition, Definition]:
    """FID, KID and the FID of each clip."""
    return (
        set_metric("FID", features),
        set_metric("KID", features, statistic="kernel"),
        set_metric("FID/clip", features, scope="clip"),
    )
