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

from iper_bench.body.model import BodyModel
from iper_bench.body.smpl_companions import LAYOUT, SECOND, VARIABLE
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.lwg.checkpoint import (
    load_safetensors,
    load_strict,
    read_state_dict,
    require_fit,
    save_safetensors,
)
from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.inputs import InputOptions
from iper_bench.lwg.objective import LossWeights, TermKinds
from iper_bench.lwg.official import GENERATOR, recognise
from iper_bench.lwg.variant import EMBEDDED, RELEASED, Variant

OFFICIAL = "official"  # metadata key, true in files that were converted from a release
ORIGIN = "official checkpoint"
PACKAGED = "attlwb-embedded-128.safetensors"


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator ready to use, with the settings it was trained with. ``sha256`` is that of its file,
    ``variant`` the name of the set of choices (``None`` in old files), ``perceptual`` and ``kinds`` are the
    network and the kinds of the terms that go with ``losses``. ``official`` marks weights of the releases,
    which need the released UV layout (:func:`require_layout`).
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
    official: bool = False


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
    metadata = trained_metadata(
        config, deviations=deviations, inputs=inputs, losses=losses, training=training, choices=choices
    )
    save_safetensors(state, path, metadata)


def trained_metadata(
    config: GeneratorConfig,
    *,
    deviations: Deviations,
    inputs: InputOptions,
    losses: LossWeights,
    training: dict[str, Any],
    choices: Variant | None = None,
) -> dict[str, Any]:
    """The settings of :func:`save_trained` as they stand in a file."""
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
    return metadata


def official_metadata(config: GeneratorConfig, choices: Variant) -> dict[str, Any]:
    """The settings of an official checkpoint: those of ``choices``, without deviations."""
    metadata = trained_metadata(
        config,
        deviations=Deviations(),
        inputs=choices.inputs,
        losses=choices.losses,
        training={"origin": ORIGIN},
        choices=choices,
    )
    return {**metadata, OFFICIAL: True}


def load_trained(
    path: Path | None = None, *, expected: str | tuple[str, ...] | None = None
) -> TrainedGenerator:
    """Read weights and settings.

    Parameters
    ----------
    path: a file of ``iper-bench train`` or ``iper-bench weights convert``, or an official checkpoint, which
        is recognised and gets the settings of the ``released`` variant; ``None`` = the package's weights.
    expected: the generators that will do; ``None`` = any. Where it leaves one of two generators with the same
        keys, it also says which one an official checkpoint is of.

    Raises
    ------
    UserError for a file of another form, another network, and another generator than expected.
    """
    source = path or packaged_path()
    wanted = (expected,) if isinstance(expected, str) else expected
    state, metadata = _read(source)
    if "network" in metadata and "generator" not in metadata:
        raise UserError(
            f"holds the {metadata['network'].get('kind')} {metadata['network'].get('name')}",
            where=str(source),
            expected="the weights of a generator",
        )
    if "generator" not in metadata:
        config, state = _official_generator(state, source, wanted)
        metadata = official_metadata(config, RELEASED)
    trained = _build(state, metadata, source, wanted)
    trained.generator.eval().requires_grad_(False)
    return trained


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if path.suffix == ".safetensors":
        state, metadata = load_safetensors(path)
        if "generator" not in metadata and not isinstance(metadata.get("network", {}), dict):
            raise UserError("settings name no network", where=str(path), expected="a file of this program")
        return state, metadata
    return read_state_dict(path), {}


def _official_generator(
    state: dict[str, Tensor], source: Path, wanted: tuple[str, ...] | None
) -> tuple[GeneratorConfig, dict[str, Tensor]]:
    """Sizes and tensors of an official checkpoint."""
    network = recognise(state, source=str(source))
    if network.kind != GENERATOR:
        raise UserError(
            f"holds the {network.kind} {network.names[0]}",
            where=str(source),
            expected=" or ".join(wanted) if wanted else "the weights of a generator",
        )
    name = chosen_name(network.names, wanted, str(source))
    return GeneratorConfig.from_json({**network.sizes, "name": name}), network.state


def chosen_name(names: tuple[str, ...], wanted: tuple[str, ...] | None, source: str) -> str:
    """The one of ``names``, which have the same keys, that is ``wanted``. Raises UserError for 0 or 2."""
    left = [name for name in names if wanted is None or name in wanted]
    if not left:
        raise _other_generator(" or ".join(names), wanted or (), source)
    if len(left) > 1:
        raise UserError(
            f"these keys are those of {' and of '.join(left)} alike",
            where=source,
            expected="the name of the generator",
            hint=f"iper-bench weights convert {source} --out NEW.safetensors --generator {left[0]}",
        )
    return left[0]


def _other_generator(name: str, wanted: tuple[str, ...], source: str) -> UserError:
    return UserError(
        f"weights of generator '{name}'",
        where=source,
        expected=f"those of {' or '.join(wanted)}",
        hint="the method of this generator, or other weights",
    )


def _build(
    state: dict[str, Tensor], metadata: dict[str, Any], source: Path, wanted: tuple[str, ...] | None
) -> TrainedGenerator:
    """Make the generator that the settings describe and fill it."""
    try:
        config = GeneratorConfig.from_json(metadata["generator"])
        deviations = Deviations.from_json(metadata["deviations"])
        inputs = InputOptions(**metadata["inputs"])
        losses = LossWeights(**metadata["losses"])
        terms = {"perceptual": EMBEDDED.perceptual, **metadata.get("terms", EMBEDDED.kinds.to_json())}
        perceptual = str(terms.pop("perceptual"))
        kinds = TermKinds(**terms)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"weights lack their settings ({error})",
            where=str(source),
            expected="a file written by 'iper-bench train'",
        ) from error
    if wanted is not None and config.name not in wanted:
        raise _other_generator(config.name, wanted, str(source))
    if config.bg_res_blocks + config.res_blocks + len(config.filters) + len(config.bg_filters) > len(state):
        raise UserError(
            f"its settings ask for more layers than its {len(state)} tensors",
            where=str(source),
            expected="the sizes of the network in it",
        )
    with torch.device("meta"):  # settings that do not fit must not cost memory
        require_fit(build_generator(config, deviations), state, source=str(source))
    generator = build_generator(config, deviations)
    load_strict(generator, state, source=str(source))
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
        official=metadata.get(OFFICIAL) is True,
    )


def require_layout(trained: TrainedGenerator, body: BodyModel) -> None:
    """Raise UserError when official weights meet a body whose UV layout is our own, that of the open body or
    one derived from a mesh: their condition maps hold the released layout's coordinates.
    """
    if not trained.official or body.uv_source == "file":
        return
    if body.uv_source == "open":
        raise UserError(
            "official weights read the released UV layout, which the open body does not have",
            where=body.name,
            expected=f"an SMPL file with {LAYOUT} beside it",
            hint="'attlwb[layout=any]@..' draws all the same; the numbers say nothing about the weights",
        )
    raise UserError(
        "official weights need the released UV layout, and this body's was derived from its mesh",
        where=body.name,
        expected=f"{LAYOUT} beside the SMPL file",
        hint=f"put {LAYOUT} and {SECOND} beside it, or name their folder in {VARIABLE}",
    )


def settings_json(trained: TrainedGenerator) -> dict[str, Any]:
    """The settings that change what the generator draws, for identities."""
    return {
        "sha256": trained.sha256,
        "deviations": trained.deviations.to_json(),
        "inputs": trained.inputs.to_json(),
        "torch_dtype": str(torch.float32),
    }
