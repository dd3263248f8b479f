"""Baselines built from settings that may come from anybody's file: checked first, in one line."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from iper_bench.baseline_kit.baseline import Baseline, BaselineSettings
from iper_bench.baseline_kit.plain_fields import from_plain
from iper_bench.baseline_kit.weight_file import WeightFile
from iper_bench.errors import UserError, unknown_name

PERCEPTUAL = ("vgg19", "efficientnet-lite0", "none")
_LONGEST = 80  # characters of a foreign name in a message
SIDES = (8, 4096)
BATCHES = (1, 1024)
MOST_STEPS = 10**9
_PARTS_PER_TENSOR = 20  # modules and parameters; about four in networks as they are
LARGEST = 10**6  # of any other whole number, within lists too: widths, counts, lengths of schedules


def settings_of(kind: type[Baseline[Any]], values: Mapping[str, Any], where: str) -> BaselineSettings:
    """The settings of a baseline from plain values.

    Raises
    ------
    UserError for unknown, missing and mistyped fields, a side, batch or number of steps that no training has,
    an unknown perceptual network, and numbers larger than any network's.
    """
    settings = from_plain(kind.Settings, values, where)
    require_range(settings.side, SIDES, f"{where}, field 'side'")
    require_range(settings.batch, BATCHES, f"{where}, field 'batch'")
    require_range(settings.steps, (1, MOST_STEPS), f"{where}, field 'steps'")
    if settings.perceptual not in PERCEPTUAL:
        raise unknown_name("perceptual network", settings.perceptual[:_LONGEST], PERCEPTUAL, where=where)
    for field in dataclasses.fields(settings):
        if field.name == "steps":
            continue
        value = getattr(settings, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            if type(number) is int:
                require_range(number, (-LARGEST, LARGEST), f"{where}, field '{field.name}'")
    return settings


def require_range(number: int, ends: tuple[int, int], where: str) -> None:
    """Raise UserError for a number that is not from ``ends[0]`` to ``ends[1]``."""
    if not ends[0] <= number <= ends[1]:
        said = str(number) if abs(number) < 10**20 else f"a number of {number.bit_length()} bits"
        raise UserError(f"is {said}", where=where, expected=f"a number from {ends[0]} to {ends[1]}")


def built(
    kind: type[Baseline[Any]],
    settings: BaselineSettings,
    *,
    seed: int,
    perceptual_weights: Path | None = None,
) -> Baseline[Any]:
    """A baseline with fresh weights of ``seed``, which depend on nothing else."""
    torch.manual_seed(seed)
    return kind(settings, perceptual_weights)


def built_from(
    file: WeightFile, kind: type[Baseline[Any]], *, perceptual_weights: Path | None = None
) -> Baseline[Any]:
    """The baseline that a weights file tells of, with its weights.

    Nothing is allocated before the networks of the file's settings have been found to have exactly its
    tensors. Raises UserError when they have not, for settings that no network can be built from, and as
    :func:`settings_of` does.
    """
    where = f"{file.path}, settings"
    settings = settings_of(kind, file.settings, where)
    most = _PARTS_PER_TENSOR * (len(file.tensors) + 100)
    try:
        with torch.device("meta"), _at_most(most, where):
            probe = built(kind, settings, seed=0)
    except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError, AssertionError) as error:
        said = " ".join(str(error).split())[:160] or type(error).__name__
        raise UserError(
            f"no network of '{kind.name}' can be built with them ({said})",
            where=where,
            expected="those that iper-bench train wrote",
        ) from error
    file.require_fit(probe)
    baseline = built(kind, settings, seed=0, perceptual_weights=perceptual_weights)
    file.fill(baseline)
    return baseline


@contextmanager
def _at_most(count: int, where: str) -> Iterator[None]:
    """Within it, networks of more modules and parameters raise UserError: millions of blocks fill the memory
    without weights too. Warnings of layers without weights are not shown.
    """
    left = count

    def counted(module: nn.Module, name: str, part: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise UserError(
                f"a network of more than {count} layers",
                where=where,
                expected="settings of the weights beside them",
            )

    handles = [
        register_module_module_registration_hook(counted),
        # layers that wait in a list for their nn.Sequential have no parent yet
        register_module_parameter_registration_hook(counted),
    ]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for handle in handles:
            handle.remove()
