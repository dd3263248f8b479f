"""From a weight file into a network: the one way for every network of every profile.

Weight files come from users. They are read without running code, compared entry by entry with the network
that their name promises, and refused in one line: junk, a download that was cut off or the file of another
network must end neither in a traceback nor in a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from iper_bench.metrics.backbones.network import Module, frozen
from iper_bench.metrics.weights import Identity, unfit_weights

PARALLEL_PREFIX = "module."  # left by torch's DataParallel
NESTED = "state_dict"  # training checkpoints hold their tensors under this key
COUNTER = "num_batches_tracked"  # absent from files of before 2018, unused in eval mode
SHOWN = 3  # entries named in a message; the rest is counted
LONGEST_KEY = 60  # characters of an entry's name in a message
FLOAT_BYTES = 4
SAFETENSORS = ".safetensors"

Tensors = Mapping[str, torch.Tensor]


def load_network(
    module: Module,
    identity: Identity,
    path: Path,
    device: torch.device,
    *,
    below: str = "",
    without: str | None = None,
    interleaved: bool = True,
) -> Module:
    """Fill ``module`` with the tensors of a file and freeze it in eval mode on ``device``.

    Parameters
    ----------
    identity: whose weights the file should hold.
    below: only entries with this prefix belong to ``module``, whose own names lack it.
    without: entries with this prefix are of a part that is not used.
    interleaved: see :func:`frozen`.

    Raises UserError for a file that is not one of plain tensors, and when entries are missing, unexpected, of
    another shape or not finite.
    """
    state = {
        key.removeprefix(below): value
        for key, value in read_tensors(identity, path).items()
        if key.startswith(below) and not (without and key.startswith(without))
    }
    problems = _differences(module.state_dict(), state, below)
    if problems:
        raise unfit_weights(identity, path, f"holds another network: {', '.join(problems)}")
    module.load_state_dict(state, strict=False)  # counters may be absent
    return frozen(module, device, interleaved=interleaved)


def read_tensors(identity: Identity, path: Path) -> dict[str, torch.Tensor]:
    """The named tensors of a torch or safetensors file on the CPU, ``module.`` prefixes removed.

    Raises UserError for anything else, and for values that are not finite.
    """
    try:
        if path.suffix == SAFETENSORS:
            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file stops torch's reader in a dozen ways, from struct to assert
        raise unfit_weights(
            identity, path, "not a whole torch or safetensors file that can be read safely (weights only)"
        ) from error
    if isinstance(content, dict) and isinstance(content.get(NESTED), dict):
        content = content[NESTED]
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()
    ):
        raise unfit_weights(identity, path, "holds something other than named tensors")
    broken = [key for key, value in content.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise unfit_weights(identity, path, f"values are not finite in {_listed(broken)}")
    return {key.removeprefix(PARALLEL_PREFIX): value for key, value in content.items()}


def read_floats(identity: Identity, path: Path, *, header: int, count: int) -> npt.NDArray[np.float32]:
    """The ``count`` float32 values of a headless file after ``header`` words.

    Raises UserError when the file has another length, or values that are not finite.
    """
    words, rest = divmod(path.stat().st_size, FLOAT_BYTES)
    if rest or words != header + count:
        found = f"{max(words - header, 0)} values" + (f" and {rest} bytes" if rest else "")
        raise unfit_weights(identity, path, found, expected=f"{count} of {identity.name}")
    values = np.fromfile(path, dtype=np.float32)[header:]
    if not np.isfinite(values).all():
        raise unfit_weights(identity, path, "values are not finite")
    return values


def _differences(own: Tensors, state: Tensors, below: str) -> list[str]:
    """What keeps ``state`` from filling ``own``, in words, with the names as they stand in the file."""
    missing = [key for key in own if key not in state and not key.endswith(COUNTER)]
    unexpected = [key for key in state if key not in own]
    shapes = [
        f"{below}{key[:LONGEST_KEY]} is {_shape(state[key])}, not {_shape(value)}"
        for key, value in own.items()
        if key in state and state[key].shape != value.shape
    ]
    found = []
    if missing:
        found.append(f"{len(missing)} of {len(own)} tensors missing ({_listed(missing, below)})")
    if unexpected:
        found.append(f"{len(unexpected)} unexpected ({_listed(unexpected, below)})")
    if shapes:
        more = f" and {len(shapes) - 1} more" if len(shapes) > 1 else ""
        found.append(f"{len(shapes)} of another shape ({shapes[0]}{more})")
    return found


def _listed(keys: Iterable[str], prefix: str = "") -> str:
    names = [f"{prefix}{key[:LONGEST_KEY]}" for key in keys]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "a scalar"
