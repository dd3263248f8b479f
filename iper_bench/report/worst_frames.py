"""The worst frames of every method by every metric: where to look first.

Of one trial at most :data:`NEIGHBOURS` of the frames that are shown lie within :data:`NEAR` frames of each
other: neighbouring frames fail for one reason and would fill the list. Ties go by trial name and frame
number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from iper_bench.report.frame_index import FrameIndex, player_anchor
from iper_bench.report.frame_values import Cohort, Metric, Values, cohorts, shown_name
from iper_bench.report.panel import Panel, ReportContext
from iper_bench.report.thumbnails import STYLE as PICTURES
from iper_bench.report.thumbnails import Thumbnails, figure_html

ANCHOR = "worst-frames"
NEIGHBOURS, NEAR = 2, 10
SIDE, SMALL_SIDE = 128, 96  # CSS pixels of a picture
LARGE_PICTURES = 3  # so many large ones are as wide as four small ones: a card
MARKDOWN_METRICS = 6  # tables in report.md, the first by name; the page has all

SCRIPT = """
document.querySelectorAll(".worst-frames").forEach(function (part) {
  var choice = part.querySelector("select"), blocks = part.querySelectorAll("details[data-metric]");
  function show() {
    blocks.forEach(function (block) {
      block.hidden = block.dataset.metric !== choice.value;
      block.open = !block.hidden;
    });
  }
  choice.parentElement.hidden = false;
  choice.addEventListener("change", show);
  show();
});
document.querySelectorAll("a.to-player").forEach(function (link) {
  link.hidden = !document.getElementById(link.hash.slice(1));
});
"""

LINKS = """
a.to-player[hidden] { display: none; }
"""

OWN_STYLE = """
.worst-frames .cards { display: grid; gap: 0.5rem 1.4rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26.5rem), 1fr)); }
.worst-frames .card { min-width: 0; border-top: 1px solid var(--rule); padding-top: 0.3rem; }
.worst-frames .card p { margin: 0; font-size: 0.78rem; line-height: 1.4; color: var(--soft);
  overflow-wrap: anywhere; }
.worst-frames .card p b { color: var(--ink); font-weight: 650; }
.worst-frames select { font: inherit; max-width: 100%; }
"""


@dataclass(frozen=True)
class WorstFrame:
    """One of the worst frames. ``deviations``: how far ``value`` lies from the method's mean over its frames,
    in their standard deviations; ``None`` when all are equal or the value is infinite.
    """

    trial: str
    number: int
    value: float
    mean: float
    deviations: float | None


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` when no metric with a direction has values per frame."""
    thumbnails = Thumbnails(FrameIndex(context.runs))
    parts, words = [], []
    for cohort in cohorts(context):
        metrics = _directed(cohort, context.evidence.higher_is_better)
        found = {
            metric: worst_of(
                cohort, metric, context.evidence.higher_is_better[metric[1]], context.options.worst
            )
            for metric in metrics
        }
        if any(frames for by_method in found.values() for frames in by_method.values()):
            parts.append(_part(cohort, found, thumbnails, context.evidence.higher_is_better))
            words.append(_markdown(cohort, found))
    if not parts:
        return None
    intro = (
        f'<p class="remark">The {context.options.worst} worst frames of every method by every metric with '
        "values per frame and a direction, over all trials; of one trial at most "
        f"{NEIGHBOURS} within {NEAR} frames of each other. Shown for the most sources, and of every method "
        "for the T and seed with the most trials. In brackets: distance from the method's own mean over "
        "frames, in its standard deviations. Driver and truth come from films, with loss, where the run "
        "keeps the frame in no other form; no number is measured on those.</p>"
    )
    return Panel(
        ANCHOR,
        "Worst frames",
        intro + "".join(parts),
        "\n\n".join(words),
        thumbnails.assets(),
        SCRIPT,
        PICTURES + LINKS + OWN_STYLE,
    )


def worst_of(
    cohort: Cohort, metric: Metric, higher_is_better: bool, count: int
) -> dict[str, list[WorstFrame]]:
    """Method -> its ``count`` worst frames by ``metric``, worst first; methods without values are absent."""
    values = cohort.values(metric)
    found = {}
    for method, own in zip(cohort.methods, values, strict=True):
        columns = spread_out(own if higher_is_better else -own, cohort, count)
        finite = own[np.isfinite(own)]
        mean = float(finite.mean()) if finite.size else float("nan")
        spread = float(finite.std()) if finite.size else 0.0
        if columns:
            found[method] = [_frame(cohort, column, float(own[column]), mean, spread) for column in columns]
    return found


def _frame(cohort: Cohort, column: int, value: float, mean: float, spread: float) -> WorstFrame:
    trial, number = cohort.place(column)
    usable = spread > 0 and np.isfinite(value)
    return WorstFrame(trial, number, value, mean, (value - mean) / spread if usable else None)


