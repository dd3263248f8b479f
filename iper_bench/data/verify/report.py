"""``Report``: what a verification counted and found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from iper_bench.data.frame_name import printable
from iper_bench.data.verify.finding import KINDS, Finding

FORMAT = 1
SHOWN = 20  # findings of a kind on the terminal; the JSON holds all


@dataclass(frozen=True)
class Count:
    """How many there are of something, and how many there should be (``None``: nobody says)."""

    what: str
    found: int
    expected: int | None = None

    @property
    def verdict(self) -> str:
        """``"all"``, ``"3 missing"``, ``"2 too many"``, or nothing."""
        if self.expected is None:
            return ""
        lacking = self.expected - self.found
        return "all" if not lacking else f"{lacking} missing" if lacking > 0 else f"{-lacking} too many"


@dataclass
class Report:
    """Result of ``data verify``.

    Attributes
    ----------
    dataset: registry name. root: folder that was looked at, ``None`` for a data set that is rendered.
    layout: how the files lie, in words. deep: whether every picture was decoded.
    """

    dataset: str
    root: str | None
    layout: str = ""
    deep: bool = False
    counts: list[Count] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """0 when nothing was found, else 1."""
        return 1 if self.findings else 0

    def of_kind(self) -> dict[str, list[Finding]]:
        """Findings by kind, in the order of :data:`KINDS`, kinds without any left out."""
        kinds: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
        for finding in self.findings:
            kinds[finding.kind].append(finding)
        return {kind: found for kind, found in kinds.items() if found}

    def content(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "format": FORMAT,
            "dataset": self.dataset,
            "root": None if self.root is None else printable(self.root),
            "layout": self.layout,
            "deep": self.deep,
            "counts": [
                {"what": count.what, "found": count.found, "expected": count.expected}
                for count in self.counts
            ],
            "findings": [finding.content() for found in self.of_kind().values() for finding in found],
            "notes": [printable(note) for note in self.notes],
        }

    def lines(self) -> list[str]:
        """What the terminal shows, at most :data:`SHOWN` findings of a kind."""
        place = "" if self.root is None else f" in {printable(self.root)}"
        how = "every picture decoded" if self.deep else "names, sizes and headers; --deep decodes everything"
        lines = [f"{self.dataset}{place}{f', {self.layout}' if self.layout else ''} ({how})", ""]
        lines += _table(self.counts)
        for kind, found in self.of_kind().items():
            lines += ["", f"{KINDS[kind]}: {len(found)}"]
            lines += [f"  {finding}" for finding in found[:SHOWN]]
            if len(found) > SHOWN:
                lines.append(f"  and {len(found) - SHOWN} more (--json FILE holds all)")
        if self.notes:
            lines += ["", *(printable(note) for note in self.notes)]
        total = len(self.findings)
        return [*lines, "", f"{total} finding{'' if total == 1 else 's'}" if total else "nothing is wrong"]


def _table(counts: Sequence[Count]) -> list[str]:
    rows = [("", "found", "expected", "")] + [
        (count.what, str(count.found), "" if count.expected is None else str(count.expected), count.verdict)
        for count in counts
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"{what.ljust(widths[0])}  {found.rjust(widths[1])}  {wanted.rjust(widths[2])}  {said}".rstrip()
        for what, found, wanted, said in rows
    ]
