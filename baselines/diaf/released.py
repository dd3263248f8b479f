"""Checkpoints of the original's authors: one file per network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import COUNTER, load_strict, read_state_dict

GENERATOR, FLOW, WARPER = "netG", "netF", "netPW"
_KIND = {"enca_pre_conv.0.weight": GENERATOR, "dec_output_0.3.weight": WARPER}  # a key that only one has


def load_released(path: Path, networks: Mapping[str, nn.Module]) -> tuple[Path, ...]:
    """Fill ``netF``, ``netG`` and ``netPW`` from the generator's file and the files beside it.

    Parameters
    ----------
    path: state dict of the generator, with ``netG`` in its name. The others lie in the same folder with
        ``netF`` and ``netPW`` in its place, or as the only file with that in its name. Without a pixel warper
        frames are drawn without it.

    Returns
    -------
    The files that were read.

    Raises
    ------
    UserError for a file that cannot be read, of another network or size, and where the flow network is
    missing or not told from others.
    """
    state = read_state_dict(path)
    kind = next((name for key, name in _KIND.items() if key in state), None)
    if kind != GENERATOR:
        raise UserError(
            f"holds {'no generator' if kind is None else kind}",
            where=str(path),
            expected="the generator's file (netG), with those of netF and netPW beside it",
        )
    load_strict(networks[GENERATOR], _counted(networks[GENERATOR], state), source=str(path))
    read = [path]
    for name in (FLOW, WARPER):
        if name not in networks:
            continue
        partner = _partner(path, name)
        if partner is not None:
            network = networks[name]
            load_strict(network, _counted(network, read_state_dict(partner)), source=str(partner))
            read.append(partner)
        elif name == FLOW:
            raise UserError(
                "the flow network's file is missing",
                where=str(path.parent),
                expected=f"'{path.name.replace(GENERATOR, FLOW)}' or one file with '{FLOW}' in its name",
            )
    return tuple(read)


def _partner(path: Path, name: str) -> Path | None:
    same = path.with_name(path.name.replace(GENERATOR, name))
    if same != path and same.is_file():
        return same
    found = sorted(one for one in path.parent.glob(f"*{name}*{path.suffix}") if one != path)
    if len(found) > 1:
        raise UserError(
            f"{len(found)} files with '{name}' in their names",
            where=str(path.parent),
            expected=f"one, or '{same.name}'",
        )
    return found[0] if found else None


def _counted(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``state`` with the counters of batches that PyTorch 0.4.0 did not write yet."""
    counters = [key for key in network.state_dict() if key.endswith(COUNTER)]
    return {key: torch.tensor(1) for key in counters} | dict(state)
