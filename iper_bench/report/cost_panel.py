"""Cost beside quality: what personalisation and a frame take by method, and what no other method beats in
both.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from iper_bench.atomic import write_bytes
from iper_bench.report.evidence import Bench, Evidence
from iper_bench.report.panel import Asset, Panel, ReportContext
from iper_bench.report.pareto import Place, draw, front
from iper_bench.store.planned import PlannedUnit, planned_units
from iper_bench.store.run_folder import RunFolder

ANCHOR = "cost"
QUALITY = (("self", "PSNR"), ("self", "LPIPS"))  # what a front is drawn for, where it was measured
HEADS = (
    "method",
    "protocol",
    "sn",
    "T",
    "personalization s",
    "s per frame",
    "peak MiB",
    "parameters",
    "units",
)
TEXTS = 2  # of those the first hold text
NOTE = (
    "Medians over the units of each method, as the run's machine took them while it worked, without warm-up: "
    "they tell cheap from dear. iper-bench time measures with care. Personalization is the time along one "
    "subject up to T; a frame is drawn and, where predictions are kept, written. A dash: not on record; "
    "where no predictions are kept a frame is measured as it is drawn, and its time is not known apart."
)

MARKS = "Grey: another one is as good and as cheap, and better in one. References (triangles) do not compete."


@dataclass
class Cost:
    """What the units of one method took under one condition."""

    personalise: list[float] = field(default_factory=list)
    frame: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    parameters: int | None = None

    def cells(self) -> list[tuple[str, float | None]]:
        """Text and number of each column behind the condition."""
        values = (_median(self.personalise), _median(self.frame), max(self.peak, default=None))
        shown: list[tuple[str, float | None]] = [
            ("–" if value is None else _short(value), value) for value in values
        ]
        counted = self.parameters
        shown.append(("–" if counted is None else f"{counted:,}", counted))
        return [*shown, (str(len(self.frame)), float(len(self.frame)))]


@dataclass(frozen=True, order=True)
class Condition:
    """What a cost is a cost of: more sources and larger frames take longer, so they are kept apart."""

    protocol: str
    task: str
    method: str
    sn: int
    steps: int

    def cells(self) -> tuple[str, ...]:
        """One text per head up to T."""
        return (self.method, self.protocol, str(self.sn), str(self.steps))


Costs = Mapping[Condition, Cost]


def build(context: ReportContext) -> Panel | None:
    """``None`` where no run recorded what its units took."""
    costs = read_costs(context.runs)
    if not costs:
        return None
    pictures = list(_pictures(context.evidence, costs))
    return Panel(
        anchor=ANCHOR,
        title="Cost and quality",
        html=_html(costs, pictures),
        markdown=_markdown(costs, pictures),
        assets=tuple(asset for picture in pictures for asset in picture.assets),
    )


def read_costs(runs: Sequence[Path]) -> dict[Condition, Cost]:
    """Costs by condition over all units of the runs with a timing on record."""
    found: dict[Condition, Cost] = {}
    for path in runs:
        folder = RunFolder.open(path)
        along: dict[tuple[object, ...], float] = {}
        units = sorted(
            planned_units(folder.plan), key=lambda unit: (unit.method, unit.trial, unit.sn, unit.steps)
        )
        for unit in units:
            timing = folder.timing(unit.id)
            if timing:
                condition = Condition(unit.protocol, unit.task, unit.method, unit.sn, unit.steps)
                _add(found.setdefault(condition, Cost()), unit, timing, along)
    return dict(sorted(found.items()))


def _add(
    cost: Cost, unit: PlannedUnit, timing: Mapping[str, float], along: dict[tuple[object, ...], float]
) -> None:
    subject = (unit.method, unit.trial, unit.sn, unit.seed)
    # a unit records the time since the T before it on the same subject
    along[subject] = along.get(subject, 0.0) + timing.get("personalise", 0.0)
    cost.personalise.append(along[subject])
    if "render" in timing:
        cost.frame.append(timing["render"] / max(unit.frames, 1))
    if "peak_mib" in timing:
        cost.peak.append(timing["peak_mib"])
    if "parameters" in timing:
        cost.parameters = int(timing["parameters"])


@dataclass(frozen=True)
class _Picture:
    """One front: where it stands, its words, and its files."""

    name: str
    title: str
    words: str
    assets: tuple[Asset, ...]


def _pictures(evidence: Evidence, costs: Costs) -> list[_Picture]:
    found = []
    for number, bench in enumerate(evidence.benches(), start=1):
        for setting, metric in QUALITY:
            places = places_of(evidence, bench, setting, metric, costs)
            if len(places) < 2 or metric not in evidence.higher_is_better:
                continue
            higher = evidence.higher_is_better[metric]
            best = ", ".join(place.name for place in front(places, higher_is_better=higher)) or "none"
            name = f"pareto-{number}-{metric.lower()}"
            found.append(
                _Picture(
                    name,
                    f"{metric} over seconds per frame: {bench}",
                    f"nothing beats in both {metric} and seconds per frame: {best}",
                    tuple(_asset(name, kind, places, metric, higher) for kind in ("svg", "png")),
                )
            )
    return found


def _asset(name: str, kind: str, places: Sequence[Place], metric: str, higher: bool) -> Asset:
    def write(path: Path) -> None:
        write_bytes(path, draw(places, metric, higher_is_better=higher, kind=kind))

    return Asset(f"figures/{name}.{kind}", write)


def places_of(evidence: Evidence, bench: Bench, setting: str, metric: str, costs: Costs) -> list[Place]:
    """One place per method and T at the largest sn, of those with a value and a time above 0 per frame."""
    measured = [m for m in evidence.select(bench, setting=setting, metric=metric) if m.value is not None]
    most = max((m.sn for m in measured), default=0)
    several = {m.method for m in measured if m.steps and m.sn == most}
    places = []
    for m in measured:
        cost = costs.get(Condition(m.protocol, m.task, m.method, m.sn, m.steps))
        seconds = _median(cost.frame) if cost else None
        if m.sn == most and m.value is not None and seconds:
            name = f"{m.method} T={m.steps}" if m.method in several else m.method
            places.append(Place(name, seconds, m.value, m.method in evidence.references))
    return places


def _html(costs: Costs, pictures: Sequence[_Picture]) -> str:
    heads = "".join(
        f'<th scope="col" data-sort="{"text" if number < TEXTS else "number"}">{escape(text)}</th>'
        for number, text in enumerate(HEADS)
    )
    rows = []
    for condition, cost in costs.items():
        name, *others = (escape(text) for text in condition.cells())
        cells = "".join(f"<td>{text}</td>" for text in others) + "".join(
            f'<td data-value="{"" if value is None else value}">{escape(text)}</td>'
            for text, value in cost.cells()
        )
        rows.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    figures = "".join(map(_figure, pictures))
    return (
        f'{figures}<div class="scroll" tabindex="0"><table class="facts" data-sortable><thead><tr>{heads}'
        f'</tr></thead><tbody>{"".join(rows)}</tbody></table></div><p class="remark">{escape(NOTE)}</p>'
    )


def _figure(picture: _Picture) -> str:
    words = escape(picture.words)
    shown = f'<img src="figures/{picture.name}.svg" loading="lazy" alt="{words}">'
    caption = f"{escape(picture.title)}; {words}. {MARKS}"
    return f'<figure><div class="picture">{shown}</div><figcaption>{caption}</figcaption></figure>'


def _markdown(costs: Costs, pictures: Sequence[_Picture]) -> str:
    lines = [f"![{one.words}](figures/{one.name}.svg)\n\n{one.title}; {one.words}.\n" for one in pictures]
    lines += [f"| {' | '.join(HEADS)} |", f"|{' --- |' * TEXTS}{' ---: |' * (len(HEADS) - TEXTS)}"]
    for condition, cost in costs.items():
        cells = [*condition.cells(), *(text for text, _ in cost.cells())]
        lines.append(f"| {' | '.join(text.replace('|', chr(92) + '|') for text in cells)} |")
    return "\n".join([*lines, "", NOTE, ""])


def _short(value: float) -> str:
    """Three significant digits, never with a power of ten where the number is large."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
