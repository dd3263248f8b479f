"""Files of plain numpy arrays, ``.npz`` and ``.npy``, from strangers.

Only regular files are opened, no pickle is read, what an archive unpacks to is limited by what it announces,
and an announced shape is compared with the bytes that are there before an array is made: two megabytes of
zeros, packed, would otherwise become gigabytes.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.errors import UserError
from iper_bench.plain_pickle import read_limited

Array = NDArray[Any]

LARGEST = 1 << 29  # bytes, packed or not: bodies of 1.5 million frames
ALONE = ""  # name of the array of a .npy, which has none

_NPY = b"\x93NUMPY"
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
# RuntimeError, NotImplementedError: packed with a password or an unknown method
_DAMAGED = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    MemoryError,
    LookupError,
    TypeError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(path: Path, names: Collection[str], *, what: str, expected: str) -> dict[str, Array]:
    """Arrays of a file.

    Parameters
    ----------
    names: of the arrays that are read; others in the file are left alone.
    what, expected: what a message says of a file that cannot be used.

    Returns
    -------
    Those of ``names`` that are there; of a ``.npy`` its array under :data:`ALONE`. Writable.

    Raises
    ------
    UserError for a file that is missing, not a regular one, larger than :data:`LARGEST`, packed or not,
    damaged, or that holds objects.
    """
    try:
        content = read_limited(path, LARGEST)
    except UserError as error:
        raise UserError(error.what, where=error.where, expected=expected) from error
    try:
        if content.startswith(_NPY):
            return {ALONE: npy_array(content)}
        return npz_arrays(content, names, largest=LARGEST)[0]
    except ValueError as error:
        raise UserError(what, where=str(path), expected=expected) from error


def npz_arrays(content: bytes, names: Collection[str], *, largest: int) -> tuple[dict[str, Array], list[str]]:
    """The arrays ``names`` of an ``.npz``, and the sorted names of what else it holds.

    Raises ValueError for content that is damaged, would unpack to more than ``largest`` bytes, or holds
    objects under one of the names.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(one.file_size for one in members) > largest:
                raise ValueError(f"unpacked it has more than {largest} bytes")
            by_name = {one.filename.removesuffix(".npy"): one for one in members}
            found = {name: _member(archive, by_name[name]) for name in names if name in by_name}
    except _DAMAGED as error:
        raise ValueError(str(error) or type(error).__name__) from error
    return found, sorted(set(by_name) - set(names))


def npy_array(content: bytes) -> Array:
    """The array of a ``.npy``, writable. Raises ValueError for damaged content and for objects."""
    header = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(header)
        if version not in _READERS:
            raise ValueError(f"format {version}")
        shape, by_columns, dtype = _READERS[version](header)
        left = len(content) - header.tell()
        if dtype.hasobject:
            raise ValueError("holds objects")
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != left:
            raise ValueError(f"shape {shape} of {dtype} has {left} bytes")
        if not left:
            return np.empty(shape, dtype)
        flat = np.frombuffer(content, dtype, offset=header.tell())
        return np.array(flat.reshape(shape, order="F" if by_columns else "C"), order="K")
    except _DAMAGED as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as stream:
        content = stream.read(member.file_size)
    try:
        return npy_array(content)
    except ValueError as error:
        raise ValueError(f"'{member.filename}': {error}") from error
