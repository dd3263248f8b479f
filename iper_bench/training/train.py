"""``train(request)``: one set-up, one folder, resumable; ends with ``weights.safetensors`` ready for
``--method``.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from iper_bench import __version__
from iper_bench.atomic import write_json
from iper_bench.body import load_body
from iper_bench.data.clip import Images
from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.data.synthetic.background import draw_room
from iper_bench.data.synthetic.dataset import SyntheticDataset
from iper_bench.errors import UserError, unknown_name
from iper_bench.hashing import content_hash, file_sha256
from iper_bench.lwg.checkpoint import load_checkpoint
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.inputs import InputBuilder
from iper_bench.lwg.objective import Perceptual
from iper_bench.lwg.packaged import save_trained
from iper_bench.lwg.variant import perceptual_network, require_trainable
from iper_bench.progress import track
from iper_bench.training.adversary import adversary_for
from iper_bench.training.loop import LoopOptions, optimiser_for, run_loop
from iper_bench.training.presets import Preset, preset
from iper_bench.training.samples import BackgroundSource, Sampler
from iper_bench.training.state import TrainingState

WEIGHTS_FILE = "weights.safetensors"
TRAINABLE = ("attlwb",)
BACKGROUND_POOL = (
    2000  # clean backgrounds drawn once; the background stream overfits a few hundred within minutes
)


@dataclass(frozen=True)
class TrainRequest:
    """What ``iper-bench train`` was asked for.

    Attributes
    ----------
    method: ``"attlwb"``. dataset, data_root, size: where the clips come from; ``None`` size = the preset's.
    preset: name in ``iper_bench.training.presets``. out: training folder.
    steps: length of the schedule, ``None`` = the preset's. seconds: stop early (the same command goes on).
    init: weights to start from instead of random ones (a file of the same sizes), or ``None``.
    perceptual_weights: file of the perceptual network, for presets whose network does not come with pip.
    seed: initial weights and samples. resume: go on from the state in ``out``.
    """

    method: str
    dataset: str
    preset: str
    out: Path
    data_root: str | None = None
    steps: int | None = None
    seconds: float | None = None
    seed: int = 0
    size: int | None = None
    resume: bool = True
    init: Path | None = None
    perceptual_weights: Path | None = None


def train(request: TrainRequest) -> Path:
    """Train and return the path of the exported weights. Raises UserError for bad names, folders, states,
    and for a preset that asks for terms or weights that are not there.
    """
    if request.method not in TRAINABLE:
        raise unknown_name("trainable method", request.method, TRAINABLE)
    settings = preset(request.preset)
    require_trainable(settings.choices, f"preset '{request.preset}'")
    perceptual = _perceptual(settings, request.perceptual_weights)
    size = request.size or settings.size
    if settings.discriminator is not None:
        settings.discriminator.check_size(size)
    dataset = DATASETS.get(request.dataset)(root=request.data_root, size=size)
    identity = content_hash(
        {
            "preset": settings.to_json(),
            "dataset": dataset.fingerprint,
            "seed": request.seed,
            "size": size,
            **_file_identities(request),
        }
    )
    steps = request.steps or settings.steps
    state = _initial_state(settings, request.seed, request.init)
    resumed = request.resume and state.restore(request.out, identity)
    _write_plan(request, settings, dataset, identity, steps, fresh=not resumed)
    sampler = _sampler(dataset, settings, size, request.seed)
    options = LoopOptions(request.out, identity, steps, request.seconds)
    run_loop(state, sampler, settings, perceptual, options)
    return _export(state, settings, request, dataset, identity, steps)


def _file_identities(request: TrainRequest) -> dict[str, str]:
    files = {"init": request.init, "perceptual_weights": request.perceptual_weights}
    return {name: file_sha256(path) for name, path in files.items() if path is not None}


def _initial_state(settings: Preset, seed: int, init: Path | None) -> TrainingState:
    torch.manual_seed(seed)
    generator = build_generator(settings.generator, settings.deviations)
    if init is not None:
        load_checkpoint(generator, init)
    averaged = {key: value.detach().clone() for key, value in generator.state_dict().items()}
    # The generator draws its weights first: it starts the same with and without a discriminator.
    return TrainingState(
        generator, averaged, optimiser_for(generator, settings), adversary=adversary_for(settings)
    )


def _perceptual(settings: Preset, weights: Path | None) -> Perceptual | None:
    if settings.losses.perceptual == 0 and weights is None:
        return None
    return perceptual_network(settings.perceptual, weights)


def _adversarial(settings: Preset) -> dict[str, Any]:
    if settings.discriminator is None:
        return {}
    return {"adversarial": {"weight": settings.losses.adversarial, **asdict(settings.discriminator)}}


def _sampler(dataset: Dataset, settings: Preset, size: int, seed: int) -> Sampler:
    if "train" not in dataset.splits():
        raise UserError(
            f"dataset '{dataset.name}' has no split 'train'", expected="a dataset with training clips"
        )
    builder = InputBuilder(load_body(dataset.body), size, settings.inputs)
    clips = dataset.clips("train")
    if not clips:
        raise UserError(
            f"the split 'train' of dataset '{dataset.name}' is empty", expected="at least one training clip"
        )
    candidates = source_candidates(dataset, clips[0].name)
    auxiliary = _background_pool(size, seed) if settings.auxiliary_backgrounds else None
    boxes = settings.discriminator is not None and settings.discriminator.looks_at_crops
    sampler = Sampler(clips, builder, candidates, auxiliary=auxiliary, seed=seed, boxes=boxes)
    for index in track(range(len(clips)), "preparing clips"):
        sampler.prepared(index)
    return sampler


def source_candidates(dataset: Dataset, clip: str) -> list[int]:
    """Frames that may be sources: the turn-around where the dataset has one, else 16 frames spread over the
    clip.
    """
    if isinstance(dataset, SyntheticDataset):
        return list(range(dataset.config.turn_frames))
    length = len(dataset.clip(clip))
    return [(k * length) // 16 for k in range(min(16, length))]


def _background_pool(size: int, seed: int) -> BackgroundSource:
    pool: dict[int, Images] = {}

    def draw(rng: np.random.Generator) -> Images:
        index = int(rng.integers(BACKGROUND_POOL))
        if index not in pool:
            pool[index] = draw_room(np.random.default_rng([seed, 77, index]), size)
        return pool[index]

    return draw


def _write_plan(
    request: TrainRequest, settings: Preset, dataset: Dataset, identity: str, steps: int, *, fresh: bool
) -> None:
    if fresh and request.out.is_dir() and request.resume:
        own = ("plan.json", "log.jsonl")
        stray = [
            path.name
            for path in request.out.iterdir()
            # a half-written file of a process that was killed is no content
            if path.name not in own and not (path.name.startswith(".") and path.name.endswith(".part"))
        ]
        if stray:
            raise UserError(
                f"is not empty ({stray[0]})",
                where=str(request.out),
                expected="a new folder or a training folder",
            )
    plan: dict[str, Any] = {
        "identity": identity,
        "preset": request.preset,
        "settings": json.loads(json.dumps(settings.to_json())),
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "seed": request.seed,
        "steps": steps,
        **_file_identities(request),
    }
    write_json(request.out / "plan.json", plan)


def _export(
    state: TrainingState, settings: Preset, request: TrainRequest, dataset: Dataset, identity: str, steps: int
) -> Path:
    path = request.out / WEIGHTS_FILE
    training = {
        "method": request.method,
        "preset": request.preset,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "identity": identity,
        "seed": request.seed,
        **_file_identities(request),
        "steps": state.step,
        "schedule": steps,
        "size": request.size or settings.size,
        "version": __version__,
        "torch": torch.__version__.split("+")[0],
        "machine": platform.machine(),
        **_adversarial(settings),
    }
    save_trained(
        state.averaged,
        path,
        config=settings.generator,
        deviations=settings.deviations,
        inputs=settings.inputs,
        # These weights serve personalization, which has no discriminator.
        losses=replace(settings.losses, adversarial=0.0),
        training=training,
        choices=settings.choices,
    )
    return path
