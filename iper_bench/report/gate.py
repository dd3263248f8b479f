"""``iper-bench gate``: does this run do worse than the committed baseline?

Baseline and run are compared number by number over the clips both have. Numbers with another definition,
backbone, dataset fingerprint or protocol are refused, not compared. What the verdicts mean and how the
thresholds were chosen: ``docs/gate.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.atomic import require_place
from iper_bench.errors import UserError
from iper_bench.report.baseline import HINT, baseline_of, read_baseline, write_baseline
from iper_bench.report.compare_side import (
    Side,
    baseline_side,
    complete_evidence,
    differing_grounds,
    refuse,
    run_side,
)
from iper_bench.report.finding import Finding, Pair, find
from iper_bench.report.gate_pictures import with_pictures
from iper_bench.report.history import Change, append, changes_between, history_file, line_of, values_of
from iper_bench.report.verdict import REGRESSED, Verdict, count_verdicts, who_guards
from iper_bench.store.run_folder import RunFolder

REGRESSED_STATUS = 1  # exit status; 2 is for mistakes of the user


@dataclass(frozen=True)
class GateResult:
    """What the gate found.

    Attributes
    ----------
    run, baseline: the two sides.
    findings: one per number of the baseline, in its order.
    new: names of numbers of the run that could be guarded and that the baseline does not hold.
    notes: what a reader must know, for example that the baseline is of an older format.
    """

    run: Path
    baseline: Path
    findings: tuple[Finding, ...]
    new: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of the findings."""
        return tuple(finding.verdict for finding in self.findings)

    @property
    def exit_status(self) -> int:
        """1 when any number regressed, else 0. 'Cannot tell' passes, and the summary says how often it was
        said.
        """
        return REGRESSED_STATUS if any(v.verdict == REGRESSED for v in self.verdicts) else 0

    @property
    def summary(self) -> str:
        """One line; where only the limits guard, it says so."""
        counts = count_verdicts(self.verdicts)
        words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        more = f"; {len(self.new)} not in the baseline" if self.new else ""
        outcome = "FAILED" if self.exit_status else "passed"
        guards = who_guards([v.sample for v in self.verdicts])
        return f"gate {outcome}: {words} of {len(self.verdicts)} numbers{more}" + (
            f"; {guards}" if guards else ""
        )


@dataclass(frozen=True)
class Updated:
    """What ``gate update`` wrote: numbers guarded, what changed, where the history stands."""

    guarded: int
    changes: tuple[Change, ...]
    history: Path


def check(run: Path, baseline: Path) -> GateResult:
    """Compare the run folder ``run`` with the baseline file ``baseline``.

    Raises
    ------
    UserError when either is missing or damaged, when the run is incomplete, when the two have no number in
    common, or when they are not comparable (naming what differs).
    """
    content = read_baseline(baseline)
    return compare(run_side(run), content, baseline=baseline)


def make_baseline(run: Path, *, reason: str = "") -> dict[str, Any]:
    """The baseline of a finished run as plain content. Raises UserError as :func:`check`."""
    return baseline_of(complete_evidence(run), reason=reason)


def update(run: Path, baseline: Path, *, reason: str, date: str | None = None) -> Updated:
    """Write the baseline file from the run, and a line with the reason into its history.

    The history is written first; a command that was stopped between the two can be typed again and adds no
    second line. Raises UserError as :func:`check`, and for an empty reason.
    """
    if not reason.strip():
        raise UserError("no reason given", expected="why the numbers change", hint='--reason "why"')
    require_place(baseline)
    content = make_baseline(run, reason=reason)
    before = values_of(read_baseline(baseline)) if baseline.is_file() else {}
    values = values_of(content)
    changes = changes_between(before, values)
    history = history_file(baseline)
    environment = RunFolder.open(run).environment()
    line = line_of(values, environment, kind="baseline", reason=reason, date=date, changes=changes)
    append(history, line)
    write_baseline(content, baseline)
    return Updated(len(content["entries"]), changes, history)


def compare(now: Side, content: Mapping[str, Any], *, baseline: Path) -> GateResult:
    """:func:`check` on values already read; pictures are looked for in the folder of the run."""
    before = baseline_side(content, baseline)
    held, found = before.by_key, now.by_key
    where = f"{now.path} against {baseline}"
    common = [(m, found[m.key]) for m in before.numbers if m.key in found]
    refuse(differing_grounds(before, now, common), where=where, hint=HINT)
    if not common:
        raise UserError(
            "no number in common",
            where=where,
            expected=f"for example {before.numbers[0].title} on {before.numbers[0].dataset}",
            hint=HINT,
        )
    pairs = [
        Pair(
            m,
            found.get(m.key),
            bool(entry["higher_is_better"]),
            float(entry["tolerance"]),
            float(entry["limit"]),
            m.title,
        )
        for m, entry in zip(before.numbers, content["entries"], strict=True)
    ]
    new = tuple(
        m.title for key, m in sorted(found.items()) if key not in held and m.metric in now.higher_is_better
    )
    findings = with_pictures(find(pairs), now.path)
    return GateResult(now.path, baseline, findings, new, before.notes)
