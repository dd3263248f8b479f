"""Error maps by body part: where in the picture every method is wrong, drawn on a body and as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from iper_bench.report.frame_values import SELF, cohorts
from iper_bench.report.numerals import MISSING, number, span
from iper_bench.report.panel import Panel, ReportContext
from iper_bench.report.part_errors_body import STEPS, STYLE, drawn, nice_top, scale, spoken
from iper_bench.report.part_errors_values import CohortParts, MethodParts, cohort_parts
from iper_bench.report.slices_table import Cell, Part, table
from iper_bench.report.statistics import nested_bootstrap, paired_by_actor
from iper_bench.store.part_errors import PARTS

ANCHOR, TITLE = "part-errors", "Errors by body part"
POWER = 0.5  # of the colours of differences: one hopeless method leaves those between good ones visible
_WORDS = (
    "Mean absolute difference between prediction and truth, 0 to 255, over the pixels of the true frame "
    "that show a part of the body; self-imitation only. A hand drawn in the wrong place is an error of "
    "the hand where it should be and of the background where it is. Mean over the frames of a clip that "
    "show the part, then over clips. Bodies are seen from the front: the person's left is on the right."
)


def build(context: ReportContext) -> Panel | None:
    """One map per method, maps of differences against one of them, and tables; ``None`` where no run holds
    errors by part. Raises UserError for a damaged file.
    """
    groups = [cohort for cohort in cohorts(context) if cohort.setting == SELF]
    found = [one for one in (cohort_parts(context, cohort) for cohort in groups) if one is not None]
    if not found:
        return None
    html, markdown = [f'<p class="remark">{_WORDS}</p>'], [_WORDS]
    for place, one in enumerate(found):
        numbers = _error_table(one)
        html += [f"<h3>{escape(one.title)}</h3>", _maps(one), numbers.html]
        markdown += [f"### {one.title}", numbers.markdown]
        if len(one.methods) > 1:
            against = one.methods[_compared(context, one)]
            differences = _difference_table(one, against)
            html += [_difference_maps(one, against, f"{ANCHOR}-against-{place}"), differences.html]
            markdown.append(differences.markdown)
        html.append(_coverage(one))
    script = _SCRIPT if any(len(one.methods) > 1 for one in found) else ""
    return Panel(ANCHOR, TITLE, "\n".join(html), "\n\n".join(markdown), script=script, style=STYLE)


def _compared(context: ReportContext, one: CohortParts) -> int:
    """Place of the method with the lowest mean over the body, references left aside where there is
    another.
    """
    references = context.evidence.references
    own = [place for place, method in enumerate(one.methods) if method.method not in references]
    return own[0] if own else 0


def _maps(one: CohortParts) -> str:
    values = [value for method in one.methods for part in PARTS if (value := method.mean(part)) is not None]
    top = nice_top(values)
    figures = [
        f"<figure>{drawn({part: method.mean(part) for part in PARTS}, top, f'errors of {method.method}')}"
        f"<figcaption>{escape(method.method)}<br>body {_text(method.body)}</figcaption></figure>"
        for method in one.methods
    ]
    return f'{scale(top, both=False, words="error, 0 to 255")}<div class="bodies">{"".join(figures)}</div>'


def _difference_maps(one: CohortParts, against: MethodParts, name: str) -> str:
    """Maps of differences; a page with scripts lets one choose against whom."""
    clips = sorted({clip for method in one.methods for held in method.clips.values() for clip in held})
    parts = {method.method: {part: _by_clip(method, part, clips) for part in PARTS} for method in one.methods}
    top = nice_top(
        [value for method in one.methods for value in _minus(method, against).values() if value is not None]
    )
    figures = [
        f'<figure data-method="{escape(method.method)}">'
        f"{drawn(_minus(method, against), top, f'{method.method} minus {against.method}', power=POWER)}"
        f"<figcaption>{escape(method.method)}</figcaption></figure>"
        for method in one.methods
    ]
    options = "".join(
        f'<option value="{escape(method.method)}"{" selected" if method is against else ""}>'
        f"{escape(method.method)}</option>"
        for method in one.methods
    )
    held = escape(json.dumps(parts, sort_keys=True, allow_nan=False, separators=(",", ":")))
    legend = scale(top, both=True, words="difference (blue: less error, red: more)", power=POWER)
    return (
        f'<div class="part-differences" data-top="{top:.6g}" data-steps="{STEPS}" data-power="{POWER}" '
        f'data-values="{held}">'
        f'<p><label for="{name}">Differences against</label> <select id="{name}">{options}</select></p>'
        f'{legend}<div class="bodies">{"".join(figures)}</div></div>'
    )


def _by_clip(method: MethodParts, part: str, clips: Sequence[str]) -> list[float | None]:
    held = method.clips.get(part, {})
    return [round(held[clip], 2) if clip in held else None for clip in clips]


def _minus(ours: MethodParts, theirs: MethodParts) -> dict[str, float | None]:
    """Differences over the clips both have."""
    found: dict[str, float | None] = {}
    for part in PARTS:
        mine, other = ours.clips.get(part, {}), theirs.clips.get(part, {})
        common = sorted(mine.keys() & other.keys())
        found[part] = sum(mine[clip] - other[clip] for clip in common) / len(common) if common else None
    return found


def _error_table(one: CohortParts) -> Part:
    least = {
        part: min((value for method in one.methods if (value := method.mean(part)) is not None), default=None)
        for part in PARTS
    }
    rows: list[list[Cell]] = []
    for method in one.methods:
        cells: list[Cell] = [(method.method, None), (_text(method.body), method.body)]
        for part in PARTS:
            value = method.mean(part)
            mark = " ▼" if value is not None and value == least[part] and len(one.methods) > 1 else ""
            cells.append((_text(value) + mark, value))
        rows.append(cells)
    heads = ("method", "body", *map(spoken, PARTS))
    return table("Mean error by part (▼ lowest)", heads, rows, texts=(0,))


def _difference_table(one: CohortParts, against: MethodParts) -> Part:
    """Differences with intervals: actors are drawn, then their clips."""
    rows: list[list[Cell]] = []
    for method in one.methods:
        if method is against:
            continue
        cells: list[Cell] = [(method.method, None)]
        for part in PARTS:
            paired = paired_by_actor(method.clips.get(part, {}), against.clips.get(part, {}), one.actors)
            if not paired.groups:
                cells.append((MISSING, None))
                continue
            found = nested_bootstrap(paired)
            cells.append((f"{number(found.mean, 1)} {span(found.low, found.high, 1)}".strip(), found.mean))
        rows.append(cells)
    title = (
        f"Differences against {against.method}, 95 % intervals over actors and clips (below 0: less error)"
    )
    inner = table(title, ("method", *map(spoken, PARTS)), rows, texts=(0,))
    return Part(f"<details><summary>Differences as numbers</summary>{inner.html}</details>", inner.markdown)


def _coverage(one: CohortParts) -> str:
    lacking = [f"{method.method} {method.trials}" for method in one.methods if method.trials < one.trials]
    if not lacking:
        return ""
    words = f"Of {one.trials} trials errors by part are there for: {', '.join(lacking)}; for the others all."
    return f'<p class="remark">{escape(words)}</p>'


def _text(value: float | None) -> str:
    return MISSING if value is None else number(value, 1)


_SCRIPT = """
document.querySelectorAll(".part-differences").forEach(function (box) {
  var values = JSON.parse(box.dataset.values), top = Number(box.dataset.top), steps =
  Number(box.dataset.steps), power = Number(box.dataset.power); var chosen = box.querySelector("select");
  function tone(value) {
    if (value === null) { return "tonex"; }
    var step = Math.min(steps, Math.floor(Math.pow(Math.abs(value) / top, power) * steps + 0.5));
    return (value < 0 && step ? "less" : "tone") + step;
  }
  function difference(ours, theirs) {
    var sum = 0, count = 0;
    ours.forEach(function (value, clip) {
      if (value !== null && theirs[clip] !== null) { sum += value - theirs[clip]; count += 1; }
    });
    return count ? sum / count : null;
  }
  chosen.addEventListener("change", function () {
    var other = values[chosen.value];
    box.querySelectorAll("figure").forEach(function (figure) {
      var own = values[figure.dataset.method];
      figure.querySelector("svg").setAttribute("aria-label", figure.dataset.method + " minus " +
      chosen.value); figure.querySelectorAll("[data-part]").forEach(function (shape) {
        var part = shape.dataset.part;
        var value = difference(own[part], other[part]);
        shape.setAttribute("class", tone(value));
        var said = value === null ? "not seen" : value.toFixed(1).replace("-", "\\u2212");
        shape.querySelector("title").textContent = part.replace(/_/g, " ") + ": " + said;
      });
    });
  });
});
"""
