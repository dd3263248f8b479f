"""A comparison as Markdown."""

from __future__ import annotations

from pathlib import Path

from iper_bench.report.compare import WORDS, Comparison
from iper_bench.report.finding import drop_text
from iper_bench.report.gate_text import by_verdict, markdown_table, markdown_text
from iper_bench.report.verdict import UNCHANGED

HEADINGS = ("number", "A", "B", "B better by [95 %]", "clips", "verdict")
LISTED = 5  # numbers of one side alone that are named before they are counted


def to_markdown(result: Comparison, *, everything: bool = True) -> str:
    """What was found, the worst first; without ``everything`` numbers that are the same are only counted."""
    shown = [f for f in by_verdict(result.findings) if everything or f.verdict.verdict != UNCHANGED]
    lines = [f"**{markdown_text(result.summary)}**", "", *_sides(result), ""]
    lines += [f"> {markdown_text(note)}\n" for note in result.notes]
    if shown:
        lines += [markdown_table(shown, HEADINGS, WORDS), ""]
    worst = [f for f in shown if f.drops]
    if worst:
        lines += ["Clips on which B is worst:", ""]
        for finding in worst:
            drops = "; ".join(drop_text(drop) for drop in finding.drops)
            lines.append(f"* {markdown_text(f'{finding.verdict.sample.name}: {drops}')}")
        lines.append("")
    lines += [*_alone("A", result.only_first), *_alone("B", result.only_second)]
    lines.append(
        "Positive is better for B, whatever the direction of the metric. Worse and better: by the sign-flip "
        "test over actors beyond the metric's tolerance, corrected for all numbers together (Holm)."
    )
    return "\n".join(lines) + "\n"


def _sides(result: Comparison) -> list[str]:
    methods: tuple[str, ...] = result.methods or ()
    names: list[Path] = [result.first, result.second]
    which = [f", method {method}" for method in methods] or ["", ""]
    return [
        f"* {letter}: {markdown_text(f'{path}{method}')}"
        for letter, path, method in zip("AB", names, which, strict=True)
    ]


def _alone(side: str, names: tuple[str, ...]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return [f"Only in {side}: {markdown_text(', '.join(names[:LISTED]))}{more}", ""]
