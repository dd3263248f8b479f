"""``Delta``: what personalization changed in a generator's weights, exactly, in few bytes.

Weights that did not change are left out. Of the others the bits are combined with those of the base weights
by exclusive or: a small change leaves sign, exponent and the first digits as they were, which become zeros,
and zlib packs zeros well. Applying a delta gives the tuned weights bit for bit, on the base weights alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.errors import UserError

LEVEL = 6  # zlib's default; 9 takes three times as long for 1 % less


def packed(values: NDArray[np.uint8]) -> Tensor:
    """Bytes (n,) uint8, compressed to (m,) uint8."""
    squeezed = zlib.compress(np.ascontiguousarray(values).tobytes(), LEVEL)
    return torch.from_numpy(np.frombuffer(squeezed, np.uint8).copy())


def unpacked(squeezed: Tensor, size: int, where: str) -> NDArray[np.uint8]:
    """The inverse of :func:`packed`: exactly ``size`` bytes. Raises UserError for anything else, without
    unpacking more than that.
    """
    engine = zlib.decompressobj()
    try:
        raw = engine.decompress(squeezed.numpy().tobytes(), size + 1)
    except zlib.error as error:
        raise _damaged(where) from error
    if len(raw) != size or not engine.eof:
        raise _damaged(where)
    return np.frombuffer(raw, np.uint8).copy()


def _damaged(where: str) -> UserError:
    return UserError("damaged subject file", where=where, hint="copy it again, or personalize again")


def delta(base: Mapping[str, Tensor], tuned: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The changed tensors, packed: name to (m,) uint8.

    Raises ValueError when the two hold other names, shapes or types, or others than float32.
    """
    if base.keys() != tuned.keys():
        raise ValueError("a delta needs two states of one network")
    changed: dict[str, Tensor] = {}
    for name, before in base.items():
        after = tuned[name].detach().cpu()
        if before.shape != after.shape or before.dtype != after.dtype:
            raise ValueError(f"'{name}' is not the same tensor in both states")
        if torch.equal(before.cpu(), after):
            continue
        if after.dtype != torch.float32:
            raise ValueError(f"'{name}' is {after.dtype}; expected float32")
        bits = _bits(before) ^ _bits(after)
        # All first bytes, then all second bytes: the zeros lie together.
        planes = bits.view(np.uint8).reshape(-1, bits.itemsize).T
        changed[name] = packed(planes)
    return changed


def applied(base: Mapping[str, Tensor], changes: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """The tuned state. Raises UserError for names that ``base`` lacks and for damaged content."""
    state = {name: value.detach().cpu() for name, value in base.items()}
    for name, squeezed in changes.items():
        if name not in state or state[name].dtype != torch.float32:
            raise _damaged(where)
        bits = _bits(state[name])
        planes = unpacked(squeezed, bits.size * bits.itemsize, where)
        change = np.ascontiguousarray(planes.reshape(bits.itemsize, -1).T).view(np.uint32)
        tuned = (bits ^ change[:, 0]).view(np.float32)
        if not np.isfinite(tuned).all():
            raise _damaged(where)
        state[name] = torch.from_numpy(tuned).reshape(state[name].shape)
    return state


def _bits(tensor: Tensor) -> NDArray[np.uint32]:
    return tensor.detach().cpu().contiguous().numpy().reshape(-1).view(np.uint32)
