"""The instructions of a pickle, one by one, each with its argument as raw bytes; nothing is executed.

Lengths that a file announces are compared with what is left of it before anything is taken, so that a short
file cannot ask for much memory. Instruction names and argument sizes are those of the standard library's
``pickletools.opcodes`` (protocols 0 to 5).
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator

LONGEST_SHOWN = 80

#: argument sizes of ``pickletools``: so many bytes, or one of these marks
_LINE = pickletools.UP_TO_NEWLINE
_COUNTED = {
    pickletools.TAKEN_FROM_ARGUMENT1: (1, False),
    pickletools.TAKEN_FROM_ARGUMENT4: (4, True),
    pickletools.TAKEN_FROM_ARGUMENT4U: (4, False),
    pickletools.TAKEN_FROM_ARGUMENT8U: (8, False),
}
_LAYOUT: dict[int, tuple[str, int]] = {
    ord(one.code): (one.name, 0 if one.arg is None else one.arg.n) for one in pickletools.opcodes
}
_TWO_LINES = {"GLOBAL", "INST"}


class RefusedError(Exception):
    """Why a pickle is not read, in words; becomes a UserError that also names the file."""


def shown(text: str) -> str:
    """Text of a stranger for one line of a message: printable ASCII, at most LONGEST_SHOWN characters."""
    plain = text.encode("unicode_escape").decode("ascii")
    return plain if len(plain) <= LONGEST_SHOWN else plain[: LONGEST_SHOWN - 3] + "..."


def instructions(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and raw argument of every instruction up to and with ``STOP``.

    The argument is without its length or closing newline; the two lines of ``GLOBAL`` come joined by a
    newline. ``FRAME`` announces the bytes that follow and is checked against them.

    Raises
    ------
    RefusedError for an unknown instruction, a length beyond the end of the file, or an end without ``STOP``.
    """
    at, end = 0, len(content)
    while at < end:
        start, code = at, content[at]
        layout = _LAYOUT.get(code)
        if layout is None:
            raise RefusedError(f"byte {start} is {code:#04x}, which is no instruction")
        name, size = layout
        at += 1
        if size == _LINE:
            stop = _line_end(content, at, name)
            if name in _TWO_LINES:
                stop = _line_end(content, stop + 1, name)
            argument, at = content[at:stop], stop + 1
        else:
            if size in _COUNTED:
                width, signed = _COUNTED[size]
                head = _within(at, width, end, name)
                size = int.from_bytes(content[at:head], "little", signed=signed)
                at = head
            stop = _within(at, size, end, name)
            argument, at = content[at:stop], stop
        if name == "FRAME":
            _within(at, int.from_bytes(argument, "little"), end, name)
        yield name, argument
        if name == "STOP":
            return
    raise RefusedError(f"it ends after {end} bytes without the instruction STOP")


def _within(at: int, size: int, end: int, name: str) -> int:
    """The end of ``size`` bytes from ``at``, if the file has them."""
    if not 0 <= size <= end - at:
        raise RefusedError(f"{name} at byte {at} announces {size} bytes, {end - at} are left")
    return at + size


def _line_end(content: bytes, at: int, name: str) -> int:
    stop = content.find(b"\n", at)
    if stop < 0:
        raise RefusedError(f"the line of {name} at byte {at} has no end")
    return stop
