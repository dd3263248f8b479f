"""``index.html`` and ``report.md``: everything that runs say, in one folder that opens from disk and needs no
network.

The page is put together from panels (``panel.py``), one module each, in the order of :data:`BUILDERS`:
another kind of evidence is another file and one entry.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iper_bench import __version__
from iper_bench.atomic import require_place, write_text
from iper_bench.errors import UserError
from iper_bench.progress import track
from iper_bench.report import passports, render
from iper_bench.report.evidence import Evidence
from iper_bench.report.given import sort_out
from iper_bench.report.how_to_read import how_to_read
from iper_bench.report.output_folder import OutputFolder
from iper_bench.report.own_tables import own_tables
from iper_bench.report.panel import Asset, Panel, ReportContext, ReportOptions
from iper_bench.report.reading import read_evidence
from iper_bench.report.seeds import over_seeds
from iper_bench.report.source_views import odd_views
from iper_bench.report.table import Table
from iper_bench.report.templating import asset_text, environment
from iper_bench.store.plan_file import PLAN_FILE
from iper_bench.store.rows import read_rows

if TYPE_CHECKING:
    from rich.console import Console

HTML = "index.html"
MARKDOWN = "report.md"
PRINTED_TABLES = 2  # more than these, and the terminal shows a choice
#: modules of this package with ``build(context) -> Panel | None``, in the order of the page
BUILDERS = (
    "paper_tables",
    "claims_panel",
    "ranking_panel",
    "sweep_panel",
    "timing_panel",
    "cost_panel",
    "gallery",
    "players",
    "worst_frames",
    "disagreement",
    "slices",
    "part_errors",
    "detection_panel",
    "own_tables",
)
#: no address outside the folder of the report, whatever a panel holds; scripts only from files
POLICY = "; ".join(
    (
        "default-src 'none'",
        "img-src 'self' file: data:",
        "media-src 'self' file:",
        "style-src 'self' file: 'unsafe-inline'",
        "script-src 'self' file:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
_BY_CONTENT = (
    "thumbs/",
    "films/",
)  # files of these folders are named by what they show: equal names, equal files
_PICTURES = (".png", ".svg")
_SHOWN_REMARKS = 20  # of what could not be made; the others are counted


@dataclass(frozen=True)
class ReportFiles:
    """What was written.

    Attributes
    ----------
    out: the folder. html, markdown: the two pages. pictures: plots and grids (PNG and SVG), sorted.
    tables: the runs' own main tables, in the order of the page. remarks: what could not be made, and why.
    """

    out: Path
    html: Path
    markdown: Path
    pictures: tuple[Path, ...]
    tables: tuple[Table, ...] = field(default=())
    remarks: tuple[str, ...] = ()

    def print(self, console: Console | None = None) -> None:
        """Print the tables, what could not be made, and where the pages lie.

        The paper's rows are printed once; of a sweep only the largest T of every sn is printed.
        """
        from rich.console import Console as TerminalConsole

        console = console or TerminalConsole()
        # the tables with most methods first: those of a sweep over one method tell least
        shown = tuple(sorted(self.tables, key=lambda table: -len(table.rows) - len(table.references)))
        if len(shown) > PRINTED_TABLES:
            full = [table for table in shown if len(table.rows) + len(table.references) > 1] or shown[:1]
            shown = tuple({(table.bench, table.sn): table for table in full}.values())  # the last T wins
        for number, table in enumerate(shown):
            render.print_table(table, console, quoted=number == 0, notes=number == len(shown) - 1)
        if len(shown) < len(self.tables):
            console.print(f"{len(self.tables) - len(shown)} more tables are in the report", highlight=False)
        console.print()
        for remark in self.remarks:
            console.print(f"left out: {remark}", highlight=False, soft_wrap=True, markup=False)
        for path in (self.html, self.markdown):
            console.print(str(path), highlight=False, soft_wrap=True, markup=False)


@dataclass(frozen=True)
class _Page:
    """The panels of a page and what could not be made."""

    panels: tuple[Panel, ...]
    remarks: tuple[str, ...]


def write_report(
    runs: Sequence[Path],
    out: Path,
    options: ReportOptions | None = None,
    *,
    builders: Sequence[str] = BUILDERS,
) -> ReportFiles:
    """Write the report of run folders into the folder ``out``, which is made when absent.

    Parameters
    ----------
    runs: run folders, folders that hold run folders, and folders written by ``iper-bench time``.
    out: files that an earlier report left here are replaced or removed, others are not touched.
    options: how much is shown. builders: names of the modules that make the panels.

    Raises
    ------
    UserError when a run cannot be read, runs contradict each other, or ``out`` lies in a run, holds other
    files in the way or cannot be written. A panel or picture that cannot be made for another reason of this
    kind (a damaged picture) is left out with a remark on the page.
    """
    folder = OutputFolder.open(out)
    folder.require_own((HTML, MARKDOWN))
    require_place(out / HTML)
    given = sort_out(runs)
    _require_apart(out, given.runs)
    rows = {path: tuple(read_rows(path)) for path in given.runs}
    alone = given.timings and not given.runs  # folders of iper-bench time and no run
    context = ReportContext(
        evidence=Evidence((), ()) if alone else over_seeds(read_evidence(given.runs, rows)),
        runs=given.runs,
        rows=rows,
        timings=given.timings,
        options=options or ReportOptions(),
    )
    page = build_page(context, builders)
    assets = _assets(page.panels)
    folder.begin([*(asset.name for asset in assets), HTML, MARKDOWN])
    lacking = _write_assets(folder, assets)
    remarks = (*page.remarks, *_few([f"{name}: {reason}" for name, reason in lacking.items()]))
    shown = page_context(context.evidence, replace(page, remarks=remarks))
    folder.write(Asset(HTML, partial(_write, render_html(shown))))
    folder.write(Asset(MARKDOWN, partial(_write, render_markdown(shown))))
    folder.finish(sorted(lacking))
    pictures = (
        out / asset.name
        for asset in assets
        if Path(asset.name).suffix in _PICTURES and asset.name not in lacking
    )
    tables = tuple(table for group in own_tables(context.evidence) for table in (*group.folded, *group.main))
    return ReportFiles(out, out / HTML, out / MARKDOWN, tuple(sorted(pictures)), tables, remarks)


def _require_apart(out: Path, runs: Sequence[Path]) -> None:
    """Refuse to write between the files of a run, where they would be taken for its own."""
    for run in runs:
        if (run / PLAN_FILE).is_file() and out.resolve().is_relative_to(run.resolve()):
            raise UserError(
                "lies in a run folder, where its files would be taken for the run's",
                where=str(out),
                expected="a folder outside all runs",
                hint=f"--out {run.resolve().name}-report",
            )


def build_page(context: ReportContext, builders: Iterable[str] = BUILDERS) -> _Page:
    """Every panel that the evidence gives something for. One that cannot be made for a reason that a user can
    mend (UserError) is a panel that says so; any other exception is a bug and not caught.
    """
    panels: list[Panel] = []
    remarks: list[str] = []
    for name in track(list(builders), "report"):
        module = importlib.import_module(f"iper_bench.report.{name}")
        try:
            panel = module.build(context)
        except UserError as error:
            remarks.append(f"{name.removesuffix('_panel').replace('_', ' ')}: {error}")
            continue
        if panel is not None:
            panels.append(panel)
    anchors = [panel.anchor for panel in panels]
    if len(set(anchors)) < len(anchors):
        raise ValueError(f"two panels have one anchor: {anchors}")
    return _Page(tuple(panels), tuple(remarks))


def _assets(panels: Sequence[Panel]) -> list[Asset]:
    """All files of the report but the two pages; what several panels name by its content is written once."""
    listed = [_text_asset(f"assets/{name}", asset_text(name)) for name in ("report.css", "report.js")]
    for panel in panels:
        listed += [_text_asset(f"assets/{panel.anchor}.css", panel.style)] if panel.style else []
        listed += [_text_asset(f"assets/{panel.anchor}.js", _alone(panel.script))] if panel.script else []
    held: dict[str, Asset] = {}
    for asset in (*listed, *(asset for panel in panels for asset in panel.assets)):
        if asset.name in held and not asset.name.startswith(_BY_CONTENT):
            raise ValueError(f"two panels write {asset.name}")
        held.setdefault(asset.name, asset)
    return list(held.values())


def _text_asset(name: str, text: str) -> Asset:
    return Asset(name, partial(_write, text.strip("\n") + "\n"))


def _alone(script: str) -> str:
    """A script whose names no other script sees."""
    return "(() => {\n" + script.strip("\n") + "\n})();"


def _write(text: str, path: Path) -> None:
    write_text(path, text)


def _write_assets(folder: OutputFolder, assets: Sequence[Asset]) -> dict[str, str]:
    """Write all files; those that could not be made, by name, with the reason."""
    lacking: dict[str, str] = {}
    for asset in track(assets, "files"):
        try:
            folder.write(asset)
        except UserError as error:  # of a full disk the page itself will tell, which is written last
            lacking[asset.name] = str(error)
    return lacking


def _few(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - _SHOWN_REMARKS
    return [*lines[:_SHOWN_REMARKS], *([f"{rest} more files"] if rest > 0 else [])]


def page_context(evidence: Evidence, page: _Page) -> dict[str, Any]:
    """What the two templates show, as plain values."""
    listed = passports.passports(evidence)
    return {
        "version": __version__,
        "policy": POLICY,
        "summary": passports.summary(evidence),
        "reading": how_to_read(evidence),
        "panels": page.panels,
        "passports": listed,
        "passport_data": _for_script(passports.hover_cards(listed)),
        "coverage": passports.coverage(evidence),
        "odd_views": odd_views(evidence),
        "failures": [(facts.folder.name, *failure) for facts in evidence.runs for failure in facts.failures],
        "provenance": passports.provenance(evidence),
        "remarks": page.remarks,
    }


def _for_script(content: Any) -> str:
    """JSON that no text in it can lead out of the ``<script>`` around it."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def render_html(shown: dict[str, Any]) -> str:
    """The page, from what :func:`page_context` gives."""
    return environment(escape=True).get_template("report.html.j2").render(**shown)


def render_markdown(shown: dict[str, Any]) -> str:
    """The same in Markdown."""
    return environment(escape=False).get_template("report.md.j2").render(**shown)
