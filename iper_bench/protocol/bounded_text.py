"""``bounded_text``: the text of an untrusted file, never more than a protocol can need."""

from __future__ import annotations

from pathlib import Path

from iper_bench.errors import UserError

LARGEST_FILE = 4 << 20  # bytes; the largest official protocol is under 100 kB, and a MB of YAML takes seconds
LARGEST_NUMBER = 10**12


def bounded_text(path: Path) -> str:
    """The UTF-8 text of ``path``. What is read is counted: a device states no size.

    Raises
    ------
    UserError for more than 4 MB; OSError for a file that cannot be read; ValueError for another encoding.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise UserError("is too large", where=str(path), expected=f"at most {LARGEST_FILE} bytes")
    return content.decode("utf-8")
