"""``iper-bench gate``: does this run do worse than the committed baseline?

Baseline and run are compared number by number over the clips both have. Numbers with another definition,
backbone, dataset fingerprint or protocol are refused, not compared. What the verdicts mean and how the
thresholds were chosen: ``docs/gate.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iper_bench.errors import UserError
from iper_bench.report.baseline import HINT, baseline_of, measurement_of, read_baseline, write_baseline
from iper_bench.report.evidence import Evidence, Measurement, RunFacts
from iper_bench.report.reading import read_evidence
from iper_bench.report.statistics import paired
from iper_bench.report.verdict import CANNOT_TELL, IMPROVED, REGRESSED, Sample, Verdict, count_verdicts, judge

if TYPE_CHECKING:
    from rich.console import Console

REGRESSED_STATUS = 1  # exit status; 2 is for mistakes of the user


@dataclass(frozen=True)
class GateResult:
    """What the gate found.

    Attributes
    ----------
    run, baseline: the two sides.
    verdicts: one per number of the baseline, in its order.
    new: names of numbers of the run that the baseline does not hold.
    """

    run: Path
    baseline: Path
    verdicts: tuple[Verdict, ...]
    new: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        """1 when any number regressed, else 0. 'Cannot tell' passes, and the summary says how often it was
        said.
        """
        return REGRESSED_STATUS if any(v.verdict == REGRESSED for v in self.verdicts) else 0

    @property
    def summary(self) -> str:
        """One line."""
        counts = count_verdicts(self.verdicts)
        words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        more = f"; {len(self.new)} not in the baseline" if self.new else ""
        outcome = "FAILED" if self.exit_status else "passed"
        return f"gate {outcome}: {words} of {len(self.verdicts)} numbers{more}"


def check(run: Path, baseline: Path) -> GateResult:
    """Compare the run folder ``run`` with the baseline file ``baseline``.

    Raises
    ------
    UserError when either is missing or damaged, when the run is incomplete, when the two have no number in
    common, or when they are not comparable (naming what differs).
    """
    content = read_baseline(baseline)
    return compare(read_complete(run), content, run=run, baseline=baseline)


def make_baseline(run: Path, *, reason: str = "") -> dict[str, Any]:
    """The baseline of a finished run as plain content. Raises UserError as :func:`check`."""
    return baseline_of(read_complete(run), reason=reason)


def update(run: Path, baseline: Path, *, reason: str = "") -> int:
    """Write the baseline file from the run and return how many numbers it guards. Raises UserError as
    :func:`check`.
    """
    content = make_baseline(run, reason=reason)
    write_baseline(content, baseline)
    return len(content["entries"])


def read_complete(run: Path) -> Evidence:
    """Evidence of a run without failed units. Raises UserError otherwise: half a run must not pass a gate."""
    evidence = read_evidence([run])
    if not all(facts.ended for facts in evidence.runs):
        raise UserError(
            "this run has not ended",
            where=str(run),
            expected="a run with aggregates.json",
            hint="type the iper-bench run command again; it resumes",
        )
    failures = [failure for facts in evidence.runs for failure in facts.failures]
    if failures:
        name, reason = failures[0]
        raise UserError(
            f"{len(failures)} failed units, the first: {name}: {reason}",
            where=str(run),
            expected="a run without failures",
            hint="the same iper-bench run command with --retry-failed",
        )
    return evidence


def compare(evidence: Evidence, content: Mapping[str, Any], *, run: Path, baseline: Path) -> GateResult:
    """:func:`check` on values already read."""
    now = {m.key: m for m in evidence.measurements}
    entries = list(content["entries"])
    before = [measurement_of(entry) for entry in entries]
    _refuse_other_grounds(evidence.runs, content, before, now, run, baseline)
    samples = [_sample(entry, m, now.get(m.key)) for entry, m in zip(entries, before, strict=True)]
    held = {m.key for m in before}
    new = tuple(m.title for key, m in sorted(now.items()) if key not in held)
    return GateResult(run, baseline, tuple(judge(samples)), new)


def _refuse_other_grounds(
    runs: Sequence[RunFacts],
    content: Mapping[str, Any],
    before: Sequence[Measurement],
    now: Mapping[tuple[str | int, ...], Measurement],
    run: Path,
    baseline: Path,
) -> None:
    differing: list[str] = []
    for kind, field in (("dataset", "fingerprints"), ("protocol", "protocols")):
        ours = {name: value for facts in runs for name, value in getattr(facts, field).items()}
        for name in sorted(ours.keys() & content[field].keys()):
            if ours[name] != content[field][name]:
                differing.append(f"{kind} '{name}' is {content[field][name]} there and {ours[name]} here")
    for m in before:
        found = now.get(m.key)
        if found is None:
            continue
        label = f"{m.metric} ({m.profile})"
        if found.definition != m.definition:
            differing.append(f"definition of {label} is {m.definition} there and {found.definition} here")
        if None not in (found.backbone, m.backbone) and found.backbone != m.backbone:
            differing.append(f"backbone of {label} is {m.backbone} there and {found.backbone} here")
    differing = list(dict.fromkeys(differing))
    where = f"{run} against {baseline}"
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise UserError(f"not comparable: {', '.join(differing[:3])}{more}", where=where, hint=HINT)
    if not any(m.key in now for m in before):
        raise UserError(
            "no number in common",
            where=where,
            expected=f"for example {before[0].title} on {before[0].dataset}",
            hint=HINT,
        )


def _sample(entry: Mapping[str, Any], before: Measurement, now: Measurement | None) -> Sample:
    name = before.title
    direction, tolerance, limit = (
        bool(entry["higher_is_better"]),
        float(entry["tolerance"]),
        float(entry["limit"]),
    )
    if now is None:
        return Sample(
            name, direction, tolerance, limit, before.value, None, reason="not in this run", comparable=False
        )
    common = sorted(before.clip_values.keys() & now.clip_values.keys())
    coverage = (before.coverage, now.coverage)
    if before.clip_values and now.clip_values:
        if not common:
            return Sample(
                *(name, direction, tolerance, limit, before.value, now.value),
                reason="no clip in common",
                comparable=False,
            )
        if before.total != now.total:  # other clips or frames: their shares say nothing about each other
            coverage = (None, None)
        return Sample(
            *(name, direction, tolerance, limit, _mean(before, common), _mean(now, common)),
            paired(now.clip_values, before.clip_values),
            *coverage,
        )
    other = now.value is not None and before.value is not None and before.total != now.total
    return Sample(
        *(name, direction, tolerance, limit, before.value, now.value, None),
        *((None, None) if other else coverage),
        reason=f"other frames: {before.total} there, {now.total} here" if other else now.reason,
        comparable=not other,
    )


def _mean(m: Measurement, clips: Sequence[str]) -> float:
    return sum(m.clip_values[clip] for clip in clips) / len(clips)


_STYLES = {REGRESSED: "bold red", IMPROVED: "green", CANNOT_TELL: "yellow"}


def print_result(result: GateResult, console: Console, *, everything: bool = False) -> None:
    """Print what is not unchanged (or ``everything``) as a table, worst first, and the summary."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    order = list(count_verdicts(()))
    shown = [v for v in result.verdicts if everything or v.verdict in order[:3]]
    if shown:
        block = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for heading in ("number", "baseline", "now", "gain [95 %]", "clips", "verdict"):
            block.add_column(heading, justify="left" if heading in ("number", "verdict") else "right")
        for v in sorted(shown, key=lambda v: order.index(v.verdict)):
            style = _STYLES.get(v.verdict, "dim")
            block.add_row(*_cells(v), f"[{style}]{v.verdict}[/{style}]\n{escape(v.reason)}")
        console.print(block)
    for name in result.new[:5]:
        console.print(f"not in the baseline: {escape(name)}", highlight=False, style="dim")
    if len(result.new) > 5:
        console.print(f"not in the baseline: {len(result.new) - 5} more", highlight=False, style="dim")
    console.print(escape(result.summary), highlight=False, style="bold")


def _cells(v: Verdict) -> tuple[str, str, str, str, str]:
    gain = "" if v.gain is None else f"{v.gain:+.4f}"
    if v.interval is not None and v.interval.low is not None and v.interval.high is not None:
        gain += f"\n[{v.interval.low:+.4f}, {v.interval.high:+.4f}]"
    values = ["–" if value is None else f"{value:.4f}" for value in (v.sample.before, v.sample.now)]
    # rich takes square brackets for markup
    return (
        v.sample.name,
        values[0],
        values[1],
        gain.replace("[", "\\["),
        "set" if v.clips is None else str(v.clips),
    )


def to_markdown(result: GateResult) -> str:
    """All verdicts as a Markdown table, for a pull request's summary."""
    lines = [f"**{result.summary}**", "", "| number | baseline | now | gain [95 %] | clips | verdict |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | --- |")
    for v in result.verdicts:
        cells = [cell.replace("\\[", "[").replace("\n", " ").replace("|", "\\|") for cell in _cells(v)]
        lines.append(f"| {' | '.join(cells)} | {v.verdict}: {v.reason.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"
