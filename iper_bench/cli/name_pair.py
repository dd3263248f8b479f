"""Two names of methods with '=' between them, as in ``warp=attlwb[loss=full]``."""

from __future__ import annotations

import re

# options of a method stand in brackets and hold '=' of their own
_NAME = r"(?:[^=\[\]]|\[[^\[\]]*\])+"
_PAIR = re.compile(f"({_NAME})=({_NAME})")


def name_pair(text: str) -> tuple[str, str] | None:
    """Both names without surrounding space, ``None`` for anything but two."""
    found = _PAIR.fullmatch(text)
    if found is None:
        return None
    first, second = found[1].strip(), found[2].strip()
    return (first, second) if first and second else None
