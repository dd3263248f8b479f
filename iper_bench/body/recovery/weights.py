"""From a released weight file into a body estimator, strictly.

From: iPERCore loads SPIN strictly; nkolot/SPIN keeps the tensors of its training checkpoint under "model".
Files come from users: they are read with ``weights_only=True`` and must hold every tensor of the network and
no other.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from iper_bench.body.recovery.hmr_iccv import BODY_ARRAYS, HmrIccv
from iper_bench.body.recovery.spin import Spin
from iper_bench.errors import UserError

NESTED = ("model", "state_dict")  # where training checkpoints keep the network
PARALLEL_PREFIX = "module."  # left by torch's DataParallel
COUNTER = "num_batches_tracked"  # absent from files of before 2018, unused here
SHOWN = 3  # names in a message; the rest is counted


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
    state = {key: value for key, value in read_tensors(path).items() if not key.startswith(BODY_ARRAYS)}
    fill_strictly(network, state, path)
    return network.eval()


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
