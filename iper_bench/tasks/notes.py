"""Notes: what a task decided without being told, one line each on standard error and in the record."""

from __future__ import annotations

import sys


class Notes:
    """Says a line once and keeps it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        """Print and keep ``line``, unless it was said before."""
        if line not in self.lines:
            self.lines.append(line)
            sys.stderr.write(f"iper-bench: note: {line}\n")
