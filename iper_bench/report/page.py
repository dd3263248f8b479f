"""``report.html`` and ``report.md``: everything a run says, on one page that needs no other file and no
network.

The page is put together from plain sections (:class:`Section`), so that later kinds of evidence add a
section and replace none. Pictures lie beside the Markdown and are embedded in the HTML.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iper_bench import __version__
from iper_bench.atomic import write_bytes, write_text
from iper_bench.progress import track
from iper_bench.report import passports, render
from iper_bench.report.evidence import NOT_THE_PAPERS, Bench, Evidence
from iper_bench.report.exhibits import build_grid
from iper_bench.report.paper import NOT_COMPARABLE, SOURCE
from iper_bench.report.reading import read_evidence
from iper_bench.report.source_views import odd_views
from iper_bench.report.sweep_plot import METRIC, draw_run, is_sweep, sweep_lines
from iper_bench.report.table import Table, build_table, further_table, settings_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from rich.console import Console

HTML = "report.html"
MARKDOWN = "report.md"
PRINTED_TABLES = 2  # more than these, and the terminal shows a choice
_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Figure:
    """A picture of the report: its file name, content, caption, and description for those who cannot see
    it.
    """

    name: str
    content: bytes
    caption: str
    description: str

    @property
    def data(self) -> str:
        """The picture as a ``data:`` address."""
        kind = _TYPES[Path(self.name).suffix]
        return f"data:{kind};base64,{base64.b64encode(self.content).decode('ascii')}"


@dataclass(frozen=True)
class Section:
    """The tables and figures of one bench."""

    title: str
    anchor: str
    tables: tuple[Table, ...]
    further: tuple[Table, ...]
    figures: tuple[Figure, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportFiles:
    """What was written.

    Attributes
    ----------
    out: the folder. html, markdown: the two pages. pictures: plots and grids, sorted.
    tables: the main tables, in the order of the page.
    """

    out: Path
    html: Path
    markdown: Path
    pictures: tuple[Path, ...]
    tables: tuple[Table, ...] = field(default=())

    def print(self, console: Console | None = None) -> None:
        """Print the tables and where the files lie.

        The paper's rows are printed once; of a sweep only the largest T of every sn is printed.
        """
        from rich.console import Console as TerminalConsole

        console = console or TerminalConsole()
        shown = self.tables
        if len(shown) > PRINTED_TABLES:
            shown = tuple({(table.bench, table.sn): table for table in shown}.values())  # the last T wins
        for number, table in enumerate(shown):
            render.print_table(table, console, quoted=number == 0, notes=number == len(shown) - 1)
        if len(shown) < len(self.tables):
            console.print(f"{len(self.tables) - len(shown)} more tables are in the report", highlight=False)
        console.print()
        for path in (self.html, self.markdown, *self.pictures):
            console.print(str(path), highlight=False, soft_wrap=True)


def write_report(runs: Sequence[Path], out: Path) -> ReportFiles:
    """Write the report of one or several runs into the folder ``out`` (made when absent, its files replaced).

    Raises
    ------
    UserError when a run cannot be read, runs contradict each other, or ``out`` cannot be written.
    """
    from iper_bench.errors import UserError

    if out.exists() and not out.is_dir():
        raise UserError("is a file", where=str(out), expected="a folder", hint="--out with another name")
    evidence = read_evidence(runs)
    benches = evidence.benches()
    sections = [
        build_section(evidence, bench, runs, number)
        for number, bench in enumerate(track(benches, "report", total=len(benches)), start=1)
    ]
    figures = [figure for section in sections for figure in section.figures]
    for figure in figures:
        write_bytes(out / figure.name, figure.content)
    context = page_context(evidence, sections)
    write_text(out / HTML, render_html(context))
    write_text(out / MARKDOWN, render_markdown(context))
    tables = tuple(table for section in sections for table in section.tables)
    return ReportFiles(out, out / HTML, out / MARKDOWN, tuple(sorted(out / f.name for f in figures)), tables)


def build_section(evidence: Evidence, bench: Bench, runs: Sequence[Path], number: int) -> Section:
    """Tables of every sn and T of the bench, the sweep plot where there is a sweep, and the grid."""
    places = [(sn, steps) for found, sn, steps in settings_of(evidence) if found == bench]
    tables = [build_table(evidence, bench, sn=sn, steps=steps) for sn, steps in places]
    further = [further_table(evidence, bench, sn=sn, steps=steps) for sn, steps in places]
    figures = list(_sweeps(evidence, bench, number))
    remarks: list[str] = []
    # the grid shows the most personalised subjects with the most sources: one picture, not one per place
    if places:
        sn, steps = max(places)
        grid = build_grid(runs, sn=sn, steps=steps)
        if grid is None:
            remarks.append("No qualitative grid: no run kept its predicted frames.")
        else:
            figures.append(_grid_figure(number, grid.image, grid.title))
            remarks += [f"In the grid, hatched: {reason}." for reason in grid.lacking]
    return Section(
        title=str(bench) + ("" if evidence.why_not(bench.profile) is None else f" ({NOT_THE_PAPERS})"),
        anchor=f"bench-{number}",
        tables=tuple(tables),
        further=tuple(table for table in further if table is not None),
        figures=tuple(figures),
        remarks=tuple(remarks),
    )


def _sweeps(evidence: Evidence, bench: Bench, number: int) -> Iterable[Figure]:
    comparable = evidence.why_not(bench.profile) is None
    warning = "" if comparable else f" (profile {bench.profile}: {NOT_THE_PAPERS})"
    for method in sorted({m.method for m in evidence.select(bench, setting="self", metric=METRIC)}):
        lines = sweep_lines(evidence, bench, method)
        if not any(len(line.points) > 1 for line in lines) or not is_sweep(lines):
            continue
        picture = draw_run(evidence, bench, method)
        caption = (
            f"{METRIC} of {method} over personalization steps T, one line per number of sources, with 95 % "
            f"intervals over clips{warning}; on the right the labels of Figure 14 of {SOURCE} "
            f"({NOT_COMPARABLE})."
        )
        words = "; ".join(
            f"sn = {line.sn}: " + ", ".join(f"T = {p.steps} {p.value:.2f}" for p in line.points)
            for line in lines
        )
        name = f"sweep-{number}-{method}"
        yield Figure(f"{name}.svg", picture.svg, caption, words)
        yield Figure(f"{name}.png", picture.png, caption, words)


def _grid_figure(number: int, image: Any, title: str) -> Figure:
    import io

    from PIL import Image as Pictures

    buffer = io.BytesIO()
    Pictures.fromarray(image).save(buffer, format="PNG", optimize=True)
    caption = (
        f"Qualitative comparison ({title}). Trials and frames are the first by name and the middle of the "
        "saved ones, not the best-looking."
    )
    words = "sources, driver, truth and each method's frame"
    return Figure(f"grid-{number}.png", buffer.getvalue(), caption, words)


def page_context(evidence: Evidence, sections: Sequence[Section]) -> dict[str, Any]:
    """What the two templates show, as plain values."""
    shown = [figure for section in sections for figure in section.figures if not _twin(figure, section)]
    return {
        "version": __version__,
        "summary": passports.summary(evidence),
        "reading": passports.how_to_read(evidence),
        "sections": sections,
        "figures": {section.anchor: [f for f in section.figures if f in shown] for section in sections},
        "passports": passports.passports(evidence),
        "coverage": passports.coverage(evidence),
        "odd_views": odd_views(evidence),
        "failures": [(facts.folder.name, *failure) for facts in evidence.runs for failure in facts.failures],
        "provenance": passports.provenance(evidence),
        "source": SOURCE,
    }


def _twin(figure: Figure, section: Section) -> bool:
    """Whether the same picture is also there as SVG, which the pages prefer."""
    name = Path(figure.name)
    return name.suffix == ".png" and any(f.name == f"{name.stem}.svg" for f in section.figures)


def render_html(context: dict[str, Any]) -> str:
    """The self-contained page."""
    return _environment(escape=True).get_template("report.html.j2").render(**context)


def render_markdown(context: dict[str, Any]) -> str:
    """The same in Markdown, with links to the picture files beside it."""
    return _environment(escape=False).get_template("report.md.j2").render(**context)


def _environment(*, escape: bool) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("iper_bench.report", "templates"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    environment.globals.update(
        heading=render.heading,
        comparison_note=render.comparison_note,
        side_tables=render.side_tables,
        missing_values=render.missing_values,
        to_markdown=render.to_markdown,
    )
    return environment
