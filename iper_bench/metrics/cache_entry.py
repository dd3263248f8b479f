"""One entry of the feature cache as the bytes of a safetensors file.

The metadata hold the version of this format, the entry's own key and a checksum of all arrays: a file that
was cut, has a bit turned, holds zeros after a crash of the machine, comes from another version or was put in
another's place is told from a good one. The checksum is CRC-32, which guards against accidents and not
against forgery: who can write into the cache folder can change features.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

FORMAT = "2"

Arrays = tuple[npt.NDArray[np.float32], ...]


def encode(key: str, arrays: Sequence[npt.NDArray[np.float32]]) -> bytes:
    """The file of ``arrays``, of any shapes and plain dtypes, under ``key``."""
    whole = [np.ascontiguousarray(array).reshape(np.shape(array)) for array in arrays]  # keeps shape ()
    tensors = {str(index): array for index, array in enumerate(whole)}
    facts = {"format": FORMAT, "key": key, "crc32": _checksum(whole)}
    return safetensors.numpy.save(tensors, metadata=facts)


def decode(key: str, content: bytes) -> Arrays | None:
    """The arrays of a file, bit for bit; ``None`` where it is not a whole entry of ``key`` in this format."""
    try:
        tensors = safetensors.numpy.load(content)
        arrays = tuple(tensors[str(index)] for index in range(len(tensors)))
        facts = _metadata(content)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError):
        return None
    expected = {"format": FORMAT, "key": key, "crc32": _checksum(arrays)}
    return arrays if facts == expected else None


def _metadata(content: bytes) -> object:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]).get("__metadata__")


def _checksum(arrays: Sequence[npt.NDArray[np.float32]]) -> str:
    value = 0
    for array in arrays:
        value = zlib.crc32(f"{array.dtype.str}{array.shape}".encode(), value)
        value = zlib.crc32(array.reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"
