"""The official pickles of SMPL: numpy arrays, scipy sparse matrices and chumpy objects, read as plain arrays.

Neither chumpy nor the classes of scipy are loaded from the file: their objects are kept inert
(:class:`iper_bench.plain_pickle.StandIn`) and their arrays are taken out of the state.

Must agree with: ``.r`` of chumpy 0.70's ``Ch``, ``Select``, ``Reshape``, ``Concatenate`` and ``transpose``,
and ``toarray()`` of scipy's column, row and coordinate matrices; protocols 0 to 5, by Python 2 too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.errors import UserError
from iper_bench.plain_pickle import StandIn, loads_plain

LARGEST_DENSE = 1 << 24  # elements of an array that is put together; SMPL+H's posedirs have 9,487,530
DEEPEST = 5  # chumpy objects in one another; the released files have two

_SPARSE = ("csc", "csr", "coo")
_SPARSE_NAMES = {f"{kind}_{form}" for kind in _SPARSE for form in ("matrix", "array")}


def read_pickle_entries(content: bytes, where: str, hint: str) -> dict[str, Any]:
    """The dictionary that an SMPL pickle holds; values as :func:`dense` takes them. Raises UserError."""
    entries = loads_plain(
        content,
        where,
        admits=_is_known,
        expected="numpy arrays, scipy sparse matrices and chumpy arrays only",
        hint=hint,
    )
    if not isinstance(entries, dict):
        raise UserError(
            f"the pickle holds a {type(entries).__name__}", where=where, expected="a dictionary", hint=hint
        )
    return {str(key): value for key, value in entries.items()}


def dense(value: object) -> NDArray[Any] | None:
    """The array inside a numpy array, a sparse matrix or a chumpy object; ``None`` when there is none.

    Raises
    ------
    ValueError, TypeError, LookupError when the parts of one do not fit together.
    """
    return _dense(value, 0, {})


def _is_known(module: str, name: str) -> bool:
    if module.split(".")[0] == "chumpy":
        return "." not in name
    return module.split(".")[:2] == ["scipy", "sparse"] and name in _SPARSE_NAMES


#: what objects were found to hold, by identity: one that is held many times is put together once
_Known = dict[int, NDArray[Any] | None]


def _dense(value: object, depth: int, known: _Known) -> NDArray[Any] | None:
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, StandIn) or depth > DEEPEST:
        return None
    if id(value) not in known:
        known[id(value)] = _taken_out(value, depth, known)
    return known[id(value)]


def _taken_out(value: StandIn, depth: int, known: _Known) -> NDArray[Any] | None:
    state = value.state
    if isinstance(state, tuple):  # (dict, slots)
        state = next((part for part in state if isinstance(part, dict)), None)
    if not isinstance(state, dict):
        return None
    if value.name in _SPARSE_NAMES:
        return _sparse(value.name, state)
    if value.name == "Concatenate":
        return _concatenated(state, depth, known)
    return _chumpy(value.name, state, depth, known)


def _chumpy(name: str, state: dict[Any, Any], depth: int, known: _Known) -> NDArray[Any] | None:
    """``Ch`` keeps ``x``; the others keep ``a``, which they reorder."""
    if name == "Ch":
        return _dense(state.get("x"), depth + 1, known)
    source = _dense(state.get("a"), depth + 1, known)
    if source is None:
        return None
    if name == "Select":
        indices = _dense(state.get("idxs"), depth + 1, known)
        if indices is None:
            return None
        picked = source.ravel()[indices.astype(np.int64).ravel()]
        shape = state.get("preferred_shape")
        return picked if shape is None else picked.reshape(shape)
    if name == "Reshape":
        return source.reshape(state["newshape"])
    if name == "transpose":
        return np.transpose(source, state.get("axes"))
    return None


def _concatenated(state: dict[Any, Any], depth: int, known: _Known) -> NDArray[Any] | None:
    """The terms that ``dterms`` names, one after the other."""
    parts = []
    size = 0
    for term in state["dterms"]:
        part = _dense(state.get(term), depth + 1, known)
        if part is None:
            return None
        size += part.size
        if size > LARGEST_DENSE:
            raise ValueError("an array of a size that no SMPL file has")
        parts.append(part)
    return np.concatenate(parts, axis=state["axis"])


def _sparse(name: str, state: dict[Any, Any]) -> NDArray[Any]:
    from scipy import sparse

    shape = tuple(int(size) for size in state.get("_shape", state.get("shape", ())))
    if len(shape) != 2 or not 0 < math.prod(shape) <= LARGEST_DENSE:
        raise ValueError("an array of a size that no SMPL file has")
    if name.startswith("coo"):
        rows, columns = state["coords"] if "coords" in state else (state["row"], state["col"])
        matrix = sparse.coo_array((state["data"], (rows, columns)), shape=shape)
    else:
        build = sparse.csc_array if name.startswith("csc") else sparse.csr_array
        matrix = build((state["data"], state["indices"], state["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
    array: NDArray[Any] = matrix.toarray()
    return array
