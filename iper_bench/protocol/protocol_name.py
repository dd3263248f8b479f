"""Names of protocols: one part of a path, because runs lie in folders that are called after them."""

from __future__ import annotations

import re
from typing import Any

from iper_bench.errors import UserError

LONGEST_NAME = 200  # bytes; the hash of the plan follows it in the name of a folder
#: the same for tools that read JSON Schema; what cannot be printed is refused by :func:`protocol_name` only
PATTERN = r"^(?!\.{1,2}$)[^/\\\x00-\x1f]*[^/\\\s\x00-\x1f][^/\\\x00-\x1f]*$"
#: a name that another protocol can take as its ``base``: no folder, no ending
BASE_PATTERN = r"^[\w-]+$"


def base_name(value: str, where: str) -> str:
    """``value`` when it can stand at ``base``: letters, digits, ``-`` and ``_``. Raises UserError if not."""
    if not re.fullmatch(BASE_PATTERN[1:-1], value):
        raise UserError(
            f"found {value!r}"[:160], where=where, expected="the name of a protocol: letters, digits, - and _"
        )
    return value


def protocol_name(value: Any, where: str) -> str:
    """``value`` when it can name a protocol, such as ``iper-imitation``.

    Raises UserError for anything but text, blanks alone, ``.``, ``..``, slashes, backslashes, characters that
    cannot be printed, more than 200 bytes.
    """
    wrong = (
        not isinstance(value, str)
        or not value.strip()
        or value in (".", "..")
        or "/" in value
        or "\\" in value
        or not value.isprintable()
        or len(value.encode()) > LONGEST_NAME
    )
    if wrong:
        raise UserError(
            f"found {value!r}"[:160], where=where, expected="the name of a protocol, such as iper-imitation"
        )
    return str(value)
