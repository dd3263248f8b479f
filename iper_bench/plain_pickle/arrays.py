"""numpy arrays, scalars and dtypes out of a pickle, built by ``numpy.frombuffer`` alone.

Covers what numpy 1 and 2 write: ``_reconstruct`` or ``_frombuffer`` for arrays, ``scalar``, ``dtype``. Shape,
dtype and bytes must agree before an array is made. Structured, date and void dtypes are refused.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.plain_pickle.stream import RefusedError, shown

MOST_DIMENSIONS = 32
LARGEST_DIMENSION = 2**40
#: bool, integers, floats, complex numbers, bytes and text, as numpy spells them in a pickle
_PLAIN_CODE = re.compile(r"[biufcSU][1-9][0-9]{0,8}")
_OBJECT_CODE = re.compile(r"O[0-9]*")
_ORDERS = {"<", ">", "|", "="}


class Pending:
    """A dtype or an array between its constructor and the state that completes it."""

    value: Any = None

    def finish(self, state: Any) -> Any:
        """Complete with a pickled state; returns the value and keeps it as ``value``."""
        raise NotImplementedError


class PendingDtype(Pending):
    """A dtype that waits for its byte order."""

    def __init__(self, code: object, *, objects: bool) -> None:
        if not isinstance(code, str):
            raise RefusedError("a numpy dtype is not named by text")
        if _OBJECT_CODE.fullmatch(code):
            if not objects:
                raise RefusedError(f"it holds a numpy array of objects (dtype {shown(code)})")
            code = "O"
        elif not _PLAIN_CODE.fullmatch(code):
            raise RefusedError(f"it holds a numpy array of dtype {shown(code)}")
        self._dtype: np.dtype[Any] = np.dtype(code)

    def finish(self, state: Any) -> np.dtype[Any]:
        """``state`` = version, order, then ``None`` three times for sub-arrays and fields, and sizes."""
        known = isinstance(state, tuple) and len(state) in (8, 9)
        if not (known and all(part is None for part in state[2:5])):
            raise RefusedError("it holds a structured numpy dtype")
        order = state[1]
        if not (isinstance(order, str) and order in _ORDERS):
            raise RefusedError("a numpy dtype has no known byte order")
        self.value = self._dtype.newbyteorder(order)  # type: ignore[arg-type]
        return self.value


class PendingArray(Pending):
    """An array that waits for shape, dtype and bytes."""

    def __init__(self, shape: object) -> None:
        if _shape(shape) != (0,):
            raise RefusedError(f"a numpy array is to be made with shape {shape} before its bytes are there")

    def finish(self, state: Any) -> Any:
        """``state`` = [version,] shape, dtype, whether in Fortran order, bytes. An array of objects becomes
        the list of them.
        """
        if not (isinstance(state, tuple) and len(state) in (4, 5)):
            raise RefusedError("a numpy array has no known state")
        shape, dtype, fortran, data = state[-4:]
        if isinstance(dtype, np.dtype) and dtype.hasobject:
            if not isinstance(data, list):
                raise RefusedError("a numpy array of objects has no list of them")
            self.value = data
        else:
            self.value = plain_array(data, dtype, shape, "F" if fortran else "C")
        return self.value


def plain_array(data: object, dtype: object, shape: object, order: object) -> NDArray[Any]:
    """A writable array from its bytes (or latin1 text, as Python 2 wrote them)."""
    kind, sizes, content = _plain_dtype(dtype), _shape(shape), raw_bytes(data)
    if not (isinstance(order, str) and order in ("C", "F")):
        raise RefusedError("a numpy array has no known order of elements")
    if math.prod(sizes) * kind.itemsize != len(content):
        raise RefusedError(f"a numpy array of shape {sizes} and dtype {kind} comes with {len(content)} bytes")
    flat = np.frombuffer(content, dtype=kind)
    return np.array(flat.reshape(sizes, order="F" if order == "F" else "C"), order="K")


def transposed_array(data: object, dtype: object, shape: object, axes: object) -> NDArray[Any]:
    """An array whose elements were written in the order of memory, then its axes exchanged."""
    array = plain_array(data, dtype, shape, "C")
    if sorted(_shape(axes)) != list(range(array.ndim)) or not isinstance(axes, tuple):
        raise RefusedError("a numpy array has no known order of axes")
    return array.transpose(axes)


def plain_scalar(dtype: object, data: object) -> Any:
    """A numpy scalar from its bytes."""
    return plain_array(data, dtype, (1,), "C")[0]


def _shape(shape: object) -> tuple[int, ...]:
    """The tuple if it holds a few whole numbers. Nothing else is ever printed: to print a nest of containers
    that hold each other many times over would take for ever.
    """
    if not (isinstance(shape, tuple) and len(shape) <= MOST_DIMENSIONS):
        raise RefusedError("a numpy array has a shape that is no short tuple")
    if not all(type(size) is int and 0 <= size <= LARGEST_DIMENSION for size in shape):
        raise RefusedError(f"a numpy array has a size that is not between 0 and {LARGEST_DIMENSION}")
    return shape


def _plain_dtype(dtype: object) -> np.dtype[Any]:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or dtype.itemsize == 0:
        raise RefusedError("a numpy array has no plain dtype")
    return dtype


def raw_bytes(data: object) -> bytes:
    """Bytes, or the latin1 text that stands for the bytes of Python 2."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return data.encode("latin1")
    raise RefusedError("a numpy array comes without bytes")
