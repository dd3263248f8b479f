"""Reading and writing weights: official checkpoints (``.pth``) and our own safetensors with metadata.

From: iPERCore's loader removes a leading ``module.`` (7 characters, left by DistributedDataParallel) and
loads with strict=False.
Differs: loading is strict; every missing, unexpected or misshaped key is reported. Files are read with
``weights_only=True``.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from iper_bench.atomic import write_bytes
from iper_bench.errors import UserError

PARALLEL_PREFIX = "module."
METADATA_KEY = "iper_bench"
SHOWN_KEYS = 3  # keys named in an error message; the rest is counted


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors`` or torch file, ``module.`` prefixes removed.

    A torch file may hold the state dict itself or a dictionary with it under "state_dict". Raises UserError
    when the file is missing, unreadable, or holds something other than named tensors.
    """
    if not path.is_file():
        raise UserError("no such file", where=str(path), expected="a checkpoint file")
    if path.suffix == ".safetensors":
        return load_safetensors(path)[0]
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UserError(
            "not a checkpoint that can be read safely (weights only)",
            where=str(path),
            expected="a torch file that holds nothing but tensors",
            hint="download the file again, or convert it to safetensors where you trust it",
        ) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError("holds no state dict", where=str(path), expected="a dictionary of named tensors")
    return strip_prefix(content)


def strip_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove the leading ``module.`` of every key that has it."""
    return {str(key).removeprefix(PARALLEL_PREFIX): value for key, value in state.items()}


def _listing(kind: str, keys: Sequence[str]) -> list[str]:
    if not keys:
        return []
    rest = f" and {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
    return [f"{len(keys)} {kind}: {', '.join(keys[:SHOWN_KEYS])}{rest}"]


def differences(module: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """What keeps ``state`` from a strict load into ``module``: missing keys, unexpected keys, other shapes;
    empty = fits.
    """
    own = module.state_dict()
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    shapes = [
        f"{key} is {_shape(state[key])} instead of {_shape(own[key])}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    return [
        *_listing("keys are missing", missing),
        *_listing("keys are unexpected", unexpected),
        *_listing("shapes differ", shapes),
    ]


def _shape(tensor: Tensor) -> str:
    return "x".join(str(n) for n in tensor.shape) or "scalar"


def load_strict(module: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Load all of ``state`` into ``module``; raises UserError with what differs, and changes nothing then."""
    problems = differences(module, state)
    if problems:
        raise UserError(
            f"weights do not fit the network: {'; '.join(problems)}",
            where=source,
            expected=f"the {len(module.state_dict())} tensors of {type(module).__name__}",
            hint="check the network's name and its filter counts",
        )
    module.load_state_dict(dict(state), strict=True)


def load_checkpoint(module: nn.Module, path: Path) -> None:
    """Read an official or own checkpoint file and load it strictly. Raises UserError as the two steps do."""
    load_strict(module, read_state_dict(path), source=str(path))


def save_safetensors(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, Any]) -> None:
    """Write tensors (names sorted) and JSON metadata atomically; the same content gives the same bytes.

    Shared or non-contiguous tensors are copied. Raises UserError when the file cannot be written.
    """
    tensors = {key: state[key].detach().to("cpu").contiguous().clone() for key in sorted(state)}
    text = json.dumps(metadata, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(path, save(tensors, metadata={METADATA_KEY: text}))


def load_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a file of :func:`save_safetensors` (metadata is empty in files from elsewhere).

    Raises UserError when the file is missing or damaged.
    """
    if not path.is_file():
        raise UserError("no such file", where=str(path), expected="a .safetensors file")
    try:
        with safe_open(path, framework="pt") as file:
            raw = (file.metadata() or {}).get(METADATA_KEY, "{}")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dictionary
        metadata = json.loads(raw)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise UserError(
            f"damaged weights file ({error})", where=str(path), hint="copy or download it again"
        ) from error
    return strip_prefix(tensors), metadata
