"""``train_baseline(request)``: one baseline, one folder, resumable; ends with ``weights.safetensors`` ready
for ``--method``.
"""

from __future__ import annotations

import math
import platform
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from iper_bench import __version__
from iper_bench.atomic import write_json
from iper_bench.baseline_kit.baseline import Baseline
from iper_bench.baseline_kit.building import BATCHES, MOST_STEPS, require_range
from iper_bench.baseline_kit.opening import baseline_class, make_baseline
from iper_bench.baseline_kit.sampling import ExampleSampler
from iper_bench.baseline_kit.trainee import BaselineTrainee
from iper_bench.baseline_kit.validation import BaselineValidator
from iper_bench.baseline_kit.weight_file import read_weights, save_weights
from iper_bench.device import compute_device
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash, file_sha256
from iper_bench.training.folder import PLAN_FILE, WEIGHTS_FILE, check_folder
from iper_bench.training.keep import KeepPolicy
from iper_bench.training.loop import run_loop
from iper_bench.training.memory import explained_memory
from iper_bench.training.mix import TRAINING, Mix, open_mix, parse_mix
from iper_bench.training.options import LoopOptions
from iper_bench.training.state import STATE_FILE, check_length
from iper_bench.training.team import Team, disband, process_count
from iper_bench.training.validation import Scores


@dataclass(frozen=True)
class BaselineRequest:
    """One training of a baseline.

    Attributes
    ----------
    method: folder under ``baselines/``. preset: of its card.
    dataset: ``NAME[@ROOT],NAME[@ROOT]``, see :mod:`iper_bench.training.mix`. data_root: of a single dataset.
        size: side at which its frames are opened, ``None`` = that of the network.
    out: training folder. steps: length of the schedule; epochs: the same in passes over the training frames;
        neither = the preset's. seconds: stop early; the same request goes on.
    batch: examples per step, ``None`` = the preset's. seed: of weights and samples. resume: go on from the
        state in ``out``.
    init: weights of the same method and settings to start from.
    perceptual_weights: of VGG19, where the preset asks for it.
    workers: threads that make examples. log_every, save_every, pictures_every, validate_every: in steps.
    keep: weights kept on the way.

    Raises
    ------
    UserError for both ``steps`` and ``epochs``, a number below 1 or not finite, and best weights to be kept
    without validation.
    """

    method: str
    dataset: str
    out: Path
    preset: str = "tiny"
    data_root: str | None = None
    size: int | None = None
    steps: int | None = None
    epochs: float | None = None
    seconds: float | None = None
    batch: int | None = None
    seed: int = 0
    resume: bool = True
    init: Path | None = None
    perceptual_weights: Path | None = None
    workers: int = 0
    log_every: int = 25
    save_every: int = 250
    pictures_every: int = 0
    validate_every: int = 0
    keep: KeepPolicy = field(default_factory=KeepPolicy)

    def __post_init__(self) -> None:
        if self.steps is not None and self.epochs is not None:
            raise UserError("both --steps and --epochs", expected="one of them")
        if self.keep.best and self.validate_every == 0:
            raise UserError(
                "the best weights are to be kept but nothing is validated",
                where="--keep-best",
                hint="--validate-every N",
            )
        if self.steps is not None:
            require_range(self.steps, (1, MOST_STEPS), "--steps")
        if self.batch is not None:
            require_range(self.batch, BATCHES, "--batch")


