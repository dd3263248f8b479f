"""The training folder: what it may hold before, its plan, and the weights that come out of it."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from iper_bench import __version__
from iper_bench.atomic import write_json
from iper_bench.errors import UserError
from iper_bench.lwg.packaged import save_trained
from iper_bench.lwg.strategy import TrainedMethod
from iper_bench.training.journal import OWN_NAMES
from iper_bench.training.keep import kept_names
from iper_bench.training.presets import Preset
from iper_bench.training.request import TrainRequest
from iper_bench.training.state import TrainingState
from iper_bench.training.team import process_count

WEIGHTS_FILE = "weights.safetensors"
PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class SetUp:
    """Everything that the plan and the weights tell about a training.

    Attributes
    ----------
    request, settings: what was asked, and the preset that came of it. dataset, fingerprint: of the mix.
    identity: hash of the set-up. steps: length of the schedule.
    """

    request: TrainRequest
    settings: Preset
    dataset: str
    fingerprint: str
    identity: str
    steps: int


def check_folder(folder: Path) -> None:
    """Raise UserError when ``folder`` holds something that no training of before left there; it has no
    state.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError("is no folder", where=str(folder), expected="a new folder or a training folder")
    own = (PLAN_FILE, *OWN_NAMES, *kept_names(folder))
    stray = [
        path.name
        for path in folder.iterdir()
        # a half-written file of a process that was killed is no content
        if path.name not in own and not (path.name.startswith(".") and path.name.endswith(".part"))
    ]
    if stray:
        raise UserError(
            f"is not empty ({stray[0]})", where=str(folder), expected="a new folder or a training folder"
        )


def write_plan(setup: SetUp) -> None:
    """Write ``plan.json``. Raises UserError when the folder cannot be written."""
    request = setup.request
    plan: dict[str, Any] = {
        "identity": setup.identity,
        "preset": request.preset,
        "settings": json.loads(json.dumps(setup.settings.to_json())),
        "dataset": setup.dataset,
        "fingerprint": setup.fingerprint,
        "seed": request.seed,
        "steps": setup.steps,
        **request.file_identities(),
        **_way(request),
    }
    write_json(request.out / PLAN_FILE, plan)


def export_weights(setup: SetUp, state: TrainingState, path: Path) -> None:
    """Write the averaged weights with everything needed to use them to ``path``. Raises UserError when it
    cannot be written.
    """
    request, settings = setup.request, setup.settings
    training = {
        "method": TrainedMethod.parse(request.method).text,
        "preset": request.preset,
        "dataset": setup.dataset,
        "fingerprint": setup.fingerprint,
        "identity": setup.identity,
        "seed": request.seed,
        **request.file_identities(),
        **_way(request),
        "steps": state.step,
        "schedule": setup.steps,
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


def _way(request: TrainRequest) -> dict[str, Any]:
    folder = {} if request.backgrounds is None else {"backgrounds": request.backgrounds.name}
    return {**request.run_identities(process_count()), **folder}


def _adversarial(settings: Preset) -> dict[str, Any]:
    if settings.discriminator is None:
        return {}
    return {"adversarial": {"weight": settings.losses.adversarial, **asdict(settings.discriminator)}}
