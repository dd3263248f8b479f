"""Figure 14: quality over personalization steps T, one line per number of sources, the paper's labels beside
it.

The panel of a report, and ``figure14.svg``, ``.png`` and ``.csv`` of a single run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from html import escape
from pathlib import Path

from iper_bench.atomic import write_bytes, write_text
from iper_bench.report import paper
from iper_bench.report.csv_table import csv_text
from iper_bench.report.evidence import NOT_THE_PAPERS, Bench, Evidence
from iper_bench.report.numerals import MISSING, digits_for, number, span
from iper_bench.report.panel import Asset, Panel, ReportContext
from iper_bench.report.paper_layout_rows import file_stem
from iper_bench.report.reading import read_evidence
from iper_bench.report.seeds import over_seeds
from iper_bench.report.sweep_plot import FIGURE, METRIC, Line, Picture, bars_note, draw_run, sweep_lines
from iper_bench.report.table import LAYOUT

ANCHOR = "figure-14"
TITLE = "Figure 14: sources and personalization steps"
FOLDER = "figures"
NAME = "figure14"
#: the paper's metrics of self-imitation: PSNR as in the figure, the others in a small plot each
METRICS = LAYOUT[0][1]
FIELDS = (
    *("figure", "origin", "source", "dataset", "protocol", "profile", "method", "sn", "T", "seeds", "metric"),
    *("value", "low", "high", "clips", "actors", "passport", "certainty", "alternatives"),
)
STYLE = """
.sweep-small { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap:
1rem; } .sweep-small img { min-width: 0; }
"""


@dataclass(frozen=True)
class Sweep:
    """The plots of one method of one bench.

    ``lines``: metric -> lines, of the metrics that have any. ``name``: stem of its files.
    """

    evidence: Evidence
    bench: Bench
    method: str
    lines: dict[str, list[Line]]
    name: str

    @cached_property
    def picture(self) -> Picture:
        """The figure, drawn when it is first asked for."""
        return draw_run(self.evidence, self.bench, self.method)

    def small(self, metric: str) -> bytes:
        """The plot of another metric as SVG."""
        return draw_run(self.evidence, self.bench, self.method, metric).svg

    @property
    def csv(self) -> str:
        """All lines of all metrics, and the printed labels."""
        return csv_text(FIELDS, (*_measured(self), *_printed()))


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` without a method that was evaluated at several T."""
    found = sweeps(context.evidence)
    if not found:
        return None
    html = "\n".join(_html(sweep) for sweep in found)
    markdown = "\n".join(_markdown(sweep) for sweep in found)
    assets = tuple(asset for sweep in found for asset in _assets(sweep))
    return Panel(ANCHOR, TITLE, html, markdown, assets, style=STYLE)


def sweeps(evidence: Evidence) -> list[Sweep]:
    """Every method of every bench with a value of PSNR in self-imitation at two T or more, sorted by bench
    and method. The only one is called ``figure14``, several ``figure14-METHOD`` (and the profile, where
    there are several benches).
    """
    held: list[tuple[Bench, str, dict[str, list[Line]]]] = []
    for bench in evidence.benches():
        for method in sorted({m.method for m in evidence.select(bench, setting="self", metric=METRIC)}):
            lines = {metric: sweep_lines(evidence, bench, method, metric=metric) for metric in METRICS}
            if any(len(line.points) > 1 for line in lines[METRIC]):
                held.append((bench, method, {metric: own for metric, own in lines.items() if own}))
    several = len({bench for bench, _, _ in held}) > 1
    names = [
        file_stem("-".join([NAME, *([bench.protocol, bench.profile] if several else []), method]))
        if len(held) > 1
        else NAME
        for bench, method, _ in held
    ]
    return [Sweep(evidence, *one, name) for one, name in zip(held, _unique(names), strict=True)]


def write_figure14(run: Path) -> list[Path]:
    """Draw the sweeps of a run into ``figures/`` of its folder, as SVG, PNG and CSV.

    Returns the files; empty where no method was evaluated at several T. Raises UserError when the run cannot
    be read or the folder not written.
    """
    paths: list[Path] = []
    for sweep in sweeps(over_seeds(read_evidence([run]))):
        stem = run / FOLDER / sweep.name
        write_bytes(stem.parent / f"{sweep.name}.svg", sweep.picture.svg)
        write_bytes(stem.parent / f"{sweep.name}.png", sweep.picture.png)
        write_text(stem.parent / f"{sweep.name}.csv", sweep.csv)
        paths += [stem.parent / f"{sweep.name}.{ending}" for ending in ("svg", "png", "csv")]
    return paths


