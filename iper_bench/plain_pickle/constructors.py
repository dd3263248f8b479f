"""The constructors that a plain pickle may name, each with own code; every other name is refused.

A name stays a pair of words (:class:`Name`): nothing is imported or looked up for it. Classes that a caller
admits become a :class:`StandIn`, which keeps what it is given and does nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from iper_bench.plain_pickle.arrays import (
    Pending,
    PendingArray,
    PendingDtype,
    plain_array,
    plain_scalar,
    raw_bytes,
    transposed_array,
)
from iper_bench.plain_pickle.stream import RefusedError, shown

LARGEST_KEY = 2**60  # below it two integers never share a hash
LONGEST_KEY, DEEPEST_KEY = 16, 3  # of a tuple
ALLOWANCE = 1 << 20  # bytes of copies that a file of any size may ask for

_KEYS = (str, bytes, int, float, type(None), np.generic)

#: whether a class of that module and name may stand in the file, to be kept as a :class:`StandIn`
Admits = Callable[[str, str], bool]


@dataclass(frozen=True)
class Name:
    """A class or function that a file names; nothing is looked up for it."""

    module: str
    name: str


@dataclass(eq=False)
class StandIn:
    """An object of a class that is not loaded: what it was made from and its state, and nothing that acts."""

    module: str
    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None


def words_for(found: object) -> str:
    """A name or the kind of a value, for a message."""
    return shown(f"{found.module}.{found.name}") if isinstance(found, Name) else type(found).__name__


class Constructors:
    """What one pickle may make, and how much it may copy on the way.

    Parameters
    ----------
    size: bytes of the pickle; twice as many, and ALLOWANCE, may be copied.
    admits: which classes may be kept as :class:`StandIn`; with it also arrays of objects, as lists.
    """

    def __init__(self, size: int, admits: Admits | None) -> None:
        self.admits = admits
        self._left = 2 * size + ALLOWANCE

    def charge(self, size: int) -> None:
        """Count bytes or values that are copied, so that few bytes of a file cannot copy others for ever."""
        self._left -= size
        if self._left < 0:
            raise RefusedError("it copies the same values over and over")

    def named(self, module: str, name: str) -> Name:
        """A name that the file asks for, if it is known."""
        found = Name(module, name)
        if found in _CALLS or found in _CLASSES or self._is_admitted(found):
            return found
        raise RefusedError(f"it asks for {words_for(found)}")

    def call(self, found: object, arguments: tuple[Any, ...]) -> Any:
        """What the constructor of that name makes from ``arguments``."""
        call = _CALLS.get(found) if isinstance(found, Name) else None
        return self.stand_in(found, arguments) if call is None else call(self, *arguments)

    def stand_in(self, found: object, arguments: tuple[Any, ...]) -> StandIn:
        """An inert object of an admitted class."""
        if not (isinstance(found, Name) and self._is_admitted(found)):
            raise RefusedError(f"it makes an object of {words_for(found)}")
        return StandIn(found.module, found.name, arguments)

    def _is_admitted(self, found: Name) -> bool:
        return self.admits is not None and self.admits(found.module, found.name)


# What the known constructors do, by the name in the file. Each takes the
# constructors themselves and the arguments.


def _reconstruct(known: Constructors, kind: object, shape: object, _code: object) -> Pending:
    if not (isinstance(kind, Name) and kind == _NDARRAY):
        raise RefusedError(f"it makes an array of {words_for(kind)}")
    return PendingArray(shape)


def _dtype(known: Constructors, code: object, *_flags: object) -> Pending:
    return PendingDtype(code, objects=known.admits is not None)


def _frombuffer(
    known: Constructors, data: object, dtype: object, shape: object, order: object, axes: object = None
) -> Any:
    known.charge(len(raw_bytes(data)))
    if axes is not None and isinstance(order, str) and order == "K":
        return transposed_array(data, dtype, shape, axes)
    return plain_array(data, dtype, shape, order)


def _scalar(known: Constructors, dtype: object, data: object) -> Any:
    known.charge(len(raw_bytes(data)))
    return plain_scalar(dtype, data)


def _encode(known: Constructors, text: object, codec: object = "latin1") -> bytes:
    """``_codecs.encode`` for the one codec by which protocols 0 to 2 carry bytes."""
    if not (isinstance(text, str) and isinstance(codec, str) and codec in ("latin1", "latin-1")):
        raise RefusedError("it asks for a codec other than latin1")
    known.charge(len(text))
    return text.encode("latin1")


def _bytes(known: Constructors) -> bytes:
    return b""


def _ordered(known: Constructors, items: object = ()) -> OrderedDict[Any, Any]:
    made: OrderedDict[Any, Any] = OrderedDict()
    for item in _listed(known, items):
        if not (isinstance(item, (list, tuple)) and len(item) == 2):
            raise RefusedError("an OrderedDict has an entry that is no pair")
        made[plain_key(item[0])] = item[1]
    return made


def _set(known: Constructors, items: object = ()) -> set[Any]:
    return {plain_key(item) for item in _listed(known, items)}


def _frozenset(known: Constructors, items: object = ()) -> frozenset[Any]:
    return frozenset(_set(known, items))


def _listed(known: Constructors, items: object) -> list[Any] | tuple[Any, ...]:
    if not isinstance(items, (list, tuple)):
        raise RefusedError("a container is made from something that is no list")
    known.charge(len(items))
    return items


def _reconstructor(known: Constructors, kind: object, base: object, state: object) -> StandIn:
    """``copyreg._reconstructor``: how protocols 0 and 1 write an object of a common class."""
    if not (isinstance(base, Name) and base.name == "object" and state is None):
        raise RefusedError(f"it makes an object of {words_for(kind)}")
    return known.stand_in(kind, ())


_NDARRAY = Name("numpy", "ndarray")
_BUILTINS = ("__builtin__", "builtins")  # Python 2, Python 3
_NUMPY = ("numpy.core", "numpy._core")  # numpy 1, numpy 2
#: names that stand as an argument and are never called
_CLASSES = {_NDARRAY, *(Name(module, "object") for module in _BUILTINS)}
_CALLS: dict[Name, Callable[..., Any]] = {
    Name("numpy", "dtype"): _dtype,
    **{Name(f"{numpy}.multiarray", "_reconstruct"): _reconstruct for numpy in _NUMPY},
    **{Name(f"{numpy}.multiarray", "scalar"): _scalar for numpy in _NUMPY},
    **{Name(f"{numpy}.numeric", "_frombuffer"): _frombuffer for numpy in _NUMPY},
    **{Name(module, "set"): _set for module in _BUILTINS},
    **{Name(module, "frozenset"): _frozenset for module in _BUILTINS},
    **{Name(module, "bytes"): _bytes for module in _BUILTINS},
    Name("_codecs", "encode"): _encode,
    Name("collections", "OrderedDict"): _ordered,
    Name("copy_reg", "_reconstructor"): _reconstructor,
    Name("copyreg", "_reconstructor"): _reconstructor,
}


def plain_key(value: Any, depth: int = 0) -> Any:
    """A value that may be a key: text, bytes, a number, ``None``, or a short tuple of those or of such
    tuples.
    """
    if isinstance(value, tuple):
        if depth >= DEEPEST_KEY or len(value) > LONGEST_KEY:
            raise RefusedError("a key is a tuple that is long or nested deep")
        for part in value:
            plain_key(part, depth + 1)
    elif not isinstance(value, _KEYS):
        raise RefusedError(f"a key is a {type(value).__name__}")
    elif isinstance(value, int) and abs(value) >= LARGEST_KEY:
        raise RefusedError("a key is an integer of more than 60 bits")
    return value
