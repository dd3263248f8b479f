"""A unit that could not be done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """A unit without rows: its id, its readable name, and the reason in one line."""

    unit: str
    name: str
    reason: str
