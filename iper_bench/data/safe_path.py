"""Names from files of strangers, turned into paths that stay inside their root."""

from __future__ import annotations

import re
from pathlib import Path

from iper_bench.errors import UserError

LONGEST_PART = 255  # bytes of one file name on common file systems
LONGEST_NAME = 4096

_EXPECTED = "a relative name with '/' between its parts, such as 001/9/1 or 91M3UFSKn8S.mp4"
_DRIVE = re.compile(r"[A-Za-z]:")


def inside(root: Path, name: str, *, where: str) -> Path:
    """``root / name``, if that lies inside ``root``.

    Parameters
    ----------
    root: a folder; it need not exist.
    name: what a protocol, split file, archive or pickle says.
    where: the file and field that say it, for messages.

    Raises
    ------
    UserError for an absolute name, a drive letter, ``..``, ``.``, an empty part, a backslash, a control
    character, text that is no UTF-8, a part longer than 255 bytes, and for a link on the way that leads out
    of ``root``.
    """
    reason = _fault(name)
    if reason is not None:
        raise UserError(f"name {shown_name(name)} {reason}", where=where, expected=_EXPECTED)
    path = root / name
    try:
        leaves = not path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise UserError(
            f"name {shown_name(name)} cannot be followed ({error})", where=where, expected=_EXPECTED
        ) from error
    if leaves:
        raise UserError(
            f"name {shown_name(name)} leads through a link out of the folder {root}",
            where=where,
            expected="a file inside that folder",
            hint="copy the files there instead of linking to them",
        )
    return path


def shown_name(name: str) -> str:
    """A name of a stranger in quotes, short, without control characters or halves of characters."""
    plain = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    plain = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in plain[:100])
    return f"'{plain[:77]}...'" if len(plain) > 80 else f"'{plain}'"


def _fault(name: str) -> str | None:
    """What is wrong with a name, in words; ``None`` when nothing is."""
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "is not UTF-8"
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
        return "holds a control character"
    if "\\" in name:
        return "holds a backslash"
    if name.startswith("/") or _DRIVE.match(name):
        return "is absolute"
    parts = name.split("/")
    if "" in parts:
        return "has an empty part" if name else "is empty"
    if ".." in parts or "." in parts:
        return "has a part '..' or '.'"
    if size > LONGEST_NAME or any(len(part.encode("utf-8")) > LONGEST_PART for part in parts):
        return "is too long"
    return None
