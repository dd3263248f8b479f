"""The qualitative grids of a report, in the layouts of the paper's Figures 9 to 13."""

from __future__ import annotations

from functools import partial

from iper_bench.report.frame_index import FrameIndex
from iper_bench.report.frame_values import UnitPlace, units_by_key
from iper_bench.report.gallery_grid import GalleryGrid, grid_html, write_png
from iper_bench.report.gallery_layouts import Place, Stock, layouts
from iper_bench.report.panel import Asset, Panel, ReportContext
from iper_bench.report.thumbnails import STYLE as PICTURES
from iper_bench.report.thumbnails import Thumbnails

ANCHOR = "gallery"

OWN_STYLE = """
.gallery td, .gallery th { border-bottom: 0; padding: 0.15rem 0.35rem 0.35rem 0; text-align: left; }
.gallery thead th { font-size: 0.8rem; font-weight: 500; white-space: normal; max-width: 9rem; }
.gallery tbody th { font-size: 0.75rem; font-weight: 400; color: var(--soft); white-space: normal;
  min-width: 6rem; max-width: 9rem; overflow-wrap: anywhere; }
.gallery .shots { flex-wrap: nowrap; gap: 0; margin: 2px 0 0; }
.gallery .shots.several { display: grid; grid-template-columns: repeat(2, max-content); gap: 2px; margin: 0; }
"""


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` when no run keeps a predicted frame of the trials that are shown."""
    index = FrameIndex(context.runs)
    thumbnails = Thumbnails(index)
    grids = [grid for stock in stocks(context, index) for grid in layouts(stock)]
    if not grids:
        return None
    pages = [grid_html(grid, thumbnails) for grid in grids]
    drawn = [Asset(grid.file, partial(write_png, grid, index)) for grid in grids]
    return Panel(
        ANCHOR,
        "Qualitative grids",
        "".join(pages),
        "\n\n".join(_markdown(grid) for grid in grids),
        (*thumbnails.assets(), *drawn),
        style=PICTURES + OWN_STYLE,
    )


def stocks(context: ReportContext, index: FrameIndex) -> list[Stock]:
    """The units by dataset, protocol and task, with the first ``options.clips`` trials of every setting."""
    found: dict[tuple[str, str, str], dict[str, list[UnitPlace]]] = {}
    for (dataset, protocol, task, setting), units in units_by_key(context).items():
        found.setdefault((dataset, protocol, task), {})[setting] = units
    return [
        _stock(number, key, settings, context.options.clips, index)
        for number, (key, settings) in enumerate(found.items(), start=1)
    ]


def _stock(
    number: int,
    key: tuple[str, str, str],
    settings: dict[str, list[UnitPlace]],
    clips: int,
    index: FrameIndex,
) -> Stock:
    units: dict[Place, UnitPlace] = {}
    for unit in (unit for own in settings.values() for unit in own):
        place = (unit.method, unit.trial, unit.sn, unit.steps)
        if place not in units or unit.seed < units[place].seed:
            units[place] = unit
    trials = {
        setting: tuple(sorted({unit.trial for unit in own})[:clips]) for setting, own in settings.items()
    }
    dataset, protocol, task = key
    return Stock(index, f"{dataset}, {protocol}", str(number), task, units, trials)


def _markdown(grid: GalleryGrid) -> str:
    title = grid.title.replace("[", "(").replace("]", ")").replace("<", "&lt;")
    remarks = "".join(f" Hatched: {reason}." for reason in grid.missing)
    return f"![{title}]({grid.file})\n\n{title}. {grid.caption}{remarks}"
