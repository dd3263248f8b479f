"""The number of the layout of a run folder. A folder of a newer layout is refused, never guessed at."""

from __future__ import annotations

from typing import Any

from iper_bench.errors import UserError

FORMAT = 1


def check_format(content: Any, where: str) -> None:
    """Raise UserError when ``content["format"]`` is missing, not a number or newer than :data:`FORMAT`."""
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise UserError(
            f"no valid format number (found {found!r})",
            where=where,
            expected=f"'format: {FORMAT}'",
            hint="delete this file, or --out with another folder",
        )
    if found > FORMAT:
        raise UserError(
            f"format {found} is newer than this iper-bench reads",
            where=where,
            expected=f"format {FORMAT} or older",
            hint="pip install --upgrade iper-bench",
        )
