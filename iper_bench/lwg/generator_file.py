"""One file per trained generator: safetensors with its sizes, its deviations and whatever the card states.

The metadata keys "config" and "deviations" are written by :func:`save_generator` and are all that
:func:`load_generator` needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import load_safetensors, load_strict, save_safetensors
from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.generator import build_generator

OWN_KEYS = ("config", "deviations")


def save_generator(generator: nn.Module, path: Path, card: Mapping[str, Any], *, half: bool = False) -> None:
    """Write a generator made by :func:`~iper_bench.lwg.generator.build_generator`.

    Parameters
    ----------
    card: further JSON metadata; must not use the keys "config" and "deviations".
    half: store float16, which halves the file; loading gives float32 again.
    """
    config, deviations = generator.config, generator.deviations
    if not isinstance(config, GeneratorConfig) or not isinstance(deviations, Deviations):
        raise TypeError("the generator carries no configuration")
    taken = [key for key in OWN_KEYS if key in card]
    if taken:
        raise ValueError(f"card uses reserved keys: {', '.join(taken)}")
    state = generator.state_dict()
    if half:
        state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_safetensors(state, path, {**card, "config": config.to_json(), "deviations": deviations.to_json()})


def load_generator(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """A generator in evaluation mode (float32, CPU) and its card.

    Raises UserError when the file is missing, damaged, without metadata, or does not fit the sizes that it
    states.
    """
    state, metadata = load_safetensors(path)
    missing = [key for key in OWN_KEYS if key not in metadata]
    if missing:
        raise UserError(
            f"the file does not state its {' and '.join(missing)}",
            where=str(path),
            expected="a file written by iper-bench",
        )
    config = GeneratorConfig.from_json(metadata["config"])
    with torch.device("meta"):
        generator = build_generator(config, Deviations.from_json(metadata["deviations"]))
    generator.to_empty(device="cpu")
    full = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    load_strict(generator, full, source=str(path))
    return generator.eval(), {k: v for k, v in metadata.items() if k not in OWN_KEYS}
