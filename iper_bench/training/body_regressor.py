"""``train_body_regressor(request)``: a small body estimator from a dataset with known bodies; resumable; ends
with ``hmr.safetensors``, which every ``--body-weights`` takes.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from iper_bench import __version__
from iper_bench.atomic import write_json
from iper_bench.body import load_body
from iper_bench.body.recovery.small import NETWORK, SmallHmr, SmallHmrConfig, normalised
from iper_bench.body.recovery.small_joints import JointBody
from iper_bench.body.rotations import six_from_matrices
from iper_bench.data.clip import Clip, Images
from iper_bench.data.dataset import DATASETS
from iper_bench.device import compute_device
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.lwg.checkpoint import save_safetensors
from iper_bench.training.body_regressor_loss import BodyLossWeights, body_loss
from iper_bench.training.body_regressor_samples import BodySampler, BodySamples
from iper_bench.training.finite import check_finite
from iper_bench.training.folder import PLAN_FILE, check_folder
from iper_bench.training.loop import run_loop
from iper_bench.training.memory import explained_memory
from iper_bench.training.mix import TRAINING, Mix, parse_mix
from iper_bench.training.options import LoopOptions
from iper_bench.training.state import STATE_FILE, TrainingState, check_length
from iper_bench.training.team import Team
from iper_bench.training.trainee import Learned, Validation

WEIGHTS_FILE = "hmr.safetensors"


@dataclass(frozen=True)
class BodyRegressorSettings:
    """What decides the numbers of a training beside its data and seed.

    Attributes
    ----------
    network: sizes. weights: of the loss terms. steps: length of the schedule.
    batch: patches per step. rate: of AdamW at its height; it rises over ``warm_up`` steps and falls along a
        cosine to a hundredth at the end. decay: of the weights. ema: decay of the averaged weights, which are
        exported.
    """

    network: SmallHmrConfig = field(default_factory=SmallHmrConfig)
    weights: BodyLossWeights = field(default_factory=BodyLossWeights)
    steps: int = 6000
    batch: int = 32
    rate: float = 1.5e-3
    warm_up: int = 100
    decay: float = 1e-4
    ema: float = 0.998

    def rate_at(self, step: int, steps: int) -> float:
        """Rate of ``step`` (from 0) of a schedule of ``steps``."""
        rise = min(1.0, (step + 1) / self.warm_up)
        return self.rate * rise * (0.505 + 0.495 * math.cos(math.pi * min(1.0, step / steps)))


@dataclass(frozen=True)
class BodyRegressorRequest:
    """One training.

    Attributes
    ----------
    dataset: ``NAME[@ROOT],NAME[@ROOT]``, see :mod:`iper_bench.training.mix`; all of one body model.
        data_root: of a single dataset. size: side of its frames, ``None`` = the dataset's.
    out: training folder. steps: length of the schedule, ``None`` = that of the settings. seconds: stop early;
        the same request goes on. batch: patches per step, ``None`` = that of the settings.
    seed: of initial weights and samples. resume: go on from the state in ``out``.
    workers: threads that make batches. log_every, save_every: in steps.
    """

    dataset: str
    out: Path
    data_root: str | None = None
    size: int | None = None
    steps: int | None = None
    seconds: float | None = None
    batch: int | None = None
    seed: int = 0
    resume: bool = True
    workers: int = 0
    log_every: int = 25
    save_every: int = 250


@dataclass(frozen=True)
class _SetUp:
    """A request with everything that follows from it."""

    request: BodyRegressorRequest
    settings: BodyRegressorSettings
    mix: Mix
    steps: int
    batch: int

    @property
    def body(self) -> str:
        return self.mix.datasets[0].body

    @property
    def identity(self) -> str:
        return content_hash(
            {
                "network": NETWORK,
                "settings": {**self._settings(), "batch": self.batch},
                "dataset": self.mix.fingerprint,
                "body": load_body(self.body).sha256,
                "seed": self.request.seed,
            }
        )

    def _settings(self) -> dict[str, Any]:
        """Without the length of the schedule, which a folder may change."""
        told = asdict(self.settings)
        del told["steps"]
        return {**told, "weights": self.settings.weights._asdict()}

    def plan(self) -> dict[str, Any]:
        """What ``plan.json`` and the weights tell."""
        return {
            "network": NETWORK,
            "identity": self.identity,
            "settings": {**self._settings(), "batch": self.batch},
            "dataset": self.mix.name,
            "fingerprint": self.mix.fingerprint,
            "body": self.body,
            "seed": self.request.seed,
            "steps": self.steps,
        }


def train_body_regressor(
    request: BodyRegressorRequest, settings: BodyRegressorSettings | None = None
) -> Path:
    """Train and return the path of the exported weights; ``settings`` are the default ones where not given.

    Raises
    ------
    UserError for bad names, folders and states, datasets without training clips or of different bodies, and
    a loss that is no number. KeyboardInterrupt when stopped by a signal; the state is saved then.
    """
    settings = settings or BodyRegressorSettings()
    mix = Mix(
        tuple(
            DATASETS.get(part.name)(root=part.root, size=request.size)
            for part in parse_mix(request.dataset, request.data_root)
        )
    )
    clips = _training_clips(mix)
    setup = _SetUp(request, settings, mix, request.steps or settings.steps, request.batch or settings.batch)
    state = initial_state(settings, request.seed)
    resumed = request.resume and state.restore(request.out, setup.identity)
    if not (request.out / STATE_FILE).is_file():
        check_folder(request.out)
    check_length(request.out, state.step, setup.steps)
    with explained_memory():
        sampler = BodySampler(clips, load_body(setup.body), settings.network.side, request.seed)
    if not resumed:
        start_at_mean(state, sampler)
    write_json(request.out / PLAN_FILE, setup.plan())
    options = LoopOptions(
        request.out,
        setup.identity,
        setup.steps,
        request.seconds,
        log_every=request.log_every,
        save_every=request.save_every,
        workers=request.workers,
    )
    with explained_memory():
        trainee = BodyTrainee(state, sampler, setup)
        run_loop(trainee, options, Team(compute_device()))
    path = request.out / WEIGHTS_FILE
    _export(state, setup, path)
    return path


def initial_state(settings: BodyRegressorSettings, seed: int) -> TrainingState:
    """A fresh network on the compute device with its optimiser; the weights depend on ``seed`` alone."""
    torch.manual_seed(seed)
    network = SmallHmr(settings.network).to(compute_device())
    network.to(memory_format=torch.channels_last)  # a quarter faster on a CPU
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    averaged = {key: value.detach().clone() for key, value in network.state_dict().items()}
    return TrainingState(network, averaged, optimiser)


def start_at_mean(state: TrainingState, sampler: BodySampler) -> None:
    """Fill the network's mean body with that of the samples."""
    rotations, betas, cam = (torch.from_numpy(one) for one in sampler.mean_body())
    values = {
        "init_pose": six_from_matrices(rotations).reshape(1, -1),
        "init_shape": betas[None],
        "init_cam": cam[None],
    }
    own = state.generator.state_dict()
    for name, value in values.items():
        own[name].copy_(value)
        state.averaged[name].copy_(value)