def spread_out(goodness: Values, cohort: Cohort, count: int) -> list[int]:
    """The ``count`` columns with the lowest goodness, lowest first, by the rule of neighbours of this module;
    fewer when there are no more. (frames,) float64, NaN = no value.
    """
    order = np.argsort(goodness, kind="stable")  # NaN comes last
    taken: list[int] = []
    numbers: dict[str, list[int]] = {}
    for column in order[: int(np.count_nonzero(~np.isnan(goodness)))]:
        if len(taken) >= count:
            break
        trial, number = cohort.place(int(column))
        held = numbers.setdefault(trial, [])
        if sum(abs(number - other) <= NEAR for other in held) < NEIGHBOURS:
            held.append(number)
            taken.append(int(column))
    return taken


def _directed(cohort: Cohort, directions: Mapping[str, bool]) -> list[Metric]:
    return [metric for metric in cohort.metrics if metric[1] in directions]


Found = Mapping[Metric, Mapping[str, Sequence[WorstFrame]]]


def _part(cohort: Cohort, found: Found, thumbnails: Thumbnails, directions: Mapping[str, bool]) -> str:
    shown = {metric: by_method for metric, by_method in found.items() if by_method}
    profiles = len({profile for profile, _ in shown})
    options, blocks = [], []
    for number, (metric, by_method) in enumerate(shown.items()):
        arrow = "↑" if directions[metric[1]] else "↓"
        name = f"{escape(shown_name(metric, profiles))} {arrow}"
        options.append(f'<option value="{number}">{name}</option>')
        cards = "".join(
            _of_method(cohort, metric, method, frames, thumbnails) for method, frames in by_method.items()
        )
        opened = " open" if number == 0 else ""
        blocks.append(f'<details data-metric="{number}"{opened}><summary>{name}</summary>{cards}</details>')
    return (
        f'<div class="worst-frames"><h3>{escape(cohort.title)}</h3>'
        f"<label hidden>Metric <select>{''.join(options)}</select></label>{''.join(blocks)}</div>"
    )


def _of_method(
    cohort: Cohort, metric: Metric, method: str, frames: Sequence[WorstFrame], thumbnails: Thumbnails
) -> str:
    cards = "".join(_card(cohort, metric, method, frame, thumbnails) for frame in frames)
    return f'<h4>{escape(method)}, mean {number_text(frames[0].mean)}</h4><div class="cards">{cards}</div>'


def _card(cohort: Cohort, metric: Metric, method: str, frame: WorstFrame, thumbnails: Thumbnails) -> str:
    unit = cohort.units[method, frame.trial]
    words = f"{frame.trial}, frame {frame.number}"
    beside = thumbnails.index.beside(unit.run, frame.trial, cohort.sn, frame.number)
    result = thumbnails.index.prediction(unit.run, unit.unit, frame.number)
    shown = [*beside.items(), (method, result)]
    side = SIDE if len(shown) <= LARGE_PICTURES else SMALL_SIDE
    pictures = "".join(
        figure_html(thumbnails.html(picture, f"{name} of {words}", side), name) for name, picture in shown
    )
    away = "" if frame.deviations is None else f" ({minus(f'{frame.deviations:+.1f}')} sd)"
    return (
        f'<div class="card"><div class="shots">{pictures}</div>'
        f'<p><b data-passport="{escape(unit.rows[metric].definition)}">{number_text(frame.value)}</b>{away} '
        f"{escape(words)} {player_link(cohort, frame.trial)}</p></div>"
    )


def player_link(cohort: Cohort, trial: str) -> str:
    """A link to the trial's player; hidden until the page's script finds that there is one."""
    anchor = player_anchor(cohort.dataset, cohort.protocol, cohort.task, trial)
    return f'<a class="to-player" href="#{anchor}" hidden>play</a>'


def number_text(value: float) -> str:
    """Four significant digits, zeros as well (``26.00``), and a true minus."""
    return minus(f"{value:#.4g}".rstrip(".")).replace("inf", "∞")


def minus(text: str) -> str:
    """The same number with a true minus."""
    return text.replace("-", "\N{MINUS SIGN}")


def _markdown(cohort: Cohort, found: Found) -> str:
    lines = [f"**{_cell(cohort.title)}**, the worst frame of each method"]
    shown = [(metric, by_method) for metric, by_method in found.items() if by_method]
    profiles = len({profile for (profile, _), _ in shown})
    lines += ["", "| metric | method | value | mean | trial | frame |", "|---|---|---:|---:|---|---:|"]
    for metric, by_method in shown[:MARKDOWN_METRICS]:
        for method, (worst, *_) in by_method.items():
            cells = [shown_name(metric, profiles), method, number_text(worst.value), number_text(worst.mean)]
            cells += [worst.trial, str(worst.number)]
            lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    if len(shown) > MARKDOWN_METRICS:
        lines += ["", f"{len(shown) - MARKDOWN_METRICS} more metrics stand on the page."]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return escape(text, quote=False).replace("|", "\\|").replace("\n", " ")
