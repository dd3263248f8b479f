"""Reading and writing weights: official checkpoints (``.pth``) and our own safetensors with metadata.

From: iPERCore's loader removes a leading ``module.`` (7 characters, left by DistributedDataParallel) and
loads with strict=False.
Differs: loading is strict; every missing, unexpected or misshaped key is reported. Files are read with
``weights_only=True``.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from iper_bench.atomic import write_bytes
from iper_bench.errors import UserError

PARALLEL_PREFIX = "module."
METADATA_KEY = "iper_bench"
NESTED = ("state_dict", "model")  # where training checkpoints keep the network
COUNTER = "num_batches_tracked"  # the one kind of whole numbers in a network: batches seen, unused here
_SHOWN_REASON = 120  # characters of a reader's own message
SHOWN_KEYS = 3  # keys named in an error message; the rest is counted

_TORCH_FILE = "a torch file that holds nothing but tensors"
_AGAIN = "download the file again, or convert it to safetensors where you trust it"


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors`` or torch file, ``module.`` prefixes removed.

    A torch file may hold the state dict itself or a dictionary with it under "state_dict" or "model". Raises
    UserError when the file is missing, unreadable, claims more than it holds, or holds something other than
    named tensors.
    """
    if not path.is_file():
        raise UserError("no such file", where=str(path), expected="a checkpoint file")
    if path.suffix == ".safetensors":
        return load_safetensors(path)[0]
    content = _unpickled(path)
    for name in NESTED:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError("holds no state dict", where=str(path), expected="a dictionary of named tensors")
    if not content:
        raise UserError("holds no tensors", where=str(path), expected="a dictionary of named tensors")
    _refuse_claims(path, content)
    return _stripped(path, content)


def _unpickled(path: Path) -> object:
    """What the torch file holds, read without running anything and without blowing up."""
    try:
        if path.stat().st_size == 0:
            raise UserError("empty file", where=str(path), expected=_TORCH_FILE, hint=_AGAIN)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                packed = [entry for entry in archive.infolist() if entry.compress_type != zipfile.ZIP_STORED]
            # torch stores its records as they are; a packed one may unpack to any size
            if packed:
                raise UserError("holds packed records", where=str(path), expected=_TORCH_FILE, hint=_AGAIN)
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except OSError as error:
        raise UserError(
            f"cannot read the checkpoint ({error.strerror or error})",
            where=str(path),
            expected=_TORCH_FILE,
            hint=_AGAIN,
        ) from error
    except Exception as error:  # a damaged file stops torch's readers in a dozen ways, from struct to assert
        raise UserError(
            "not a checkpoint that can be read safely (weights only)",
            where=str(path),
            expected=_TORCH_FILE,
            hint=_AGAIN,
        ) from error
    return content


def _refuse_claims(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise UserError for tensors that are no plain arrays, or that view more than the file holds: a stride
    of 0 makes three gigabytes of four bytes.
    """
    for key, value in tensors.items():
        if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
            raise UserError(f"tensor '{key}' is no plain array", where=str(path), expected=_TORCH_FILE)
    claimed = sum(value.numel() * value.element_size() for value in tensors.values())
    size = path.stat().st_size
    if claimed > size:
        raise UserError(
            f"tensors claim {claimed} bytes", where=str(path), expected=f"no more than the file's {size}"
        )


def require_values(state: Mapping[str, Tensor], *, source: str) -> None:
    """Raise UserError, naming the tensor, for one that is not floating point (counters of batches aside) or
    holds a value that is not finite.
    """
    for key, value in state.items():
        if not value.is_floating_point():
            if key.endswith(COUNTER):
                continue
            kind = str(value.dtype).removeprefix("torch.")
            raise UserError(f"tensor '{key}' is of {kind}", where=source, expected="floating point weights")
        if value.numel() and not all(bool(torch.isfinite(end)) for end in torch.aminmax(value)):
            wrong = int((~torch.isfinite(value)).sum())
            raise UserError(
                f"tensor '{key}' holds {wrong} values that are not finite",
                where=source,
                expected="finite weights",
                hint="a checkpoint from before the training broke",
            )


def _stripped(path: Path, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As :func:`strip_prefix`. Raises UserError when two keys become one."""
    found = strip_prefix(state)
    if len(found) != len(state):
        raise UserError(
            f"{len(state) - len(found)} keys stand there twice, with and without '{PARALLEL_PREFIX}'",
            where=str(path),
            expected="one state dict",
        )
    return found


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


def require_fit(module: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Raise UserError with what keeps ``state`` from a strict load into ``module``."""
    problems = differences(module, state)
    if problems:
        raise UserError(
            f"weights do not fit the network: {'; '.join(problems)}",
            where=source,
            expected=f"the {len(module.state_dict())} tensors of {type(module).__name__}",
            hint="check the network's name and its filter counts",
        )


def load_strict(module: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Load all of ``state`` into ``module``; raises UserError with what differs or is no finite number, and
    changes nothing then.
    """
    require_fit(module, state, source=source)
    require_values(state, source=source)
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
    except (
        Exception
    ) as error:  # the reader has errors of its own, and passes on those of memory maps and JSON
        said = " ".join(str(error).split())[:_SHOWN_REASON]
        raise UserError(
            f"damaged weights file ({said})", where=str(path), hint="copy or download it again"
        ) from error
    if not isinstance(metadata, dict):
        raise UserError(
            "damaged weights file (its settings are no table)",
            where=str(path),
            hint="copy or download it again",
        )
    return _stripped(path, tensors), metadata