def _training_clips(mix: Mix) -> list[Clip]:
    bodies = sorted({dataset.body for dataset in mix.datasets})
    if len(bodies) > 1:
        raise UserError(
            f"datasets of the bodies {', '.join(bodies)}",
            where="--dataset",
            expected="datasets of one body model: the estimator says the parameters of one",
        )
    mix.require_training_clips()
    return [clip for clip, _ in mix.bare_clips(TRAINING)]


class BodyTrainee:
    """The estimator as the loop trains it, see :class:`iper_bench.training.trainee.Trainee`."""

    validates = False

    def __init__(self, state: TrainingState, sampler: BodySampler, setup: _SetUp) -> None:
        device = compute_device()
        self._state, self._sampler, self._setup = state, sampler, setup
        self._body = JointBody(load_body(setup.body)).to(device)
        state.averaged = {key: value.to(device) for key, value in state.averaged.items()}
        state.generator.train()
        self.settled = True

    @property
    def step(self) -> int:
        return self._state.step

    @property
    def pending(self) -> dict[str, Any] | None:
        return self._state.pending

    @pending.setter
    def pending(self, terms: dict[str, Any] | None) -> None:
        self._state.pending = terms

    def draw(self, step: int, part: int) -> BodySamples:
        """Patches of the step; there is one part."""
        if part != 0:
            raise ValueError("a body estimator is trained on one batch per step")
        return self._sampler.batch(step, count=self._setup.batch)

    def learn(self, batches: Sequence[BodySamples], steps: int) -> Learned:
        """One step of the optimiser and of the averaged weights."""
        state, settings = self._state, self._setup.settings
        rate = settings.rate_at(state.step, steps)
        batch = batches[0].to(compute_device())
        images = normalised(batch.images).contiguous(memory_format=torch.channels_last)
        total, terms = body_loss(state.generator(images), batch, self._body, settings.weights)
        found = {name: float(value.detach()) for name, value in {"total": total, **terms}.items()}
        check_finite(found, state.step)
        for group in state.optimiser.param_groups:
            group["lr"] = rate
        state.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.settled = False
        state.optimiser.step()
        state.step += 1
        state.average(settings.ema)
        self.settled = True
        return Learned(found, rate)

    def picture(self, batch: BodySamples) -> Images:
        """There is none: what is learnt are numbers."""
        raise ValueError("a body estimator draws nothing")

    def validate(self) -> Validation:
        """There is none; ``iper-bench body error`` measures held-out clips."""
        raise ValueError("a body estimator is measured by body error")

    def save(self, folder: Path, identity: str) -> None:
        """See :meth:`TrainingState.save`."""
        self._state.save(folder, identity)


def _export(state: TrainingState, setup: _SetUp, path: Path) -> None:
    """Matrices in half precision, which halves the file; joints move by 0.05 mm in the mean."""
    matrices = {name for name, value in state.generator.named_parameters() if value.ndim > 1}
    tensors = {name: value.half() if name in matrices else value for name, value in state.averaged.items()}
    metadata = {
        "network": NETWORK,
        "config": setup.settings.network.to_json(),
        "body": setup.body,
        "training": {
            **setup.plan(),
            "steps": state.step,
            "schedule": setup.steps,
            "version": __version__,
            "torch": torch.__version__.split("+")[0],
            "machine": platform.machine(),
        },
    }
    save_safetensors(tensors, path, metadata)
