"""Baselines by name: the class in its folder, its card, and the method made of them."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

from iper_bench.baseline_kit.baseline import Baseline
from iper_bench.baseline_kit.building import built, built_from, settings_of
from iper_bench.baseline_kit.card import CARD_FILE, PAPER, Card, read_card
from iper_bench.baseline_kit.method import BaselineMethod
from iper_bench.baseline_kit.weight_file import read_weights
from iper_bench.errors import UserError, unknown_name
from iper_bench.hashing import content_hash, file_sha256
from iper_bench.methods.baseline_folders import PACKAGE, baseline_folders

RANDOM_SEED = 0  # of untrained weights


def is_baseline(name: str) -> bool:
    """Whether ``name`` is a folder under ``baselines/``."""
    return name in baseline_folders()


def card_of(name: str) -> Card:
    """The card of a baseline. Raises UserError for an unknown name, a bad card, or a card of another name."""
    folders = baseline_folders()
    if name not in folders:
        raise unknown_name("baseline", name, folders)
    path = folders[name] / CARD_FILE
    card = read_card(path)
    if card.name != name:
        raise UserError(
            f"is '{card.name}'", where=f"{path}, field 'name'", expected=f"'{name}', as the folder is called"
        )
    return card


def baseline_class(name: str) -> type[Baseline[Any]]:
    """The subclass in a baseline's ``method.py`` that has a ``name``. Raises UserError for an unknown name or
    a folder whose ``method.py`` has none or cannot be imported.
    """
    folders = baseline_folders()
    if name not in folders:
        raise unknown_name("baseline", name, folders)
    path = folders[name] / "method.py"
    try:
        module = import_module(f"{PACKAGE}.{folders[name].name}.method")
    except (ImportError, SyntaxError) as error:
        raise UserError(
            f"cannot be imported ({error})", where=str(path), expected="a module that can be imported"
        ) from error
    found = [
        one
        for one in vars(module).values()
        if inspect.isclass(one)
        and issubclass(one, Baseline)
        and one.__module__ == module.__name__
        and "name" in vars(one)
    ]
    if len(found) != 1:
        raise UserError(
            f"has {len(found)} subclasses of Baseline with a name",
            where=str(path),
            expected="one",
        )
    return found[0]


def make_baseline(
    kind: type[Baseline[Any]],
    preset: str,
    *,
    perceptual_weights: Path | None = None,
    seed: int = RANDOM_SEED,
    batch: int | None = None,
) -> Baseline[Any]:
    """A baseline with fresh weights of ``seed``; ``batch`` takes the place of the preset's. Raises UserError
    for an unknown preset or bad settings.
    """
    card = card_of(kind.name)
    where = f"card of '{kind.name}', preset '{preset}'"
    values = dict(card.preset(preset)) | ({} if batch is None else {"batch": batch})
    settings = settings_of(kind, values, where)
    return built(kind, settings, seed=seed, perceptual_weights=perceptual_weights)


def open_baseline(
    kind: type[Baseline[Any]],
    *,
    weights: Path | None = None,
    random: str | None = None,
    perceptual: str | None = None,
) -> BaselineMethod:
    """The method of a baseline.

    Parameters
    ----------
    weights: file that ``iper-bench train`` wrote, or a checkpoint of the original's authors where the
        baseline can read it (sizes of the preset ``paper``).
    random: name of a preset whose weights stay untrained, to try the machinery.
    perceptual: file of VGG19's weights, for the personalization of a method trained with them.

    Raises
    ------
    UserError for neither or both of them, a file that is not there, damaged or of another method.
    """
    if (weights is None) == (random is None):
        raise UserError(
            f"method '{kind.name}' needs weights" if weights is None else "weights and random weights",
            where="--method",
            expected=f"{kind.name}@FILE",
            hint=f"iper-bench train --method {kind.name} --dataset synthetic --out runs/{kind.name}, then "
            f"{kind.name}@runs/{kind.name}/weights.safetensors",
        )
    card = card_of(kind.name)
    vgg = None if perceptual is None else Path(perceptual)
    if vgg is not None and not vgg.is_file():
        raise UserError("no such file", where=f"option 'perceptual', {vgg}", expected="weights of VGG19")
    if weights is None:
        preset = str(random)
        untrained = make_baseline(kind, preset, perceptual_weights=vgg)
        return BaselineMethod(untrained, card, f"random {preset}, seed {RANDOM_SEED}")
    if not weights.is_file():
        raise UserError("no such file", where=str(weights), expected=f"weights of '{kind.name}'")
    file = read_weights(weights, kind.name)
    if file is None:
        baseline = make_baseline(kind, PAPER, perceptual_weights=vgg)
        hashes = [file_sha256(path) for path in baseline.official(weights)]
        return BaselineMethod(baseline, card, hashes[0] if len(hashes) == 1 else content_hash(hashes, 64))
    baseline = built_from(file, kind, perceptual_weights=vgg)
    return BaselineMethod(baseline, card, file.sha256, training=file.training)
