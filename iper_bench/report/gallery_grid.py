"""One qualitative grid: which pictures stand where, as a table of the page and as one PNG for papers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from iper_bench.atomic import write_bytes
from iper_bench.report.frame_index import Container, FrameIndex, Missing, Picture, Shown
from iper_bench.report.grid import BLANK, GridRow, cell_for, draw_grid
from iper_bench.report.thumbnails import Thumbnails, cropped, read_each
from iper_bench.store.pictures import Images

Cell = tuple[Shown, ...]  # empty = nothing belongs there

LARGE, SMALL = 128, 64  # CSS pixels of one picture in a cell, and of each of several
DETAIL = 0.5  # height of a line of details in the PNG: two of them are as wide as one frame


@dataclass(frozen=True)
class Line:
    """One row of a grid: a title such as trial and frame, and one cell per column. ``detail``: an enlarged
    part of the row above, which the page shows in its cells.
    """

    title: str
    cells: tuple[Cell, ...]
    detail: bool = False


@dataclass(frozen=True)
class GalleryGrid:
    """A grid. ``name``: of its PNG below ``figures/``, without ending; ``caption``: one or two sentences."""

    name: str
    title: str
    caption: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def file(self) -> str:
        """Its PNG below the report's folder."""
        return f"figures/{self.name}.png"

    @property
    def missing(self) -> tuple[str, ...]:
        """Why pictures are missing, each reason once."""
        shown = (one for line in self.lines for cell in line.cells for one in cell)
        return tuple(sorted({one.reason for one in shown if isinstance(one, Missing)}))

    @property
    def empty(self) -> bool:
        """Whether no picture is there."""
        return not any(isinstance(one, Picture) for line in self.lines for cell in line.cells for one in cell)


def grid_html(grid: GalleryGrid, thumbnails: Thumbnails) -> str:
    """The grid as a table with lazy thumbnails; details stand below the pictures they belong to."""
    head = "".join(f"<th>{escape(column)}</th>" for column in grid.columns)
    rows = []
    for line, details in _with_details(grid.lines):
        cells = "".join(
            f"<td>{_cell_html(column, line, place, details, thumbnails)}</td>"
            for place, column in enumerate(grid.columns)
        )
        rows.append(f"<tr><th>{escape(line.title)}</th>{cells}</tr>")
    return (
        f'<h3>{escape(grid.title)}</h3><div class="scroll"><table class="gallery"><thead><tr><th></th>{head}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f'<p class="remark">{escape(grid.caption)} <a href="{grid.file}">As one PNG</a></p>'
    )


def _with_details(lines: Sequence[Line]) -> list[tuple[Line, list[Line]]]:
    found: list[tuple[Line, list[Line]]] = []
    for line in lines:
        if line.detail and found:
            found[-1][1].append(line)
        else:
            found.append((line, []))
    return found


def _cell_html(column: str, line: Line, place: int, details: Sequence[Line], thumbnails: Thumbnails) -> str:
    own = _pictures_html(line.cells[place], f"{column}, {line.title}", thumbnails)
    parts = [one for detail in details for one in detail.cells[place]]
    small = "".join(thumbnails.html(one, f"detail of {column}, {line.title}", SMALL) for one in parts)
    return own + (f'<div class="shots">{small}</div>' if small else "")


def _pictures_html(cell: Cell, words: str, thumbnails: Thumbnails) -> str:
    if len(cell) <= 1:
        return "".join(thumbnails.html(one, words, LARGE) for one in cell)
    small = "".join(thumbnails.html(one, words, SMALL) for one in cell)
    return f'<div class="shots several">{small}</div>'


def write_png(grid: GalleryGrid, index: FrameIndex, path: Path) -> None:
    """Draw the grid with frames at their own resolution and letters that stay sharp. Raises UserError when it
    cannot be written.
    """
    from PIL import Image

    frames = _frames(grid, index)
    rows = []
    for line in grid.lines:
        cells = [[frames[one] for one in cell if isinstance(one, Picture)] for cell in line.cells]
        reasons = tuple(_reason(cell) for cell in line.cells)
        rows.append(GridRow(line.title, tuple(cells), reasons, DETAIL if line.detail else 1.0))
    side = max(max(index.size(picture)) for picture in frames)
    buffer = io.BytesIO()
    Image.fromarray(draw_grid(rows, grid.columns, cell=cell_for(side))).save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())


def _reason(cell: Cell) -> str:
    if not cell:
        return BLANK
    reasons = [one.reason for one in cell if isinstance(one, Missing)]
    return reasons[0] if len(reasons) == len(cell) else ""


def _frames(grid: GalleryGrid, index: FrameIndex) -> Mapping[Picture, Images]:
    asked: dict[Container, set[int]] = {}
    pictures = [one for line in grid.lines for cell in line.cells for one in cell if isinstance(one, Picture)]
    for picture in pictures:
        asked.setdefault(picture.container, set()).add(picture.number)
    read = {container: read_each(index, container, sorted(numbers)) for container, numbers in asked.items()}
    return {picture: cropped(read[picture.container][picture.number], picture.crop) for picture in pictures}