def _unique(names: Sequence[str]) -> list[str]:
    """Names that two labels share after unfit signs were replaced get numbers."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return found


def _assets(sweep: Sweep) -> Iterator[Asset]:
    """Files of a sweep. Nothing is drawn before a file is written."""
    stem = f"{FOLDER}/{sweep.name}"
    yield Asset(f"{stem}.svg", lambda path: write_bytes(path, sweep.picture.svg))
    yield Asset(f"{stem}.png", lambda path: write_bytes(path, sweep.picture.png))
    yield Asset(f"{stem}.csv", lambda path: write_text(path, sweep.csv))
    for metric in _others(sweep):
        yield Asset(_small_name(sweep, metric), partial(_write_small, sweep, metric))


def _write_small(sweep: Sweep, metric: str, path: Path) -> None:
    write_bytes(path, sweep.small(metric))


def _others(sweep: Sweep) -> list[str]:
    return [metric for metric in sweep.lines if metric != METRIC]


def _small_name(sweep: Sweep, metric: str) -> str:
    return f"{FOLDER}/{file_stem(f'{sweep.name}-{metric}')}.svg"


def _caption(sweep: Sweep) -> str:
    why_not = sweep.evidence.why_not(sweep.bench.profile)
    warning = "" if why_not is None else f" (profile {sweep.bench.profile}: {NOT_THE_PAPERS})"
    return (
        f"{METRIC} of {sweep.method} on {sweep.bench.dataset} over personalization steps T, one line per "
        f"number of sources{warning}. {bars_note(sweep.lines[METRIC])}. Beside it the labels of Figure 14 of "
        f"{paper.SOURCE} ({paper.NOT_COMPARABLE}); their places had to be put together again, uncertain ones "
        "are marked."
    )


def _words(lines: Sequence[Line]) -> str:
    digits = digits_for([abs(point.value) for line in lines for point in line.points])
    return "; ".join(
        f"sn = {line.sn}: " + ", ".join(f"T = {p.steps} {number(p.value, digits)}" for p in line.points)
        for line in lines
    )


def _html(sweep: Sweep) -> str:
    def image(name: str, words: str, size: tuple[int, int]) -> str:
        return (
            f'<div class="picture"><img loading="lazy" width="{size[0]}" height="{size[1]}" '
            f'src="{escape(name)}" alt="{escape(words)}"></div>'
        )

    main = f"{FOLDER}/{sweep.name}"
    links = " · ".join(
        f'<a href="{escape(main)}.{ending}" download>{ending.upper()}</a>' for ending in ("svg", "png", "csv")
    )
    title = f"{sweep.method} on {sweep.bench.dataset}, profile {sweep.bench.profile}"
    parts = [
        f"<h3>{escape(title)}</h3>",
        f"<figure>{image(f'{main}.svg', _words(sweep.lines[METRIC]), (1140, 490))}",
        f"<figcaption>{escape(_caption(sweep))} {links}</figcaption></figure>",
    ]
    if _others(sweep):
        small = [
            f"<figure>{image(_small_name(sweep, metric), _words(sweep.lines[metric]), (580, 380))}"
            f"<figcaption>{escape(metric)}</figcaption></figure>"
            for metric in _others(sweep)
        ]
        parts.append(
            f"<details><summary>Other metrics: {escape(', '.join(_others(sweep)))}</summary>"
            f'<div class="sweep-small">{"".join(small)}</div></details>'
        )
    return "\n".join(parts)


def _markdown(sweep: Sweep) -> str:
    """A table of every metric over sn and T, and the picture."""
    lines = [f"### {sweep.method} on {sweep.bench.dataset}, profile {sweep.bench.profile}", ""]
    for metric, drawn in sweep.lines.items():
        ticks = sorted({point.steps for line in drawn for point in line.points})
        digits = digits_for([abs(point.value) for line in drawn for point in line.points])
        lines += [f"| {metric}, sn | " + " | ".join(f"T = {tick}" for tick in ticks) + " |"]
        lines += ["| ---: |" + " ---: |" * len(ticks)]
        for line in drawn:
            own = {point.steps: point for point in line.points}
            cells = [
                f"{number(own[t].value, digits)} {span(own[t].low, own[t].high, digits)}".rstrip()
                if t in own
                else MISSING
                for t in ticks
            ]
            lines.append(f"| {line.sn} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join([*lines, f"![Figure 14]({FOLDER}/{sweep.name}.svg)", "", _caption(sweep), ""])


def _measured(sweep: Sweep) -> Iterator[dict[str, object]]:
    for metric, lines in sweep.lines.items():
        for point in (point for line in lines for point in line.points):
            m = point.found
            if m is None:
                continue
            same = ("dataset", "protocol", "profile", "method", "sn")
            yield {
                **{"figure": "14", "origin": "run", "source": "measured"},
                **{name: getattr(m, name) for name in same},
                **{
                    "T": m.steps,
                    "seeds": " ".join(map(str, m.seeds)),
                    "metric": metric,
                    "value": point.value,
                },
                **{"low": point.low, "high": point.high, "clips": len(m.clip_values)},
                **{"actors": len(set(m.clip_actors.values())) or None, "passport": m.definition},
            }


def _printed() -> Iterator[dict[str, object]]:
    for quote in paper.quotes(FIGURE):
        yield {
            **{"figure": "14", "origin": "quoted", "source": paper.SOURCE},
            **{"dataset": quote.dataset, "method": quote.method, "metric": quote.metric},
            **{name: quote.extra[name] for name in ("sn", "T", "alternatives")},
            **{"value": quote.printed, "certainty": quote.certainty},
        }
