"""The machine that carries out the instructions of a pickle on plain data, and on nothing else.

It has no import, no attribute look-up and no call of anything that a file names: names go to
:mod:`iper_bench.plain_pickle.constructors`. What other unpicklers carry out is refused: instances of classes,
extension codes, persistent ids, buffers from outside.
"""

from __future__ import annotations

import re
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from iper_bench.plain_pickle.arrays import Pending
from iper_bench.plain_pickle.constructors import Admits, Constructors, StandIn, plain_key, words_for
from iper_bench.plain_pickle.stream import RefusedError, instructions, shown

MOST_INSTRUCTIONS = 20_000_000  # tens of seconds; real files have thousands
LONGEST_INTEGER = 64  # bytes
NEWEST_PROTOCOL = 5

Handler = Callable[["Machine", bytes], None]


class Machine:
    """Stack, memo and marks of one pickle.

    Parameters
    ----------
    content: the pickle.
    admits: which classes may be kept as :class:`StandIn`.
    """

    def __init__(self, content: bytes, admits: Admits | None) -> None:
        self.content = content
        self.known = Constructors(len(content), admits)
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The value that the pickle holds. Raises RefusedError, or ValueError, TypeError, LookupError,
        OverflowError for a damaged one.
        """
        for count, (name, argument) in enumerate(instructions(self.content)):
            if count > MOST_INSTRUCTIONS:
                raise RefusedError(f"it has more than {MOST_INSTRUCTIONS} instructions")
            if name == "STOP":
                return self.pop()
            handler = _HANDLERS.get(name)
            if handler is None:
                raise RefusedError(f"it uses the instruction {name}{_named(name, argument)}")
            handler(self, argument)
        raise RefusedError("it has no instruction STOP")

    def pop(self) -> Any:
        """Take the topmost value above the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise RefusedError("it takes a value that is not there")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Take every value above the last mark, and the mark."""
        if not self.marks:
            raise RefusedError("it goes back to a mark that is not there")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def top(self) -> Any:
        """The topmost value above the last mark."""
        value = self.pop()
        self.stack.append(value)
        return value


def _named(name: str, argument: bytes) -> str:
    """What an instruction that is refused asks for, where the instruction itself says so."""
    if name == "INST":
        return f", it asks for {shown(argument.decode('latin1').replace(chr(10), '.'))}"
    return ""


# The instructions. Each takes the machine and the raw argument.


def _fill(machine: Machine, target: Any, values: list[Any]) -> None:
    if type(target) not in (dict, OrderedDict):
        raise RefusedError(f"it sets items of a {type(target).__name__}")
    if len(values) % 2:
        raise RefusedError("a dictionary has a key without a value")
    for at in range(0, len(values), 2):
        target[plain_key(values[at])] = values[at + 1]


def _append(machine: Machine, values: list[Any]) -> None:
    target = machine.top()
    if type(target) is not list:
        raise RefusedError(f"it appends to a {type(target).__name__}")
    target.extend(values)


def _set_item(machine: Machine, _argument: bytes) -> None:
    value, key = machine.pop(), machine.pop()
    _fill(machine, machine.top(), [key, value])


def _set_items(machine: Machine, _argument: bytes) -> None:
    values = machine.pop_to_mark()
    _fill(machine, machine.top(), values)


def _add_items(machine: Machine, _argument: bytes) -> None:
    values = machine.pop_to_mark()
    target = machine.top()
    if type(target) is not set:
        raise RefusedError(f"it adds to a {type(target).__name__}")
    target.update(plain_key(value) for value in values)


def _make_dict(machine: Machine, _argument: bytes) -> None:
    made: dict[Any, Any] = {}
    _fill(machine, made, machine.pop_to_mark())
    machine.stack.append(made)


def _append_one(machine: Machine, _argument: bytes) -> None:
    value = machine.pop()
    _append(machine, [value])


def _drop(machine: Machine, _argument: bytes) -> None:
    """``POP``, which takes a mark when nothing lies on it."""
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.pop()


def _tuple_of(count: int) -> Handler:
    def make(machine: Machine, _argument: bytes) -> None:
        values = [machine.pop() for _ in range(count)]
        machine.stack.append(tuple(reversed(values)))

    return make


def _push(read: Callable[[bytes], Any]) -> Handler:
    def push(machine: Machine, argument: bytes) -> None:
        machine.stack.append(read(argument))

    return push


def _from_mark(make: Callable[[list[Any]], Any]) -> Handler:
    def push(machine: Machine, _argument: bytes) -> None:
        machine.stack.append(make(machine.pop_to_mark()))

    return push


def _get(read: Callable[[bytes], int]) -> Handler:
    def push(machine: Machine, argument: bytes) -> None:
        place = read(argument)
        if place not in machine.memo:
            raise RefusedError(f"it recalls value {place}, which was never noted")
        value = machine.memo[place]
        finished = isinstance(value, Pending) and value.value is not None
        machine.stack.append(value.value if finished else value)

    return push


def _put(read: Callable[[bytes], int]) -> Handler:
    def note(machine: Machine, argument: bytes) -> None:
        machine.memo[read(argument)] = machine.top()

    return note


def _global(machine: Machine, argument: bytes) -> None:
    module, name = argument.decode("utf-8").split("\n")
    machine.stack.append(machine.known.named(module, name))


def _stack_global(machine: Machine, _argument: bytes) -> None:
    name, module = machine.pop(), machine.pop()
    if not (isinstance(name, str) and isinstance(module, str)):
        raise RefusedError("it asks for a class that is not named by text")
    machine.stack.append(machine.known.named(module, name))


def _reduce(machine: Machine, _argument: bytes) -> None:
    arguments, found = machine.pop(), machine.pop()
    if not isinstance(arguments, tuple):
        raise RefusedError("it calls with something that is no tuple of arguments")
    machine.stack.append(machine.known.call(found, arguments))


def _new_object(machine: Machine, _argument: bytes) -> None:
    arguments, found = machine.pop(), machine.pop()
    if not isinstance(arguments, tuple):
        raise RefusedError("it makes an object with something that is no tuple of arguments")
    machine.stack.append(machine.known.stand_in(found, arguments))


def _build(machine: Machine, _argument: bytes) -> None:
    """Complete the array or dtype on top, or keep the state of a stand-in; nothing else has a state."""
    state, target = machine.pop(), machine.pop()
    if isinstance(target, Pending):
        if isinstance(state, tuple) and state and isinstance(state[-1], (bytes, str)):
            machine.known.charge(len(state[-1]))
        machine.stack.append(target.finish(state))
        return
    if not isinstance(target, StandIn):
        raise RefusedError(f"it sets the state of {words_for(target)}")
    target.state = state
    machine.stack.append(target)


# How the raw arguments are read.


def _unsigned(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _signed(raw: bytes) -> int:
    if len(raw) > LONGEST_INTEGER:
        raise RefusedError(f"it holds an integer of {len(raw)} bytes")
    return int.from_bytes(raw, "little", signed=True)


def _decimal(raw: bytes) -> int:
    if len(raw) > 2 * LONGEST_INTEGER:
        raise RefusedError(f"it holds an integer of {len(raw)} digits")
    return int(raw)


def _integer_line(raw: bytes) -> int | bool:
    """Protocols 0 and 1 write truth values as 00 and 01."""
    return raw == b"01" if raw in (b"00", b"01") else _decimal(raw)


def _long_line(raw: bytes) -> int:
    return _decimal(raw.removesuffix(b"L"))


def _double(raw: bytes) -> float:
    value: float = struct.unpack(">d", raw)[0]
    return value


def _quoted(raw: bytes) -> str:
    """The text that Python 2 wrote as ``repr`` of its bytes: quotes, and a few escapes."""
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        raise RefusedError("a string has no quotes around it")
    inside = raw[1:-1]
    # pairs of backslashes first, so that the next backslash begins an escape
    if _OTHER_ESCAPE.search(inside.replace(b"\\\\", b"")):
        raise RefusedError("a string has an escape that Python 2 does not write")
    return inside.decode("unicode_escape")


def _latin(raw: bytes) -> str:
    return raw.decode("latin1")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _raw_text(raw: bytes) -> str:
    return raw.decode("raw_unicode_escape")


_OTHER_ESCAPE = re.compile(rb"\\(?:[^'\"abfnrtvx]|$)")


def _ignore(machine: Machine, _argument: bytes) -> None:
    """``FRAME``: its length has been checked; it says nothing else."""


def _protocol(machine: Machine, argument: bytes) -> None:
    if argument[0] > NEWEST_PROTOCOL:
        raise RefusedError(f"its protocol is {argument[0]}, the newest known one is {NEWEST_PROTOCOL}")


def _memoize(machine: Machine, _argument: bytes) -> None:
    machine.memo[len(machine.memo)] = machine.top()


_HANDLERS: dict[str, Handler] = {
    "PROTO": _protocol,
    "FRAME": _ignore,
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "POP": _drop,
    "POP_MARK": lambda machine, _: machine.pop_to_mark().clear(),
    "DUP": lambda machine, _: machine.stack.append(machine.top()),
    "NONE": _push(lambda _: None),
    "NEWTRUE": _push(lambda _: True),
    "NEWFALSE": _push(lambda _: False),
    "INT": _push(_integer_line),
    "LONG": _push(_long_line),
    "BININT": _push(_signed),
    "BININT1": _push(_unsigned),
    "BININT2": _push(_unsigned),
    "LONG1": _push(_signed),
    "LONG4": _push(_signed),
    "FLOAT": _push(float),
    "BINFLOAT": _push(_double),
    "STRING": _push(_quoted),
    "BINSTRING": _push(_latin),
    "SHORT_BINSTRING": _push(_latin),
    "UNICODE": _push(_raw_text),
    "BINUNICODE": _push(_text),
    "SHORT_BINUNICODE": _push(_text),
    "BINUNICODE8": _push(_text),
    "BINBYTES": _push(bytes),
    "SHORT_BINBYTES": _push(bytes),
    "BINBYTES8": _push(bytes),
    "BYTEARRAY8": _push(bytes),
    "EMPTY_LIST": _push(lambda _: []),
    "EMPTY_DICT": _push(lambda _: {}),
    "EMPTY_SET": _push(lambda _: set()),
    "EMPTY_TUPLE": _push(lambda _: ()),
    "LIST": _from_mark(list),
    "TUPLE": _from_mark(tuple),
    "FROZENSET": _from_mark(lambda values: frozenset(plain_key(value) for value in values)),
    "DICT": _make_dict,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": _append_one,
    "APPENDS": lambda machine, _: _append(machine, machine.pop_to_mark()),
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "ADDITEMS": _add_items,
    "GET": _get(_decimal),
    "BINGET": _get(_unsigned),
    "LONG_BINGET": _get(_unsigned),
    "PUT": _put(_decimal),
    "BINPUT": _put(_unsigned),
    "LONG_BINPUT": _put(_unsigned),
    "MEMOIZE": _memoize,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _new_object,
    "BUILD": _build,
}
