"""Where methods fail: slices of the frames, ranked by what is lost in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from iper_bench.atomic import write_text
from iper_bench.report.frame_values import SELF, Cohort, Metric, cohorts, shown_name
from iper_bench.report.numerals import digits_for, number, span
from iper_bench.report.panel import Asset, Panel, ReportContext
from iper_bench.report.slices_bins import Cut, cuts
from iper_bench.report.slices_heat import STYLE, view_tables
from iper_bench.report.slices_losses import FEWEST_ACTORS, FEWEST_FRAMES, SliceLoss, actors_of, layout, losses
from iper_bench.report.slices_table import Cell, Part, cell, table

ANCHOR, TITLE = "slices", "Where methods fail: slices of the frames"
SHOWN = 20  # rows of the table of the worst; the file holds all
OF_ONE_SLICE = 3  # rows of one slice in that table, so that one hard view does not fill it
SETTING = "setting"
CSV_NAME = "tables/slices.csv"


@dataclass(frozen=True)
class _Found:
    """What one table stands on."""

    title: str
    losses: tuple[SliceLoss, ...]
    left_out: int
    missing: Mapping[str, int]
    actors: Mapping[str, str]
    metrics: Mapping[Metric, str]


def build(context: ReportContext) -> Panel | None:
    """Slices by view, view distance, pose distance, occlusion and setting; ``None`` where no metric that has
    a direction has values per frame. Raises UserError for damaged facts.
    """
    groups = cohorts(context)
    found = [one for one in (_of_cohort(context, cohort) for cohort in groups) if one is not None]
    found += _between_settings(context, groups)
    if not found:
        return None
    references = set(context.evidence.references)
    directions = context.evidence.higher_is_better
    html = [f'<p class="remark">{_WORDS}</p><p class="remark">{_TERMS}</p>']
    markdown = [_WORDS, _TERMS]
    for one in found:
        parts = _tables(one, references, directions)
        html += [f"<h3>{escape(one.title)}</h3>", *(part.html for part in parts), _remarks(one)]
        markdown += [f"### {one.title}", *(part.markdown for part in parts if part.markdown)]
        if one.losses and one.losses[0].kind != SETTING:
            html.append(view_tables(one.losses, one.metrics))
    assets = (
        (Asset(CSV_NAME, lambda path: _write_csv(path, found)),) if any(one.losses for one in found) else ()
    )
    if assets:
        html.append(f'<p class="remark">All slices of all methods: <a href="{CSV_NAME}">{CSV_NAME}</a>.</p>')
    return Panel(ANCHOR, TITLE, "\n".join(html), "\n\n".join(markdown), assets, style=STYLE)


_WORDS = (
    "A slice is a part of the frames that has something in common. Its loss compares, clip by clip, the "
    "mean over the frames in the slice with the mean over all frames of the same clip: above 0 the slice "
    "is worse. It is given in the metric's own unit and, so that metrics can be put beside each other, in "
    "spreads: standard deviations of the method's values over all frames. The interval (95 %) resamples "
    "actors, then their clips. Many slices are looked at, so a single one whose interval excludes 0 is a "
    f"hint where to look and no test. Slices with fewer than {FEWEST_ACTORS} actors or {FEWEST_FRAMES} "
    "frames are left out."
)
_TERMS = (
    "View: where the chest points, 0° to the camera, 90° to the left edge of the image. View distance: "
    "turn to the heading of the nearest source. Pose distance: to the nearest source, mean over the "
    "joints, bodies of one shape laid on each other and turned alike. Occlusion: share of the visible "
    "body that no source shows. Self-occlusion: share of the surface facing the camera that the body "
    "itself hides. Thirds are those of all frames."
)


def _of_cohort(context: ReportContext, cohort: Cohort) -> _Found | None:
    metrics = _with_direction(context, [cohort])
    if not metrics:
        return None
    made = cuts(context, cohort)
    place, actors = layout([cohort]), actors_of([cohort])
    found: list[SliceLoss] = []
    left_out = 0
    for metric in metrics:
        values = cohort.values(metric)
        for cut in made.cuts:
            higher = context.evidence.higher_is_better[metric[1]]
            some, few = losses(cohort.methods, values, metric, place, cut, actors, higher_is_better=higher)
            found += some
            left_out += few
    return _Found(cohort.title, tuple(found), left_out, made.missing, actors, metrics)


def _between_settings(context: ReportContext, groups: Sequence[Cohort]) -> list[_Found]:
    """Self against cross, where a metric has values per frame in both."""
    found = []
    for ours in groups:
        for theirs in groups:
            same = (ours.dataset, ours.protocol, ours.task) == (theirs.dataset, theirs.protocol, theirs.task)
            if same and ours.setting == SELF and theirs.setting != SELF:
                one = _of_pair(context, ours, theirs)
                found += [] if one is None else [one]
    return found


def _of_pair(context: ReportContext, ours: Cohort, theirs: Cohort) -> _Found | None:
    both = set(ours.metrics) & set(theirs.metrics)
    metrics = {key: name for key, name in _with_direction(context, [ours, theirs]).items() if key in both}
    methods = [method for method in ours.methods if method in theirs.methods]
    if not metrics or not methods:
        return None
    place, actors = layout([ours, theirs]), actors_of([ours, theirs])
    places = np.repeat(np.arange(2, dtype=np.int64), [ours.frames, theirs.frames])
    cut = Cut(SETTING, (ours.setting, theirs.setting), places)
    found: list[SliceLoss] = []
    left_out = 0
    for metric in metrics:
        values = np.concatenate(
            [one.values(metric)[[one.methods.index(method) for method in methods]] for one in (ours, theirs)],
            axis=1,
        )
        higher = context.evidence.higher_is_better[metric[1]]
        some, few = losses(methods, values, metric, place, cut, actors, higher_is_better=higher)
        found += some
        left_out += few
    title = f"{ours.dataset}, {ours.protocol}, {ours.setting} against {theirs.setting}"
    return _Found(title, tuple(found), left_out, {}, actors, metrics)


def _with_direction(context: ReportContext, groups: Sequence[Cohort]) -> dict[Metric, str]:
    """Metrics with a direction, in the order of reading -> id of their passport."""
    found: dict[Metric, str] = {}
    for cohort in groups:
        passports = {
            metric: row.definition for unit in cohort.units.values() for metric, row in unit.rows.items()
        }
        for metric in cohort.metrics:
            if metric[1] in context.evidence.higher_is_better:
                found.setdefault(metric, passports[metric])
    return found


def _tables(one: _Found, references: set[str], directions: Mapping[str, bool]) -> list[Part]:
    # references calibrate; they are ranked only where there is nothing else
    ranked = [loss for loss in one.losses if loss.method not in references] or list(one.losses)
    if not ranked:
        return [
            Part("<p>No slice with enough frames and actors.</p>", "No slice with enough frames and actors.")
        ]
    return [_slice_table(ranked, one, directions), _worst_table(ranked, one, directions)]


def _slice_table(ranked: Sequence[SliceLoss], one: _Found, directions: Mapping[str, bool]) -> Part:
    """One row per slice, by the mean loss over methods and metrics."""
    groups: dict[tuple[str, str], list[SliceLoss]] = {}
    for loss in ranked:
        groups.setdefault((loss.kind, loss.label), []).append(loss)
    order = sorted(groups, key=lambda key: (-float(np.mean([loss.share for loss in groups[key]])), key))
    rows = []
    for kind, label in order:
        held = groups[kind, label]
        worst = max(held, key=lambda loss: (loss.share, loss.method, loss.metric))
        losing = sum(loss.loss > 0 for loss in held)
        rows.append(
            [
                (kind, None),
                (label, None),
                cell(float(np.mean([loss.share for loss in held])), 2),
                (f"{losing} of {len(held)}", losing / len(held)),
                (f"{worst.method}, {_name(worst, one)}: {_loss_text(worst, one, directions)}", worst.share),
                *((str(count), float(count)) for count in _largest(held)),
            ]
        )
    heads = ("kind", "slice", "mean loss, spreads", "methods × metrics that lose", "worst: loss [interval]")
    return table(
        "Slices, ranked by loss", (*heads, "frames", "clips", "actors"), rows, texts=(0, 1), wrapped=(4,)
    )


def _largest(held: Sequence[SliceLoss]) -> list[int]:
    return [max(getattr(loss, name) for loss in held) for name in ("frames", "clips", "actors")]


def _worst_table(ranked: Sequence[SliceLoss], one: _Found, directions: Mapping[str, bool]) -> Part:
    """Single methods and metrics with the largest losses."""
    taken: dict[tuple[str, str], int] = {}
    rows: list[list[Cell]] = []
    passports = []
    for loss in sorted(
        ranked, key=lambda loss: (-loss.share, loss.method, loss.metric, loss.kind, loss.label)
    ):
        key = (loss.kind, loss.label)
        if loss.loss <= 0 or len(rows) == SHOWN or taken.get(key, 0) == OF_ONE_SLICE:
            continue
        taken[key] = taken.get(key, 0) + 1
        passports.append(one.metrics[loss.metric])
        digits = digits_for([abs(loss.value), abs(loss.overall)])
        rows.append(
            [
                (loss.method, None),
                (_name(loss, one), None),
                (f"{loss.kind}: {loss.label}", None),
                cell(loss.value, digits),
                cell(loss.overall, digits),
                (_loss_text(loss, one, directions), loss.loss),
                cell(loss.share, 2),
                *((str(count), float(count)) for count in (loss.frames, loss.clips, loss.actors)),
            ]
        )
    if not rows:
        return Part("<p>No method loses in any slice.</p>", "No method loses in any slice.")
    heads = ("method", "metric", "slice", "in the slice", "all frames", "loss [interval]", "spreads")
    title = f"The largest losses (at most {OF_ONE_SLICE} of one slice)"
    counts = ("frames", "clips", "actors")
    return table(title, (*heads, *counts), rows, texts=(0, 1, 2), passports=passports)


def _loss_text(loss: SliceLoss, one: _Found, directions: Mapping[str, bool]) -> str:
    found = loss.interval(one.actors, higher_is_better=directions[loss.metric[1]])
    digits = digits_for([abs(loss.value), abs(loss.overall)])
    return f"{number(loss.loss, digits)} {span(found.low, found.high, digits)}".strip()


def _name(loss: SliceLoss, one: _Found) -> str:
    return shown_name(loss.metric, len({profile for profile, _ in one.metrics}))


def _remarks(one: _Found) -> str:
    words = [f"{count} trial(s): {reason}." for reason, count in sorted(one.missing.items())]
    if one.left_out:
        words.append(f"{one.left_out} slices of a method and metric left out for too few frames or actors.")
    return "".join(f'<p class="remark">{escape(text)}</p>' for text in words)


def _write_csv(path: Path, found: Sequence[_Found]) -> None:
    buffer = io.StringIO()
    lines = csv.writer(buffer, lineterminator="\n")
    names = ("kind", "label", "method", "value", "overall", "loss", "spread", "frames", "clips", "actors")
    lines.writerow(["bench", "profile", "metric", *names])
    for one in found:
        for loss in one.losses:
            cells = [getattr(loss, name) for name in names]
            shown = [f"{cell:.6g}" if isinstance(cell, float) else cell for cell in cells]
            lines.writerow([one.title, *loss.metric, *shown])
    write_text(path, buffer.getvalue())
