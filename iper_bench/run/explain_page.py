"""An explanation on the terminal and as JSON."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from iper_bench.metrics.explanation import Attribution, Difference
from iper_bench.run.explain import Explained, Explanation

if TYPE_CHECKING:
    from rich.console import Console

FEWEST, MOST = 4, 12  # decimals of a table
SHOWN = 2  # digits that the smallest change shows
NOISE = 1e-11  # of the largest value: smaller changes are the rounding of sums
MISSING = "–"


def print_explanation(explanation: Explanation, console: Console) -> None:
    """Print the notes, then each pair: its differences in words, and the steps where they were measured."""
    from rich.text import Text

    for note in explanation.notes:
        console.print(Text(note), soft_wrap=True)
    for one in explanation.pairs:
        if explanation.notes or one is not explanation.pairs[0]:
            console.print()
        _print_pair(one, console)


def _print_pair(one: Explained, console: Console) -> None:
    from rich.text import Text

    console.print(Text(heading(one), style="bold"), soft_wrap=True)
    for name, side in (("A", one.first), ("B", one.second)):
        if side.lacking and one.attribution is None:  # else the step without a value says it
            console.print(
                Text(f"weights of {name} are not known: {side.lacking}", style="dim"), soft_wrap=True
            )
    if one.attribution is None:
        _print_differences(one.differences, console)
    else:
        rest = [d for d in one.differences if d.field not in _switched(one.attribution)]
        _print_differences(rest, console)
        console.print(Text(f"measured on {one.sample}"), soft_wrap=True)
        _print_steps(one, one.attribution, console)
    for note in one.notes:
        console.print(Text(note, style="dim"), soft_wrap=True)


def heading(one: Explained) -> str:
    """Both numbers and how many differences there are, in one line."""
    names = f"A {one.first.name}, B {one.second.name}"
    count = len(one.differences)
    if not count:
        return f"{names}: one definition, no difference"
    return f"{names}: {count} difference{'' if count == 1 else 's'}"


def _switched(attribution: Attribution) -> set[str]:
    return {switch.field for step in attribution.steps for switch in step.switches}


def _print_differences(differences: Sequence[Difference], console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not differences:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("", "A", "B"):
        table.add_column(name)
    for one in differences:
        table.add_row(one.field, Text(one.first_words), Text(one.second_words))
    console.print(table)


def _print_steps(one: Explained, attribution: Attribution, console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("step")
    table.add_column("from -> to", ratio=1)
    for name in ("value", "change", "frames"):
        table.add_column(name, justify="right", no_wrap=True)
    lines = step_lines(attribution)
    for place, (name, words, *numbers) in enumerate(lines):
        ends = place in (0, len(lines) - 1)
        table.add_row(name, Text(words), *numbers, style="bold" if ends else "")
    console.print(table)


def step_lines(attribution: Attribution) -> list[tuple[str, str, str, str, str]]:
    """Lines of the table: step, words, value, change, frames; A first, the gap last.

    The values are rounded first and the changes are differences of what is shown, so that a reader who adds
    up the column finds the gap.
    """
    steps = attribution.steps
    outcomes = [attribution.start, *(step.outcome for step in steps)]
    digits = decimals([one.value for one in outcomes])
    shown = [_rounded(one.value, digits) for one in outcomes]
    frames = [f"{one.count} of {one.total}" for one in outcomes]
    lines = [("A", attribution.start.reason or "", _number(shown[0]), "", frames[0])]
    known, said = shown[0], attribution.start.reason
    for step, value, seen in zip(steps, shown[1:], frames[1:], strict=True):
        words = [f"{switch.first_words} -> {switch.second_words}" for switch in step.switches]
        if step.together:
            words.append(f"(at once: {step.together})")
        if step.outcome.reason:
            again = step.outcome.reason == said
            words.append("no value either" if again else f"no value: {step.outcome.reason}")
        said = step.outcome.reason
        change = None if value is None or known is None else value - known
        known = known if value is None else value
        name = " + ".join(switch.field for switch in step.switches)
        lines.append((name, "\n".join(words), _number(value), _number(change, sign=True), seen))
    first, last = shown[0], shown[-1]
    gap = None if first is None or last is None else last - first
    lines.append(("B - A", "" if gap is not None else _why(attribution), "", _number(gap, sign=True), ""))
    return lines


def _why(attribution: Attribution) -> str:
    sides = [name for name, one in (("A", attribution.start), ("B", attribution.end)) if one.value is None]
    return f"no gap: {' and '.join(sides)} {'have' if len(sides) > 1 else 'has'} no value"


def decimals(values: Sequence[float | None]) -> int:
    """Decimals of a table in which the smallest change still shows; rounding errors are none."""
    there = [value for value in values if value is not None]
    least = NOISE * max(map(abs, there), default=0.0)
    changes = [change for a, b in itertools.pairwise(there) if (change := abs(b - a)) > least]
    if not changes:
        return FEWEST
    return min(max(SHOWN - 1 - math.floor(math.log10(min(changes))), FEWEST), MOST)


def _rounded(value: float | None, digits: int) -> Decimal | None:
    return None if value is None else Decimal(value).quantize(Decimal(1).scaleb(-digits))


def _number(value: Decimal | None, *, sign: bool = False) -> str:
    if value is None:
        return MISSING
    value = value if value else abs(value)  # never -0.0000
    return f"{value:+f}" if sign and value else f"{value:f}"


def content(explanation: Explanation) -> dict[str, Any]:
    """For ``--json``: full floats, every step with its fields."""
    return {"format": 1, "notes": list(explanation.notes), "pairs": [_pair(one) for one in explanation.pairs]}


def _pair(one: Explained) -> dict[str, Any]:
    return {
        "first": {"name": one.first.name, "definition": dict(one.first.stored)},
        "second": {"name": one.second.name, "definition": dict(one.second.stored)},
        "differences": [asdict(difference) for difference in one.differences],
        "sample": one.sample or None,
        "notes": list(one.notes),
        "attribution": None if one.attribution is None else _steps(one.attribution),
    }


def _steps(attribution: Attribution) -> dict[str, Any]:
    return {
        "first": attribution.start.value,
        "second": attribution.end.value,
        "gap": attribution.total,
        "steps": [
            {
                "fields": [switch.field for switch in step.switches],
                "value": step.outcome.value,
                "reason": step.outcome.reason,
                "change": step.change,
                "count": step.outcome.count,
                "total": step.outcome.total,
                "together": step.together or None,
            }
            for step in attribution.steps
        ],
    }
