"""DIAF: appearance flow from two poses warps the source's features into the target's pose.

From: Dense Intrinsic Appearance Flow for Human Pose Transfer (Li et al., CVPR 2019) and the facts of its
released code. Three stages: the flow network learns from posed meshes; the generator learns with the flow
network as it is; the pixel warper learns with both as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from iper_bench.baseline_kit.baseline import Baseline, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.body.loading import load_body
from iper_bench.body.model import BodyModel
from iper_bench.conditions.keypoints import openpose18
from iper_bench.data.clip import BodyTrack
from iper_bench.lwg.inputs import to_network
from iper_bench.methods.method import Method, Sources

from .content import content_term
from .flow_network import flow_network
from .flow_truth import flow_truth, joint_maps, name_tensor, shifted
from .layers import frames_alone, initialise
from .network import DualUnetGenerator, PatchDiscriminator, PixelWarper, blended
from .objective import adversarial, discriminator_loss, end_point_error, flow_terms
from .released import load_released
from .settings import DiafSettings
from .warping import BACKGROUND, warp

JOINTS = 18
FLOW, GENERATOR, WARPER = range(3)  # stages
_BETAS = (0.9, 0.999), (0.5, 0.999)  # of Adam: flow network, everything else
_GENERATOR_NETWORKS = ("netG", "netD")
_WARPER_NETWORKS = ("netPW", "netD_PW")


@dataclass(frozen=True)
class Flowed:
    """What the flow network makes of a pair.

    ``flow`` (N, 2, S, S) in pixels, 0 on the background; ``visibility`` (N, 1, S, S) classes; ``image``
    (N, 3, S, S) the warped source, -1 outside the body.
    """

    flow: Tensor
    visibility: Tensor
    image: Tensor


@dataclass(frozen=True)
class DiafPerson:
    """The first source: ``image`` (1, 3, S, S), ``joints`` (1, 18, S, S), and the body it has."""

    image: Tensor
    joints: Tensor
    body: BodyModel


class Diaf(Baseline[DiafSettings]):
    """See the module."""

    name = "diaf"
    Settings = DiafSettings

    def __init__(self, settings: DiafSettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        settings.check()
        sizes = {"width": settings.width, "most": settings.most, "scales": settings.scales}
        self.networks = {
            "netF": flow_network(
                settings.flow_network,
                2 * JOINTS,
                width=settings.flow_width,
                most=settings.flow_most,
                scales=settings.flow_scales,
            ),
            "netG": DualUnetGenerator(
                pose=JOINTS, warped=settings.warped, visibility=settings.visibility, **sizes
            ),
            "netD": self._judge(),
        }
        if settings.warper:
            self.networks |= {"netPW": PixelWarper(**sizes), "netD_PW": self._judge()}
        for network in self.networks.values():
            initialise(network)
        self.content = content_term("none", None)

    def _judge(self) -> PatchDiscriminator:
        settings = self.settings
        return PatchDiscriminator(6 + JOINTS, width=settings.judge_width, layers=settings.judge_layers)

    @property
    def _device(self) -> torch.device:
        return next(self.networks["netG"].parameters()).device

    # Training ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Optimisers of every stage and the network of the content term."""
        settings = self.settings
        rates = {"netF": settings.flow_rate, "netG": settings.rate, "netPW": settings.rate}
        self.optimisers = {
            name: torch.optim.Adam(
                network.parameters(),
                lr=rates.get(name, settings.judge_rate),
                betas=_BETAS[name != "netF"],
                weight_decay=settings.weight_decay,
            )
            for name, network in self.networks.items()
        }
        self.content = content_term(settings.perceptual, self.perceptual_weights, self._device)

    def stage(self, step: int, steps: int) -> tuple[int, float]:
        """Which stage ``step`` of ``steps`` belongs to, and the share of that stage that is over."""
        settings = self.settings
        second = round(settings.flow_share * steps)
        third = round((settings.flow_share + settings.generator_share) * steps) if settings.warper else steps
        if step < second:
            return FLOW, step / second
        if step < third:
            return GENERATOR, (step - second) / (third - second)
        return WARPER, (step - third) / max(steps - third, 1)

    def need(self, step: int, steps: int) -> Need:
        """Pairs: a source and a target of one clip."""
        settings = self.settings
        first = self.stage(step, steps)[0] == FLOW
        return Need(settings.flow_batch if first else settings.batch, 2)

    def rate(self, step: int, steps: int) -> float:
        """Halved every eight epochs of thirty in the first stage (the original steps its schedule at the
        start of an epoch, so the first halving comes one epoch early); constant in the others, whose first
        decay would come after a hundred.
        """
        stage, over = self.stage(step, steps)
        if stage != FLOW:
            return self.settings.rate
        epoch = 1 + int(over * self.settings.epochs)
        return self.settings.flow_rate * 0.5 ** (epoch // self.settings.flow_halving)

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """``image_1``, ``image_2`` (3, S, S); keypoints ``points_1``, ``points_2`` (18, 2) x, y in pixels;
        and, for the first stage, the body: ``betas`` (10,), ``poses`` (2, 72), ``cams`` (2, 3), ``body``
        (1024,) its name.
        """
        del rng
        track = example.track
        images = to_network(example.frames)
        points = torch.from_numpy(openpose18(load_body(example.body), track, self.settings.side))
        return {
            "image_1": images[0],
            "image_2": images[1],
            "points_1": points[0],
            "points_2": points[1],
            "betas": torch.from_numpy(track.betas),
            "poses": torch.from_numpy(track.poses[:2]),
            "cams": torch.from_numpy(track.cams[:2]),
            "body": name_tensor(example.body),
        }

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """One step of the stage that ``step`` belongs to."""
        stage, over = self.stage(step, steps)
        if stage == FLOW:
            return self.learn_flow(batch, self.rate(step, steps))
        joints_1, joints_2 = self._joint_maps(batch["points_1"]), self._joint_maps(batch["points_2"])
        plays = over >= self.settings.gan_from
        return self.learn_images(
            batch["image_1"], batch["image_2"], joints_1, joints_2, stage=stage, plays=plays
        )

    def _joint_maps(self, points: Tensor) -> Tensor:
        side = self.settings.side
        return joint_maps(points, (side, side), self.settings.radius, self.settings.joint_maps)

    def learn_flow(self, batch: Batch, rate: float) -> dict[str, float]:
        """One step of the flow network at ``rate``; ``epe`` is its error in pixels on the body."""
        settings = self.settings
        truth = flow_truth(batch, settings.side, window=settings.median, neighbours=settings.neighbours)
        shifts = torch.stack(
            [_steps(len(truth.flow), most) for most in (settings.shift_x, settings.shift_y)], 1
        ).to(truth.flow.device)
        truth = shifted(truth, shifts)
        targets = batch["points_2"] + shifts[:, None]
        joints = torch.cat([self._joint_maps(batch["points_1"]), self._joint_maps(targets)], 1)
        network = self.networks["netF"]
        output = network(joints)
        terms = flow_terms(
            output,
            truth.flow,
            truth.visibility,
            truth.source_parts,
            truth.target_parts,
            settings.flow_norm,
        )
        self.update("netF", terms["total"], rate)
        with torch.no_grad():
            terms["epe"] = end_point_error(output.pixels(), truth.flow, truth.visibility)
        return {name: float(value.detach()) for name, value in terms.items()}

    def learn_images(
        self,
        image_1: Tensor,
        image_2: Tensor,
        joints_1: Tensor,
        joints_2: Tensor,
        *,
        stage: int,
        plays: bool,
    ) -> dict[str, float]:
        """One step of the discriminator, if it ``plays``, then one of the stage's network.

        Parameters
        ----------
        image_1, image_2: (N, 3, S, S) sources and targets. joints_1, joints_2: (N, 18, S, S).
        stage: ``GENERATOR`` or ``WARPER``.
        """
        player, judge = _GENERATOR_NETWORKS if stage == GENERATOR else _WARPER_NETWORKS
        flowed = self.flowed(image_1, joints_1, joints_2)
        if stage == GENERATOR:
            drawn = self.generated(image_1, joints_2, flowed)
        else:
            with torch.no_grad():  # in training mode, as in the original: running statistics go on
                generated = self.generated(image_1, joints_2, flowed)
            drawn = self.pixel_warped(generated, flowed)
        settings, terms = self.settings, dict[str, Tensor]()
        judged = self.networks[judge]
        if plays:
            real = judged(torch.cat([image_1, image_2, joints_2], 1))
            fake = judged(torch.cat([image_1, drawn.detach(), joints_2], 1))
            terms["D"] = discriminator_loss(real, fake, settings.gan)
            self.update(judge, settings.gan_weight * terms["D"])
        terms["l1"] = F.l1_loss(drawn, image_2)
        terms["content"] = self.content(drawn, image_2)
        total = settings.l1_weight * terms["l1"] + settings.content_weight * terms["content"]
        if plays:
            terms["G"] = adversarial(judged(torch.cat([image_1, drawn, joints_2], 1)), settings.gan)
            total = total + settings.gan_weight * terms["G"]
        terms["total"] = total
        self.update(player, total, settings.rate)
        return {name: float(value.detach()) for name, value in terms.items()}

    # Inference --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def flowed(self, image: Tensor, joints_1: Tensor, joints_2: Tensor) -> Flowed:
        """Flow from the target (``joints_2``) to the source, with running statistics."""
        output = self.networks["netF"].eval()(torch.cat([joints_1, joints_2], 1))
        flow, visibility = output.pixels(), output.classes()
        return Flowed(flow, visibility, warp(image, flow, (visibility < BACKGROUND).to(flow.dtype)))

    def generated(self, image: Tensor, joints_2: Tensor, flowed: Flowed) -> Tensor:
        """The generator's image (N, 3, S, S) in [-1, 1]."""
        drawn = self.networks["netG"](joints_2, image, flowed.flow, flowed.visibility)
        return torch.tanh(drawn)

    def pixel_warped(self, image: Tensor, flowed: Flowed) -> Tensor:
        """The generator's image with the pixels of the warped source that the pixel warper picks."""
        logit = self.networks["netPW"](image, flowed.image, flowed.visibility, flowed.flow)
        return blended(logit, flowed.image, image)

    def person(self, sources: Sources) -> DiafPerson:
        """The first source and its keypoints."""
        body = load_body(sources.body)
        points = torch.from_numpy(openpose18(body, sources.track.take([0]), self.settings.side))
        device = self._device
        return DiafPerson(
            to_network(sources.frames[:1]).to(device), self._joint_maps(points.to(device)), body
        )

    def draw(self, person: DiafPerson, track: BodyTrack) -> Tensor:
        """Every frame is normalised by its own statistics, or by the running ones where the settings say so.
        A pixel warper that was never trained is left out.
        """
        points = torch.from_numpy(openpose18(person.body, track, self.settings.side)).to(self._device)
        joints_2 = self._joint_maps(points)
        image = person.image.expand(len(track), -1, -1, -1)
        joints_1 = person.joints.expand(len(track), -1, -1, -1)
        warper = self.networks.get("netPW")
        alone = [self.networks["netG"], *([warper] if warper is not None else [])]
        with frames_alone(*(alone if self.settings.statistics == "batch" else [])):
            flowed = self.flowed(image, joints_1, joints_2)
            drawn = self.generated(image, joints_2, flowed)
            if isinstance(warper, PixelWarper) and warper.learned:
                drawn = self.pixel_warped(drawn, flowed)
        return drawn

    def official(self, path: Path) -> tuple[Path, ...]:
        """Load the generator's file and those beside it; see :func:`.released.load_released`."""
        return load_released(path, self.networks)


def _steps(count: int, most: int) -> Tensor:
    """(count,) whole numbers in [-most, most), drawn from torch's global generator; 0 for ``most`` 0."""
    return torch.randint(-most, most, (count,)) if most else torch.zeros(count, dtype=torch.int64)


def create(*, weights: Path | None = None, random: str | None = None) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(Diaf, weights=weights, random=random)
