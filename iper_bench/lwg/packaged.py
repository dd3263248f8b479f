"""Weights with everything needed to use them: generator sizes, deviations, input options, training losses,
in one safetensors.

The metadata's keys ``generator``, ``deviations``, ``inputs``, ``losses`` and ``training`` are in every file;
``variant``, ``overrides`` and ``terms`` (perceptual network, kinds of terms) are absent from files that are
older than the variants, which means the embedded variant's terms.

The weights that come with the package live in ``iper_bench/lwg/weights`` beside their card; a path to any
file of the same form may be given instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.lwg.checkpoint import load_safetensors, load_strict, save_safetensors
from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.inputs import InputOptions
from iper_bench.lwg.objective import LossWeights, TermKinds
from iper_bench.lwg.variant import EMBEDDED, Variant

PACKAGED = "attlwb-embedded-128.safetensors"


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator ready to use, with the settings it was trained with. ``sha256`` is that of its file,
    ``variant`` the name of the set of choices (``None`` in old files), ``perceptual`` and ``kinds`` are the
    network and the kinds of the terms that go with ``losses``.
    """

    generator: nn.Module
    config: GeneratorConfig
    deviations: Deviations
    inputs: InputOptions
    losses: LossWeights
    sha256: str
    metadata: dict[str, Any]
    variant: str | None = None
    perceptual: str = EMBEDDED.perceptual
    kinds: TermKinds = EMBEDDED.kinds


def packaged_path() -> Path:
    """Where the weights of the package lie. Raises UserError when the installation lacks them."""
    path = Path(str(resources.files("iper_bench.lwg.weights"))) / PACKAGED
    if not path.is_file():
        raise UserError(
            "the weights of the package are missing",
            where=str(path),
            expected="the file that comes with iper-bench",
            hint="pip install --force-reinstall iper-bench",
        )
    return path


def save_trained(
    state: dict[str, Tensor],
    path: Path,
    *,
    config: GeneratorConfig,
    deviations: Deviations,
    inputs: InputOptions,
    losses: LossWeights,
    training: dict[str, Any],
    choices: Variant | None = None,
) -> None:
    """Write weights and settings to one safetensors file, atomically.

    ``choices`` adds the variant's name, the switches in which training departed from it, and how the terms
    were written. ``inputs``, ``deviations`` and ``losses`` are written as given.
    """
    metadata: dict[str, Any] = {
        "generator": config.to_json(),
        "deviations": deviations.to_json(),
        "inputs": inputs.to_json(),
        "losses": losses.to_json(),
        "training": training,
    }
    if choices is not None:
        metadata["variant"] = choices.name
        metadata["overrides"] = choices.overrides()
        metadata["terms"] = {"perceptual": choices.perceptual, **choices.kinds.to_json()}
    save_safetensors(state, path, metadata)


def load_trained(path: Path | None = None) -> TrainedGenerator:
    """Read weights and settings; ``None`` means the weights of the package. Raises UserError for a file of
    another form.
    """
    source = path or packaged_path()
    state, metadata = load_safetensors(source)
    try:
        config = GeneratorConfig.from_json(metadata["generator"])
        deviations = Deviations.from_json(metadata["deviations"])
        inputs = InputOptions(**metadata["inputs"])
        losses = LossWeights(**metadata["losses"])
        terms = {"perceptual": EMBEDDED.perceptual, **metadata.get("terms", EMBEDDED.kinds.to_json())}
        perceptual = str(terms.pop("perceptual"))
        kinds = TermKinds(**terms)
    except (KeyError, TypeError) as error:
        raise UserError(
            f"weights lack their settings ({error})",
            where=str(source),
            expected="a file written by 'iper-bench train'",
        ) from error
    generator = build_generator(config, deviations)
    load_strict(generator, state, source=str(source))
    generator.eval().requires_grad_(False)
    return TrainedGenerator(
        generator,
        config,
        deviations,
        inputs,
        losses,
        file_sha256(source),
        metadata,
        variant=metadata.get("variant"),
        perceptual=perceptual,
        kinds=kinds,
    )


def settings_json(trained: TrainedGenerator) -> dict[str, Any]:
    """The settings that change what the generator draws, for identities."""
    return {
        "sha256": trained.sha256,
        "deviations": trained.deviations.to_json(),
        "inputs": trained.inputs.to_json(),
        "torch_dtype": str(torch.float32),
    }
