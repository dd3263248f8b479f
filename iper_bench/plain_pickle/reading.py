"""Pickles that hold plain data, read without running anything they contain.

A pickle is a program. The machine that carries it out here (:mod:`iper_bench.plain_pickle.machine`) knows
values, containers and the few constructors that numpy needs; it imports nothing, looks up no attribute and
calls nothing that a file names. A file that asks for more is refused, and the message says what it asked for.
Memory and time stay in proportion to the size of the file: announced lengths, shapes and repetitions are
checked first, and a value that holds itself many times over is refused, because walking it would never end.

Must agree with: ``pickle.load(file, encoding="latin1")`` for the values admitted (strings of Python 2 become
text of the same code points).
Differs: ``bytearray`` becomes ``bytes``; nothing after the first value is read.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.plain_pickle.arrays import Pending
from iper_bench.plain_pickle.constructors import Admits, Name, StandIn
from iper_bench.plain_pickle.machine import Machine
from iper_bench.plain_pickle.stream import RefusedError

MOST_VALUES = 100_000_000  # when every value is counted as often as it is held
DEEPEST = 100  # containers in containers

_PLAIN = "numbers, text, lists, dictionaries and numpy arrays of numbers only"


def read_plain_pickle(path: Path, *, largest: int = 1 << 30) -> Any:
    """The value in a pickle file, protocols 0 to 5, Python 2 or 3.

    Parameters
    ----------
    path: the file.
    largest: bytes; a larger file is refused unread.

    Returns
    -------
    ``dict``, ``OrderedDict``, ``list``, ``tuple``, ``set``, ``str``, ``bytes``, ``int``, ``float``, ``bool``,
    ``None``, numpy arrays (writable) and scalars of bool, integer, float, complex, bytes or text.

    Raises
    ------
    UserError when the file cannot be read, is too large, is damaged, or asks for anything else, which
    is named.
    """
    return loads_plain(read_limited(path, largest), str(path))


def read_limited(path: Path, largest: int) -> bytes:
    """The content of a regular file of at most ``largest`` bytes. Raises UserError."""
    try:
        status = path.stat()  # before it is opened: to open a pipe would wait for ever
        if not stat.S_ISREG(status.st_mode):
            raise UserError("is not a regular file", where=str(path), expected="a file")
        if status.st_size > largest:
            raise UserError(
                f"has {status.st_size} bytes", where=str(path), expected=f"at most {largest} bytes"
            )
        with path.open("rb") as stream:
            return stream.read(largest)
    except OSError as error:
        raise UserError(
            f"cannot read the file ({error.strerror})", where=str(path), expected="a file you may read"
        ) from error


def loads_plain(
    content: bytes,
    where: str,
    *,
    admits: Admits | None = None,
    expected: str = _PLAIN,
    hint: str | None = None,
) -> Any:
    """The value in a pickle, as :func:`read_plain_pickle`.

    Parameters
    ----------
    content: the pickle.
    where: file or field, for messages.
    admits: ``admits(module, name)`` says which classes may stand in the file; their objects become
        :class:`StandIn`, which keep their state and do nothing. With it, numpy arrays of objects are read as
        flat lists.
    expected, hint: ends of a message.

    Raises
    ------
    UserError as :func:`read_plain_pickle`.
    """
    try:
        value = Machine(content, admits).run()
        _check_extent(value)
    except RefusedError as refusal:
        reason = str(refusal)
    except (ValueError, TypeError, LookupError, OverflowError, MemoryError) as error:
        reason = f"it is damaged ({type(error).__name__})"
    else:
        return value
    raise UserError(f"refused to load the pickle: {reason}", where=where, expected=expected, hint=hint)


def _children(value: Any) -> list[Any]:
    """The containers, and the unfinished values, that a value holds itself."""
    held: Any = ()
    if isinstance(value, dict):
        held = value.values()
    elif isinstance(value, (list, tuple)):
        held = value
    elif isinstance(value, StandIn):
        held = (value.arguments, value.state)
    return [one for one in held if isinstance(one, (dict, list, tuple, StandIn, Pending, Name))]


def _check_extent(root: Any) -> None:
    """Refuse values that hold themselves, are nested too deep, are unfinished, or grow beyond MOST_VALUES
    when every container is written out as often as it is held. Without recursion; every container is looked
    at once.
    """
    extents: dict[int, tuple[int, int]] = {}  # by identity: values inside, depth
    open_now: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(root, False)]
    while waiting:
        value, is_left = waiting.pop()
        key = id(value)
        if isinstance(value, (Pending, Name)):
            raise RefusedError("it ends with an unfinished array or a bare class")
        if is_left:
            inner = [extents[id(child)] for child in _children(value)]
            size = _length(value) + sum(extent[0] for extent in inner)
            depth = 1 + max((extent[1] for extent in inner), default=0)
            if size > MOST_VALUES or depth > DEEPEST:
                raise RefusedError(
                    f"its values hold each other {depth} deep or {size:.2g} in all, "
                    f"at most {DEEPEST} deep and {MOST_VALUES:.0e} are read"
                )
            extents[key] = size, depth
            open_now.discard(key)
        elif key in open_now:
            raise RefusedError("a value holds itself")
        elif key not in extents:
            open_now.add(key)
            waiting.append((value, True))
            waiting.extend((child, False) for child in _children(value))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (dict, list, tuple)) else 1
