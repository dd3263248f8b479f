"""``Problem``: one thing about a protocol that is wrong, or that whoever reads its numbers should know."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from iper_bench.data.frame_name import printable

ERROR, NOTE = "error", "note"
SEVERITIES = (ERROR, NOTE)


@dataclass(frozen=True)
class Problem:
    """One finding.

    Attributes
    ----------
    kind: for programs, for example ``"repeated_source"``; protocols/README.md lists all.
    video: whose, empty for the protocol as a whole.
    field: of the entry, for example ``"sources.4"``; may be empty.
    text: what is wrong, in words.
    severity: ``"error"`` where trials cannot be built or mean something else than they say, ``"note"``
        where they can.
    """

    kind: str
    video: str
    field: str
    text: str
    severity: str = ERROR

    def content(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {**asdict(self), "video": printable(self.video)}

    def __str__(self) -> str:
        """``"error  001/9/2  sources.4: frame 0 stands twice"``."""
        place = "  ".join(part for part in (printable(self.video), self.field) if part)
        return f"{self.severity:5}  {place}: {self.text}" if place else f"{self.severity:5}  {self.text}"


def errors_in(problems: list[Problem]) -> int:
    """How many are errors."""
    return sum(problem.severity == ERROR for problem in problems)
