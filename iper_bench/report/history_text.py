"""A history in words: every line with its reason and what changed, and the steps of every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from iper_bench.atomic import write_bytes, write_text
from iper_bench.report.gate_text import markdown_text
from iper_bench.report.history import Change, read_history
from iper_bench.report.trend import Trend, trends_of
from iper_bench.report.trend_plot import draw_trends

SHOWN = 5  # changes per line of the history that are listed; the file holds all


def change_lines(changes: Sequence[Change], *, most: int) -> list[str]:
    """``"name: 22.000000 -> 21.500000"`` for the first ``most`` changes, and how many more there are; numbers
    of which only the definition changed come last.
    """
    ordered = sorted(changes, key=lambda change: change.before == change.now)
    lines = [f"{change.name}: {_words(change)}" for change in ordered[:most]]
    return [*lines, f"{len(changes) - most} more changed"] if len(changes) > most else lines


def _words(change: Change) -> str:
    before, now = ("none" if v is None else f"{v:.6f}" for v in (change.before, change.now))
    return f"{before} by another definition" if change.before == change.now else f"{before} -> {now}"


def label_of(line: Mapping[str, Any], place: int) -> str:
    """What a line of a history is called in short: its number with its date, else its commit, else its
    version.
    """
    known = line.get("date") or str(line.get("commit", ""))[:7] or line.get("version") or line["kind"]
    return f"{place + 1}: {known}"


def to_markdown(name: str, lines: Sequence[Mapping[str, Any]], trends: Sequence[Trend]) -> str:
    """The whole history, newest first."""
    text = [f"# History of {markdown_text(name)}", ""]
    steps = [(step, trend) for trend in trends for step in trend.steps]
    counts = ((len(lines), "line"), (len(trends), "number"), (len(steps), "step"))
    text += [", ".join(f"{count} {noun}{'s' * (count != 1)}" for count, noun in counts) + ".", ""]
    for step, trend in sorted(steps, key=lambda one: (-one[0].place, one[1].name)):
        where = label_of(lines[step.place], step.place)
        words = f"{trend.name}: level {step.before:.4f} -> {step.now:.4f} at {where}"
        text.append(f"* step: {markdown_text(words)}")
    text += [""] if steps else []
    for place, line in reversed(list(enumerate(lines))):
        text += _entry(line, place)
    return "\n".join(text).rstrip("\n") + "\n"


def _entry(line: Mapping[str, Any], place: int) -> list[str]:
    facts = [f"{key} {line[key]}" for key in ("version", "commit") if key in line]
    facts += ["tracked files changed"] if line.get("changed") else []
    changes = [Change(name, *pair) for name, pair in sorted(line.get("changes", {}).items())]
    return [
        f"## {markdown_text(label_of(line, place))} ({line['kind']})",
        "",
        markdown_text(line["reason"]),
        "",
        *([markdown_text(", ".join(facts)), ""] if facts else []),
        f"{len(line['values'])} numbers, {len(changes)} changed.",
        "",
        *(f"* {markdown_text(text)}" for text in change_lines(changes, most=SHOWN)),
        *([""] if changes else []),
    ]


def write_history(path: Path, out: Path | None) -> str:
    """The history of the file ``path`` as Markdown; with ``out`` also ``history.md``, ``trend.svg`` and
    ``trend.png`` in that folder.

    Raises UserError when the history is damaged or the disk refuses.
    """
    lines = read_history(path)
    trends = trends_of(lines)
    text = to_markdown(path.stem, lines, trends)
    if out is None:
        return text
    picture = draw_trends(trends, [label_of(line, place) for place, line in enumerate(lines)])
    write_bytes(out / "trend.svg", picture.svg)
    write_bytes(out / "trend.png", picture.png)
    write_text(out / "history.md", f"{text}\n![trend](trend.svg)\n")
    return text
