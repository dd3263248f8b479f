"""Settings of DIAF."""

from __future__ import annotations

from dataclasses import dataclass

from iper_bench.baseline_kit.baseline import BaselineSettings
from iper_bench.errors import UserError, unknown_name

from .flow_truth import JOINT_MAPS
from .layers import check_side
from .objective import GANS, NORMS

STATISTICS = ("batch", "running")
WHERE = "settings of 'diaf'"


@dataclass(frozen=True, kw_only=True)
class DiafSettings(BaselineSettings):
    """Defaults are the original's at 256 pixels.

    Attributes
    ----------
    joint_maps, radius: see :func:`.flow_truth.joint_maps`.
    median: side in pixels of the window that cleans visibility and parts.
    neighbours: whether the source shows faces that touch a face it shows.
    flow_norm: of the flow's error, ``"l2"`` or ``"l1"``.
    shift_x, shift_y: in the first stage targets move by up to so many pixels.
    flow_network: ``"unet"`` or ``"unet_v2"``. flow_width, flow_most, flow_scales: its sizes.
    width, most, scales, warped, visibility: of the generator, see :class:`.network.DualUnetGenerator`; the
        pixel warper has the first three too.
    judge_width, judge_layers: of the discriminators. gan: ``"bce"`` or ``"lsgan"``.
    flow_batch: pairs per step of the first stage.
    warper: whether there is a pixel warper and its third stage.
    statistics: of batch normalisation when frames are drawn: ``"batch"``, every frame's own (the original at
        batch size 1), or ``"running"``.
    flow_share, generator_share: of the schedule; the pixel warper has the rest.
    gan_from: share of the second and of the third stage after which the discriminator plays.
    flow_rate, rate, judge_rate, weight_decay: of Adam. epochs: parts of a stage that count as epochs.
    flow_halving: epochs after which the first stage's rate is halved.
    l1_weight, content_weight, gan_weight: of the generator's terms.
    """

    joint_maps: str = "binary"
    radius: float = 8.0
    median: int = 5
    neighbours: bool = True
    flow_norm: str = "l2"
    shift_x: int = 20
    shift_y: int = 10
    flow_network: str = "unet"
    flow_width: int = 32
    flow_most: int = 512
    flow_scales: int = 5
    width: int = 32
    most: int = 128
    scales: int = 7
    warped: int = 5
    visibility: str = "residual"
    judge_width: int = 64
    judge_layers: int = 3
    gan: str = "bce"
    flow_batch: int = 8
    warper: bool = True
    statistics: str = "batch"
    flow_share: float = 1 / 3
    generator_share: float = 1 / 3
    gan_from: float = 1 / 6
    flow_rate: float = 1e-4
    rate: float = 2e-4
    judge_rate: float = 2e-5
    weight_decay: float = 4e-4
    epochs: int = 30
    flow_halving: int = 8
    l1_weight: float = 1.0
    content_weight: float = 1.0
    gan_weight: float = 0.01

    def check(self) -> None:
        """Raise UserError for settings that no network can be made of."""
        check_side(self.side, self.scales, "field 'scales'")
        check_side(self.side, self.flow_scales + 1, "field 'flow_scales'")
        for value, known, what in (
            (self.statistics, STATISTICS, "statistics"),
            (self.joint_maps, JOINT_MAPS, "kind of joint maps"),
            (self.gan, GANS, "gan"),
            (self.flow_norm, NORMS, "norm of the flow"),
        ):
            if value not in known:
                raise unknown_name(what, value, known, where=WHERE)
        if not 0 <= self.warped <= self.scales:
            raise UserError(
                f"{self.warped} warped scales",
                where=f"{WHERE}, field 'warped'",
                expected=f"0 to {self.scales}",
            )
        if min(self.flow_share, self.generator_share) < 0 or self.flow_share + self.generator_share > 1:
            raise UserError(
                f"shares {self.flow_share:g} and {self.generator_share:g}",
                where=f"{WHERE}, fields 'flow_share', 'generator_share'",
                expected="shares from 0 that make at most 1",
            )
