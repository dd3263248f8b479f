"""The one error class for everything a user can mend.

A :class:`UserError` is printed as a single line by the command line and ends the program with exit status 2.
Every other exception is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right.

    Parameters
    ----------
    what: what is wrong, in words, with the offending value.
    where: file, field, frame or option in which it was found.
    expected: what would have been right.
    hint: what to type next.
    """

    def __init__(
        self, what: str, *, where: str | None = None, expected: str | None = None, hint: str | None = None
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.hint:
            parts.append(f"try: {self.hint}")
        return " ".join("; ".join(parts).split())


def nearest(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return up to ``count`` of ``names`` that look most like ``name``, best first."""
    folded: dict[str, str] = {}
    for known in sorted(names):
        folded.setdefault(known.lower(), known)
    if name.lower() in folded:
        return [folded[name.lower()]]
    close = difflib.get_close_matches(name.lower(), sorted(folded), n=count, cutoff=0.4)
    return [folded[match] for match in close]


def unknown_name(kind: str, name: str, names: Iterable[str], *, where: str | None = None) -> UserError:
    """Build the error for a name that is not among ``names``, with the nearest ones."""
    known = sorted(set(names))
    close = nearest(name, known)
    hint = f"did you mean {' or '.join(close)}?" if close else None
    return UserError(
        f"unknown {kind} '{name}'",
        where=where,
        expected=f"one of {', '.join(known)}" if known else None,
        hint=hint,
    )
