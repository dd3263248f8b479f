"""The detection audit: on how many frames every score of faces and bodies stands, for all conditions at once,
the weakest first.

The counts are those that stand below the tables; here they can be sorted, and what is weak is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from iper_bench.report.detections import DETECTIONS_NOTE, SIDES
from iper_bench.report.evidence import Bench, Evidence, Measurement
from iper_bench.report.numerals import MISSING, percent
from iper_bench.report.panel import Panel, ReportContext

ANCHOR = "detections"
TITLE = "Detection audit"
WEAK = 0.9  # share of frames below which a score describes a selection of them
LOST = 0.1  # share of frames in which the truth shows a face or body and the prediction none
HEADS = (
    "method",
    "conditions",
    "metrics",
    "in truth / real",
    "in prediction",
    "in both",
    "of frames",
    "found",
)


@dataclass(frozen=True)
class Audited:
    """Counts that several metrics of one method share.

    Attributes
    ----------
    method, conditions: of whom and where (setting, sn, T, dataset, profile), for people.
    metrics: names. definition: passport of the first of them.
    counts: frames with a detection in ``reference``, ``prediction`` and ``both``, of ``frames``.
    share: predicted frames with a detection, 0 to 1, ``None`` where there are no frames.
    paired: whether 'in both' means the same moment (self-imitation).
    """

    method: str
    conditions: str
    metrics: tuple[str, ...]
    definition: str
    counts: dict[str, int]
    share: float | None
    paired: bool

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before he believes the score."""
        frames = self.counts.get("frames", 0)
        who = f"{self.method}, {self.conditions}: {', '.join(self.metrics)}"
        found = []
        if self.share is not None and self.share < WEAK:
            found.append(
                f"{who}: found in {percent(self.share)} of the predicted frames; a score over the detected "
                "frames describes those alone."
            )
        lost = self.counts.get("reference", 0) - self.counts.get("both", 0)
        if self.paired and frames and lost / frames > LOST:
            found.append(f"{who}: lost in {lost} of {frames} frames in which the truth shows it.")
        return found


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` where no metric looks for faces or bodies."""
    listed = audit(context.evidence)
    if not listed:
        return None
    warnings = [line for one in listed for line in one.warnings]
    verdict = warnings or [
        f"Every method shows a detectable face or body in at least {percent(WEAK)} of its frames."
    ]
    rows = "\n".join(_row(one) for one in listed)
    kinds = ("text", "text", "text", *["number"] * 5)
    heads = "".join(
        f'<th scope="col" data-sort="{kind}">{head}</th>' for head, kind in zip(HEADS, kinds, strict=True)
    )
    html = (
        f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in verdict)}</ul>\n"
        '<div class="scroll" tabindex="0"><table class="facts" data-sortable>\n'
        f"<thead><tr>{heads}</tr></thead>\n"
        f'<tbody>\n{rows}\n</tbody></table></div>\n<p class="remark">{escape(DETECTIONS_NOTE)}</p>'
    )
    return Panel(ANCHOR, TITLE, html, "\n".join(f"* {line}" for line in (*verdict, DETECTIONS_NOTE)))


def audit(evidence: Evidence) -> list[Audited]:
    """All counts, the smallest share of predicted frames first; metrics with the same counts share one."""
    groups: dict[tuple[object, ...], list[Measurement]] = {}
    for m in evidence.measurements:
        if m.detections is not None:
            place = (m.bench, m.setting, m.sn, m.steps, m.method)
            groups.setdefault((*place, tuple(sorted(m.detections.items()))), []).append(m)
    several = len({m.bench for m in evidence.measurements}) > 1
    found = [_audited(ones, several) for ones in groups.values()]
    return sorted(
        found, key=lambda one: (one.share if one.share is not None else 2.0, one.method, one.conditions)
    )


def _audited(ones: Iterable[Measurement], several: bool) -> Audited:
    listed = list(ones)
    first = listed[0]
    counts = dict(first.detections or {})
    frames = counts.get("frames", 0)
    seen = counts.get("prediction")
    return Audited(
        method=first.method,
        conditions=f"{first.setting}, sn = {first.sn}, T = {first.steps}"
        + (_where(first.bench) if several else ""),
        metrics=tuple(m.metric for m in listed),
        definition=first.definition,
        counts=counts,
        share=seen / frames if frames and seen is not None else None,
        paired=first.setting == "self",
    )


def _where(bench: Bench) -> str:
    return f", {bench}"


def _row(one: Audited) -> str:
    counts = [one.counts.get(side) for side in (*SIDES, "frames")]
    cells = "".join(
        f'<td data-value="{"" if count is None else count}">{MISSING if count is None else count}</td>'
        for count in counts
    )
    share = MISSING if one.share is None else percent(one.share)
    value = "" if one.share is None else f"{one.share:.6f}"
    return (
        f'<tr><th scope="row">{escape(one.method)}</th><td>{escape(one.conditions)}</td>'
        f'<td class="wide">{escape(", ".join(one.metrics))}</td>{cells}'
        f'<td data-value="{value}" data-passport="{escape(one.definition)}">{share}</td></tr>'
    )
