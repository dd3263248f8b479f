"""``iper-bench weights convert`` and ``show``: official checkpoints as safetensors with settings and a card.

A converted generator holds the metadata that ``load_trained`` reads (variant, inputs and losses of the
release, no deviations); a loss network, discriminator or body estimator says what it is. Nothing in a
converted file depends on the time or the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from iper_bench.atomic import write_text
from iper_bench.errors import UserError, unknown_name
from iper_bench.hashing import file_sha256
from iper_bench.lwg.checkpoint import load_safetensors, read_state_dict, save_safetensors
from iper_bench.lwg.config import GENERATOR_NAMES, GeneratorConfig
from iper_bench.lwg.official import GENERATOR, OfficialNetwork, recognise
from iper_bench.lwg.packaged import ORIGIN, chosen_name, official_metadata, packaged_path
from iper_bench.lwg.variant import variant as variant_named

LICENCE = "as the source states; the conversion changes no value and grants no right"
VARIANTS = ("released", "paper")  # the ones without deviations


@dataclass(frozen=True)
class Converted:
    """What :func:`convert` wrote: the weights, their card, and rows for the screen."""

    weights: Path
    card: Path
    rows: list[tuple[str, str]]


def convert(source: Path, out: Path, *, generator: str | None = None, variant: str = "released") -> Converted:
    """Turn an official checkpoint into safetensors with settings, and write a card beside it.

    Parameters
    ----------
    source: torch file or safetensors without settings. out: the ``.safetensors`` to write.
    generator: its name, needed where two generators have the same keys. variant: ``"released"`` or
        ``"paper"``: the inputs and losses that go with the weights.

    Raises
    ------
    UserError for a file that cannot be read safely, is no known network, does not fit it strictly, or is
    another generator than named.
    """
    if out.suffix != ".safetensors":
        raise UserError(f"cannot write weights as '{out.name}'", where="--out", expected="NAME.safetensors")
    if variant not in VARIANTS:
        raise unknown_name("variant", variant, VARIANTS, where="--variant")
    if generator is not None and generator not in GENERATOR_NAMES:
        raise unknown_name("generator", generator, GENERATOR_NAMES, where="--generator")
    if out.exists() and source.exists() and out.samefile(source):
        raise UserError("source and target are one file", where=str(out), hint="another name after --out")
    network = _recognised(source)
    sha256 = file_sha256(source)
    metadata, title = _settings(network, generator, variant, source)
    metadata["source"] = {"file": source.name, "sha256": sha256}
    save_safetensors({key: _plain(value) for key, value in network.state.items()}, out, metadata)
    card = out.with_suffix(".yaml")
    content = {
        "name": out.stem,
        "file": out.name,
        "sha256": file_sha256(out),
        "network": title,
        "parameters": network.parameters,
        "tensors": len(network.state),
        "left_out": len(network.left_out),
        "variant": metadata.get("variant"),
        "deviations": [],
        "source": metadata["source"],
        "licence": LICENCE,
    }
    shown = {key: value for key, value in content.items() if value is not None}
    write_text(card, _yaml(shown))
    rows = [(key, str(shown[key])) for key in ("network", "parameters", "tensors", "left_out")]
    return Converted(out, card, [*rows, ("weights", str(out)), ("card", str(card))])


def _yaml(content: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))


def _recognised(source: Path) -> OfficialNetwork:
    state = read_state_dict(source)
    if source.suffix == ".safetensors" and _is_ours(load_safetensors(source)[1]):
        raise UserError(
            "has its settings already",
            where=str(source),
            expected="an official checkpoint",
            hint=f"iper-bench weights show {source}",
        )
    return recognise(state, source=str(source))


def _is_ours(metadata: dict[str, Any]) -> bool:
    return "generator" in metadata or "network" in metadata


def _settings(
    network: OfficialNetwork, generator: str | None, variant: str, source: Path
) -> tuple[dict[str, Any], str]:
    """Metadata of the converted file, and the network in words."""
    if network.kind != GENERATOR:
        if generator is not None:
            raise UserError(
                f"holds the {network.kind} {network.names[0]}", where=str(source), expected=generator
            )
        described = {"kind": network.kind, "name": network.names[0], "sizes": network.sizes}
        return {"network": described, "training": {"origin": ORIGIN}}, _in_words(network.kind, network)
    wanted = None if generator is None else (generator,)
    name = chosen_name(network.names, wanted, str(source))
    config = GeneratorConfig.from_json({**network.sizes, "name": name})
    return official_metadata(config, variant_named(variant)), sizes_in_words(config)


def _in_words(kind: str, network: OfficialNetwork) -> str:
    sizes = ", ".join(f"{key} {value}" for key, value in network.sizes.items())
    return f"{kind} {' or '.join(network.names)}" + (f" ({sizes})" if sizes else "")


def sizes_in_words(config: GeneratorConfig) -> str:
    """One line: name, filters, blocks, and what else the generator of that name reads."""
    words = [config.name, f"filters {'-'.join(map(str, config.filters))}"]
    if config.name != "AttLWB-Front-SPADE":
        words.append(f"BGNet {'-'.join(map(str, config.bg_filters))} with {config.bg_res_blocks} blocks")
    words.append(f"{config.res_blocks} residual blocks")
    if config.name.endswith("SPADE"):
        words.append(f"SPADE hidden {config.spade_hidden}")
    if config.name == "InputConcat":
        words.append(f"{config.num_source} sources")
    return ", ".join([*words, *(["temporal"] if config.temporal else [])])


def _plain(value: Tensor) -> Tensor:
    """Weights are float32 in this package; counters stay whole."""
    return value.to(torch.float32) if value.is_floating_point() else value


def describe(path: Path) -> list[tuple[str, str]]:
    """What a weights file is: rows of (heading, text). ``path`` may also name the file of the package.

    Raises
    ------
    UserError for a file that cannot be read safely or is no known network.
    """
    if not path.exists() and path.name == str(path) == packaged_path().name:
        path = packaged_path()
    state = read_state_dict(path)
    metadata = load_safetensors(path)[1] if path.suffix == ".safetensors" else {}
    rows = [("file", str(path)), ("sha256", file_sha256(path))]
    if not _is_ours(metadata):
        network = recognise(state, source=str(path))
        return [*rows, *_official_rows(network)]
    count = sum(value.numel() for value in state.values())
    try:
        return [*rows, *_own_rows(metadata), ("values", f"{count} in {len(state)} tensors")]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"weights lack their settings ({error})", where=str(path), expected="a file of this program"
        ) from error


def _official_rows(network: OfficialNetwork) -> list[tuple[str, str]]:
    rows = []
    if network.kind == GENERATOR:
        config = GeneratorConfig.from_json(network.sizes)
        same = "".join(f", or {name} (same keys)" for name in network.names[1:])
        rows.append(("network", sizes_in_words(config) + same))
    else:
        rows.append(("network", _in_words(network.kind, network)))
    rows.append(("parameters", f"{network.parameters} in {len(network.state)} tensors"))
    if network.left_out:
        rows.append(("left out", f"{len(network.left_out)} tensors that the network does not use"))
    rows.append(("settings", "none in the file; it is used with those of the variant 'released'"))
    return rows


def _own_rows(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    """Rows of a file with settings."""
    if "generator" not in metadata:
        network = metadata["network"]
        rows = [("network", f"{network['kind']} {network['name']}")]
        rows += [("sizes", _pairs(network["sizes"]))] if network["sizes"] else []
    else:
        on = [name for name, active in metadata["deviations"].items() if active]
        rows = [
            ("network", sizes_in_words(GeneratorConfig.from_json(metadata["generator"]))),
            ("variant", str(metadata.get("variant", "embedded (older than variants)"))),
            ("deviations", ", ".join(on) or "none"),
            ("inputs", _pairs(metadata["inputs"])),
            ("losses", _pairs(metadata["losses"])),
        ]
    rows.append(("training", _pairs(metadata["training"])))
    if "source" in metadata:
        rows.append(("source", f"{metadata['source']['file']}, sha256 {metadata['source']['sha256'][:12]}"))
    return rows


def _pairs(content: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in content.items())
