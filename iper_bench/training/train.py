"""``train(request)``: one set-up, one folder, resumable; ends with ``weights.safetensors`` ready for
``--method``.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import torch

from iper_bench.data.dataset import Dataset
from iper_bench.device import compute_device
from iper_bench.hashing import content_hash
from iper_bench.lwg.checkpoint import load_checkpoint
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.objective import Perceptual
from iper_bench.lwg.variant import NO_FACE, face_term, perceptual_network
from iper_bench.training.adversary import adversary_for
from iper_bench.training.backgrounds import BackgroundFolder, background_pool
from iper_bench.training.folder import WEIGHTS_FILE, SetUp, check_folder, export_weights, write_plan
from iper_bench.training.generator_trainee import optimiser_for, train_generator
from iper_bench.training.memory import explained_memory
from iper_bench.training.mix import Mix, open_mix, parse_mix
from iper_bench.training.options import LoopOptions
from iper_bench.training.presets import Preset, check_size
from iper_bench.training.request import TrainRequest
from iper_bench.training.samples import BackgroundSource, Sampler
from iper_bench.training.state import STATE_FILE, TrainingState, check_length
from iper_bench.training.team import check_precision, disband, process_count, process_rank
from iper_bench.training.validation import CLIPS, Scores, Validator, held_out_split, spread, trial_frames

__all__ = [
    "WEIGHTS_FILE",
    "TrainRequest",
    "background_pool",
    "initial_state",
    "sampler_for",
    "train",
    "validator_for",
]


def train(request: TrainRequest, sampler: Sampler | None = None, scores: Scores | None = None) -> Path:
    """Train and return the path of the exported weights.

    Parameters
    ----------
    sampler: prepared samples of the same request, to share them between trainings. scores: of validation,
        needed where the request asks for it.

    Raises
    ------
    UserError for bad names, folders, states, and for a preset that asks for terms or weights that are not
    there. KeyboardInterrupt when stopped by a signal; the state is saved then.
    """
    check_precision(compute_device(), request.precision)
    settings = request.settings()
    perceptual = _perceptual(settings, request.perceptual_weights)
    face = face_term(settings.choices, request.face_weights)
    size = request.size or settings.size
    check_size(settings, size)
    mix = open_mix(parse_mix(request.dataset, request.data_root), size)
    images = None if request.backgrounds is None else BackgroundFolder(request.backgrounds, size)
    identity = _identity(request, settings, mix, size, images)
    state = initial_state(settings, request.seed, request.init)
    if request.resume:
        state.restore(request.out, identity)
    leads = process_rank() == 0
    if leads and not (request.out / STATE_FILE).is_file():
        check_folder(request.out)
    with explained_memory():
        samples = sampler or sampler_for(mix, settings, size, request.seed, images)
        validator = None
        if leads and request.validate_every > 0 and scores is not None:
            validator = validator_for(mix, settings, size, scores)
    steps = request.steps or _epoch_steps(request, settings, samples.frames) or settings.steps
    check_length(request.out, state.step, steps)
    setup = SetUp(request, settings, mix.name, mix.fingerprint, identity, steps)
    if leads:
        write_plan(setup)
    train_generator(
        state,
        samples,
        settings,
        perceptual,
        _loop_options(request, identity, steps),
        face,
        validator=validator,
        export=partial(export_weights, setup, state),
    )
    path = request.out / WEIGHTS_FILE
    if leads:
        export_weights(setup, state, path)
    disband()
    return path


def _identity(
    request: TrainRequest, settings: Preset, mix: Mix, size: int, images: BackgroundFolder | None
) -> str:
    return content_hash(
        {
            "preset": settings.to_json(),
            "dataset": mix.fingerprint,
            "seed": request.seed,
            "size": size,
            **request.file_identities(),
            **request.run_identities(process_count()),
            **({} if images is None else {"backgrounds": images.fingerprint}),
        }
    )


def _epoch_steps(request: TrainRequest, settings: Preset, frames: int) -> int | None:
    """Steps of ``epochs`` passes over the training frames, each person of a batch counting one (iPERCore: the
    length of the dataset is its number of frames).
    """
    if request.epochs is None:
        return None
    people = settings.people * request.accumulate * process_count()
    return max(1, math.ceil(request.epochs * frames / people))


def _loop_options(request: TrainRequest, identity: str, steps: int) -> LoopOptions:
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
        accumulate=request.accumulate,
        precision=request.precision,
        workers=request.workers,
    )


def initial_state(settings: Preset, seed: int, init: Path | None = None) -> TrainingState:
    """Fresh networks and optimisers; the weights depend on ``seed`` alone, or are those of ``init``."""
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


def sampler_for(
    data: Mix | Dataset,
    settings: Preset,
    size: int,
    seed: int,
    images: BackgroundSource | None = None,
) -> Sampler:
    """Samples of the split ``train``, with all clips prepared that fit into memory. ``images`` are the
    auxiliary backgrounds, ``None`` = procedural rooms. Raises UserError when there are no training clips.
    """
    mix = data if isinstance(data, Mix) else Mix((data,))
    clips = mix.training_clips(mix.builders(size, settings.inputs))
    auxiliary = (images or background_pool(size, seed)) if settings.auxiliary_backgrounds else None
    crops = settings.discriminator is not None and settings.discriminator.looks_at_crops
    sampler = Sampler(
        clips,
        auxiliary=auxiliary,
        seed=seed,
        boxes=crops or settings.face != NO_FACE,
        temporal=settings.generator.temporal,
    )
    sampler.prepare()
    return sampler


def validator_for(mix: Mix, settings: Preset, size: int, scores: Scores) -> Validator:
    """Fixed self-imitations of held-out clips, with the largest sn that training draws. Raises UserError when
    there are none.
    """
    split = held_out_split(mix)
    clips = mix.clips(split, mix.builders(size, settings.inputs))
    sampler = Sampler(clips, auxiliary=None, seed=0, temporal=settings.generator.temporal, memory=0)
    batches = []
    for index in spread(len(clips), CLIPS):
        one = clips[index]
        sn = min(max(settings.source_counts), len(one.candidates))
        places, targets = trial_frames(len(one.clip), one.candidates, sn)
        batches.append(sampler.trial(index, places, targets))
    return Validator(batches, scores, {"split": split, **scores.notes})