def train_baseline(request: BaselineRequest, scores: Scores | None = None) -> Path:
    """Train and return the path of the exported weights.

    Parameters
    ----------
    scores: of validation, needed where the request asks for it.

    Raises
    ------
    UserError for bad names, presets, folders and states, missing weights of a loss network, and a loss that
    is no number. KeyboardInterrupt when stopped by a signal; the state is saved then.
    """
    with explained_memory():
        baseline = fresh_baseline(request)
    mix = open_mix(parse_mix(request.dataset, request.data_root), request.size or baseline.settings.side)
    mix.require_training_clips()
    identity = _identity(request, baseline, mix)
    team = Team(compute_device())
    sampler = ExampleSampler(mix.bare_clips(TRAINING), side=baseline.settings.side, seed=request.seed)
    steps = _steps(request, baseline, sampler)
    sampler.require_length(baseline, steps)
    with explained_memory():
        validator = None
        if team.leads and request.validate_every > 0 and scores is not None:
            validator = BaselineValidator(mix, baseline, scores)
        trainee = BaselineTrainee(
            baseline, sampler, team, seed=request.seed, steps=steps, validator=validator
        )
        if request.resume:
            trainee.restore(request.out, identity)
        if team.leads and not (request.out / STATE_FILE).is_file():
            check_folder(request.out)
        check_length(request.out, trainee.step, steps)
        sampler.prepare()
    told = {
        "method": request.method,
        "preset": request.preset,
        "identity": identity,
        "dataset": mix.name,
        "fingerprint": mix.fingerprint,
        "seed": request.seed,
        "steps": steps,
        **_files(request),
    }
    if team.leads:
        write_json(request.out / PLAN_FILE, {**told, "settings": asdict(baseline.settings)})
    export = partial(_export, baseline, trainee, told)
    run_loop(trainee, _options(request, identity, steps), team, export=export)
    path = request.out / WEIGHTS_FILE
    if team.leads:
        export(path)
    disband()
    return path


def fresh_baseline(request: BaselineRequest) -> Baseline[Any]:
    """The baseline with weights of the request's seed, or those it starts from. Raises UserError for unknown
    names and weights that do not fit.
    """
    kind = baseline_class(request.method)
    perceptual = request.perceptual_weights
    if perceptual is not None and not perceptual.is_file():
        raise UserError(
            "no such file", where=f"--perceptual-weights {perceptual}", expected="weights of VGG19"
        )
    made = make_baseline(
        kind, request.preset, perceptual_weights=perceptual, seed=request.seed, batch=request.batch
    )
    if perceptual is not None and made.settings.perceptual != "vgg19":
        raise UserError(
            f"preset '{request.preset}' of '{request.method}' looks at no VGG19",
            where="--perceptual-weights",
            expected="a preset with perceptual: vgg19",
        )
    if request.init is not None:
        if not request.init.is_file():
            raise UserError("no such file", where=f"--init {request.init}", expected="a weights file")
        file = read_weights(request.init, request.method)
        if file is None:
            made.official(request.init)
        else:
            file.require_fit(made)
            file.fill(made)
    return made


def _steps(request: BaselineRequest, baseline: Baseline[Any], sampler: ExampleSampler) -> int:
    if request.epochs is None:
        return request.steps or baseline.settings.steps
    people = baseline.settings.batch * process_count()
    found = request.epochs * sampler.frames / people
    if not found <= MOST_STEPS:
        raise UserError(
            f"{request.epochs:g} passes are {found:g} steps", where="--epochs", expected=f"up to {MOST_STEPS}"
        )
    return max(1, math.ceil(found))


def _identity(request: BaselineRequest, baseline: Baseline[Any], mix: Mix) -> str:
    return content_hash(
        {
            "method": request.method,
            "settings": {**asdict(baseline.settings), "steps": None},  # a folder may change its schedule
            "dataset": mix.fingerprint,
            "version": baseline.version,
            "size": request.size or baseline.settings.side,
            "seed": request.seed,
            "processes": process_count(),
            **_files(request),
        }
    )


def _files(request: BaselineRequest) -> dict[str, str]:
    files = {"init": request.init, "perceptual_weights": request.perceptual_weights}
    return {name: file_sha256(path) for name, path in files.items() if path is not None}


def _options(request: BaselineRequest, identity: str, steps: int) -> LoopOptions:
    return LoopOptions(
        request.out,
        identity,
        steps,
        request.seconds,
        log_every=request.log_every,
        save_every=request.save_every,
        pictures_every=request.pictures_every,
        validate_every=request.validate_every,
        keep=request.keep,
        workers=request.workers,
    )


def _export(baseline: Baseline[Any], trainee: BaselineTrainee, told: dict[str, Any], path: Path) -> None:
    training = {
        **told,
        "steps": trainee.step,
        "schedule": told["steps"],
        "version": __version__,
        "torch": torch.__version__.split("+")[0],
        "machine": platform.machine(),
    }
    save_weights(baseline, path, training)
