"""From a weight file into a body estimator, strictly.

From: iPERCore loads SPIN strictly; nkolot/SPIN keeps the tensors of its training checkpoint under "model".
The estimators that ``iper-bench train --method hmr`` makes say in their metadata what they are.
Files come from users: they are read with ``weights_only=True`` and must hold every tensor of the network and
no other.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from iper_bench.body.recovery.hmr_iccv import BODY_ARRAYS, HmrIccv
from iper_bench.body.recovery.small import NETWORK, SmallHmr, SmallHmrConfig
from iper_bench.body.recovery.spin import Spin
from iper_bench.errors import UserError

NESTED = ("model", "state_dict")  # where training checkpoints keep the network
PARALLEL_PREFIX = "module."  # left by torch's DataParallel
COUNTER = "num_batches_tracked"  # absent from files of before 2018, unused here
METADATA_KEY = "iper_bench"  # of the safetensors files of this package; its value is JSON
SPIN_MARK, HMR_MARK, SMALL_MARK = "layer4.2.conv3.weight", "regressor.mean_theta", "stem.weight"
SHOWN = 3  # names in a message; the rest is counted


def load_estimator(path: Path) -> Spin | HmrIccv | SmallHmr:
    """The body estimator in a file, recognised by the names of its tensors, in eval mode on the CPU.

    SPIN (checkpoint of iPERCore or nkolot/SPIN), HMR (checkpoint of the ICCV release) or the small one that
    ``iper-bench train --method hmr`` writes. Raises UserError when the file is missing, unreadable, or holds
    none of these, and as :func:`load_spin` when tensors do not fit.
    """
    state = read_tensors(path)
    network: Spin | HmrIccv | SmallHmr
    if SPIN_MARK in state:
        network = Spin()
    elif HMR_MARK in state:
        network, state = HmrIccv(), _without_body(state)
    elif SMALL_MARK in state:
        network = _small(path)
    else:
        raise UserError(
            f"no body estimator that is known ({_some(sorted(state))})",
            where=str(path),
            expected="the weights of SPIN, of HMR (ICCV 2019 release), or of iper-bench train --method hmr",
        )
    fill_strictly(network, state, path)
    return network.eval()


def _small(path: Path) -> SmallHmr:
    """As the metadata say, with initial weights."""
    told = _metadata(path)
    if told.get("network") != NETWORK:
        raise UserError(
            f"says nothing about the network '{NETWORK}' that its tensors look like",
            where=str(path),
            expected="a file written by iper-bench train --method hmr",
        )
    network = SmallHmr(SmallHmrConfig.from_json(told.get("config"), str(path)))
    body = told.get("body")
    network.body = body if isinstance(body, str) else None
    return network


def _metadata(path: Path) -> dict[str, Any]:
    """What a safetensors file of this package tells; empty for any other file."""
    if path.suffix != ".safetensors":
        return {}
    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get(METADATA_KEY, "{}")
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def load_spin(path: Path) -> Spin:
    """SPIN with the weights of iPERCore's or nkolot/SPIN's checkpoint, in eval mode on the CPU.

    Raises UserError when the file is missing, unreadable, or not exactly this network's.
    """
    network = Spin()
    fill_strictly(network, read_tensors(path), path)
    return network.eval()


def load_hmr(path: Path) -> HmrIccv:
    """The ICCV release's HMR with the weights of its checkpoint, in eval mode on the CPU.

    The licensed body's arrays in the file (``smpl.*``) are left out. Raises UserError as :func:`load_spin`.
    """
    network = HmrIccv()
    fill_strictly(network, _without_body(read_tensors(path)), path)
    return network.eval()


def _without_body(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if not key.startswith(BODY_ARRAYS)}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Named tensors of a ``.safetensors`` or torch file, also where they lie under "model" or "state_dict";
    ``module.`` prefixes are removed. Raises UserError for anything else.
    """
    if not path.is_file():
        raise UserError("no such file", where=str(path), expected="the weights of a body estimator")
    content: object
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file stops the readers in a dozen ways, from struct to assert
        raise UserError(
            "not a weight file that can be read safely",
            where=str(path),
            expected="a file that holds nothing but tensors",
            hint="download it again, or convert it to safetensors where you trust it",
        ) from error
    for name in NESTED:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict) or not content:
        raise UserError("holds no tensors", where=str(path), expected="a dictionary of named tensors")
    if not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError("holds more than tensors", where=str(path), expected="a dictionary of named tensors")
    return {str(key).removeprefix(PARALLEL_PREFIX): value for key, value in content.items()}


def fill_strictly(network: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Load ``state`` into ``network``; only counters of batches may be absent.

    Raises UserError naming what is missing, unexpected, of another shape or not finite; changes nothing then.
    """
    own = network.state_dict()
    problems = {
        "missing": [k for k in own if k not in state and not k.endswith(COUNTER)],
        "unexpected": [k for k in state if k not in own],
        "of another shape": [k for k in own if k in state and state[k].shape != own[k].shape],
        "not finite": [k for k in own if k in state and not bool(torch.isfinite(state[k]).all())],
    }
    said = [f"{len(keys)} {what}: {_some(keys)}" for what, keys in problems.items() if keys]
    if said:
        raise UserError(
            f"weights do not fit: {'; '.join(said)}",
            where=str(path),
            expected=f"the {len(own)} tensors of {type(network).__name__}",
            hint="give the checkpoint of this network",
        )
    network.load_state_dict(state, strict=False)  # counters may be absent


def _some(keys: list[str]) -> str:
    rest = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + rest
