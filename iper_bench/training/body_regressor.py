"""``train_body_regressor(request)``: a small body estimator from a dataset with known bodies; resumable; ends
with ``hmr.safetensors``, which every ``--body-weights`` takes.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from iper_bench import __version__
from iper_bench.atomic import write_json
from iper_bench.body import load_body
from iper_bench.body.recovery.small import NETWORK, SmallHmr, SmallHmrConfig, normalised
from iper_bench.body.recovery.small_joints import JointBody
from iper_bench.body.rotations import six_from_matrices
from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS
from iper_bench.device import compute_device
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.lwg.checkpoint import save_safetensors
from iper_bench.progress import track
from iper_bench.training.body_regressor_loss import BodyLossWeights, body_loss
from iper_bench.training.body_regressor_samples import BodySampler, BodySamples
from iper_bench.training.folder import PLAN_FILE, check_folder
from iper_bench.training.interrupts import StopRequest
from iper_bench.training.journal import Journal
from iper_bench.training.memory import explained_memory
from iper_bench.training.mix import Mix, parse_mix
from iper_bench.training.prefetch import prefetched
from iper_bench.training.state import STATE_FILE, TrainingState

WEIGHTS_FILE = "hmr.safetensors"
SPLIT = "train"


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
    if state.step > setup.steps:
        raise UserError(
            f"the training there has {state.step} steps behind it already, more than the {setup.steps} asked "
            "for",
            where=str(request.out),
            expected="a longer schedule",
            hint=f"--steps {state.step} for the weights of now, or --fresh to start again",
        )
    with explained_memory():
        body = load_body(setup.body)
        sampler = BodySampler(clips, body, settings.network.side, request.seed)
    if not resumed:
        start_at_mean(state, sampler)
    write_json(request.out / PLAN_FILE, setup.plan())
    _run(state, sampler, setup, JointBody(body).to(compute_device()))
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
    clips: list[Clip] = []
    for dataset in mix.datasets:
        if SPLIT not in dataset.splits() or not dataset.clip_names(SPLIT):
            raise UserError(
                f"dataset '{dataset.name}' has no clips in a split '{SPLIT}'",
                expected="a dataset with training clips",
            )
        clips += dataset.clips(SPLIT)
    return clips


def _run(state: TrainingState, sampler: BodySampler, setup: _SetUp, body: JointBody) -> None:
    request, settings = setup.request, setup.settings
    device = compute_device()
    state.averaged = {key: value.to(device) for key, value in state.averaged.items()}
    state.generator.train()
    with explained_memory(), StopRequest() as stop:
        journal = Journal(request.out, state.step, state.pending)
        started, saved, settled = time.monotonic(), state.step, True
        loss = 0.0

        def save() -> None:
            nonlocal saved
            if saved != state.step:
                state.pending = journal.pending()
                state.save(request.out, setup.identity)
                saved = state.step

        turns = _turns(state, sampler, setup, lambda: stop.seen)
        shown = track(turns, "training", total=setup.steps - state.step, status=lambda: f"loss {loss:.4f}")
        try:
            for batch in shown:
                rate = settings.rate_at(state.step, setup.steps)
                settled = False
                terms = _step(state, batch.to(device), body, settings, rate)
                state.step += 1
                state.average(settings.ema)
                settled = True
                loss = terms["total"]
                journal.add(terms)
                if state.step % request.log_every == 0:
                    journal.write(state.step, rate, time.monotonic() - started)
                if state.step % request.save_every == 0:
                    save()
        finally:
            turns.close()
            if settled:
                save()
            journal.close()
        if state.step < setup.steps and stop.seen:
            raise KeyboardInterrupt


def _turns(
    state: TrainingState, sampler: BodySampler, setup: _SetUp, stopped: Callable[[], bool]
) -> Generator[BodySamples, None, None]:
    """The batches of every step, until the end, the time limit or a signal."""
    request = setup.request
    started = time.monotonic()
    draw = partial(sampler.batch, count=setup.batch)
    with closing(prefetched(draw, range(state.step, setup.steps), request.workers)) as coming:
        while state.step < setup.steps and not stopped():
            if request.seconds is not None and time.monotonic() - started > request.seconds:
                return
            yield next(coming)


def _step(
    state: TrainingState, batch: BodySamples, body: JointBody, settings: BodyRegressorSettings, rate: float
) -> dict[str, float]:
    """One step of the optimiser; its terms. Raises UserError before a loss that is no number reaches the
    weights.
    """
    images = normalised(batch.images).contiguous(memory_format=torch.channels_last)
    total, terms = body_loss(state.generator(images), batch, body, settings.weights)
    found = {name: float(value.detach()) for name, value in {"total": total, **terms}.items()}
    wrong = [name for name, value in found.items() if not math.isfinite(value)]
    if wrong:
        raise UserError(
            f"the loss is no number any more at step {state.step + 1} ({', '.join(wrong)})",
            expected="finite terms; the state saved last is kept",
        )
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    state.optimiser.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    state.optimiser.step()
    return found


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
