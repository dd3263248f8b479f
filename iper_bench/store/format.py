"""The number of the layout of a run folder. A folder of another layout is refused, never guessed at: an older
one can be brought up to date (``upgrade.py``), a newer one asks for a newer package.

======  ================================================================================================
format  what changed
======  ================================================================================================
1       the first
2       ``plan.yaml`` and ``env.json`` list ``seeds`` where they held one ``seed``; ids of units are as before
======  ================================================================================================
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from iper_bench.errors import UserError

FORMAT = 2
#: of the files that ``iper-bench score --out`` writes, which are no run folder and have not changed
RESULT_FORMAT = 1
_INNER = ("units", "failures", "facts", "parts", "timings")  # folders of a run folder that hold JSON


def check_format(content: Any, where: str) -> None:
    """Raise UserError when ``content["format"]`` is missing, no number, or another than :data:`FORMAT`.

    ``where``: path of the file, in a run folder.
    """
    found = _checked(content, where, FORMAT)
    if found < FORMAT:
        raise UserError(
            f"format {found} is of an earlier iper-bench",
            where=where,
            expected=f"format {FORMAT}",
            hint=f"iper-bench upgrade {_run_of(where)}",
        )


def check_result_format(content: Any, where: str) -> None:
    """The same for a file that ``iper-bench score --out`` wrote: newer than :data:`RESULT_FORMAT`."""
    _checked(content, where, RESULT_FORMAT)


def held_format(content: Any, where: str) -> int:
    """The format number of a file that may be older. Raises UserError when it is none, or newer."""
    return _checked(content, where, FORMAT)


def _checked(content: Any, where: str, newest: int) -> int:
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise UserError(
            f"no valid format number (found {str(found)[:40]!r})",
            where=where,
            expected=f"'format: {newest}'",
            hint="delete this file, or --out with another folder",
        )
    if found > newest:
        raise UserError(
            f"format {found} is newer than this iper-bench reads",
            where=where,
            expected=f"format {newest} or older",
            hint="pip install --upgrade iper-bench",
        )
    return found


def _run_of(where: str) -> str:
    """The run folder of a file in it, as it would be typed."""
    folder = PurePath(where).parent
    if folder.name in _INNER:
        if len(folder.parts) == 1:  # named from within the run folder
            return "RUN"
        folder = folder.parent
    return str(folder)
