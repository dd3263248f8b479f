"""The qualitative grid: sources, the driver's frame, the truth and every method's frame, side by side.

:func:`draw_grid` takes plain arrays; ``gallery_grid.py`` reads them from run folders. A picture that is not
there is drawn as a hatched field that says so, never left out, so that columns keep their meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage
    from PIL.ImageFont import FreeTypeFont

Image = npt.NDArray[np.uint8]

CELL = 192  # pixels; six columns fit a screen
SMALLEST_CELL = 160
LARGEST_CELL = 256
GAP = 6
PAPER_WHITE = (255, 255, 255)
INK = (25, 25, 28)
FAINT = (110, 110, 118)
FIELD = (236, 236, 238)
HATCH = (214, 214, 218)
BLANK = " "  # as a reason: the cell stays white, because nothing belongs there
_SMALLEST_FONT = 13  # pixels
_LETTERS = 14  # letters of about this share of a cell stay readable when the page scales the grid down
_LARGE_SOURCES = 2  # up to this many sources are drawn at full size; more share the height of two rows


@dataclass(frozen=True)
class GridRow:
    """One line of the grid.

    Attributes
    ----------
    title: text above the line, for example ``"self: actor3/a, frame 12"``.
    cells: one entry per column, each a sequence of (H, W, 3) uint8 RGB images: one for most columns, sn
        for sources, empty when there is none.
    reasons: why a cell is empty, per column; ``""`` where it is not, :data:`BLANK` where it is meant to be.
    share: height of the line as a share of that of the others, for details.
    """

    title: str
    cells: tuple[Sequence[Image], ...]
    reasons: tuple[str, ...]
    share: float = 1.0

    def side(self, cell: int) -> int:
        """Height in pixels where the others are ``cell`` high."""
        return max(1, round(cell * self.share))


def draw_grid(rows: Sequence[GridRow], labels: Sequence[str], *, cell: int = CELL) -> Image:
    """Draw the grid: (H, W, 3) uint8 RGB on white, ``labels`` above the columns.

    Raises ValueError when there is no row, when a row has another number of cells than ``labels``, and for
    images that are not (H, W, 3) uint8.
    """
    from PIL import Image as Pictures
    from PIL import ImageDraw

    _check(rows, labels)
    font = _font(max(_SMALLEST_FONT, cell // _LETTERS))
    line_height = _line(font)
    widths = [max(_width(row.cells[i], row.side(cell)) for row in rows) for i in range(len(labels))]
    heads = [_wrap(label, width, font) for label, width in zip(labels, widths, strict=True)]
    head = GAP + line_height * max(len(lines) for lines in heads) + 4
    height = head + sum(line_height + row.side(cell) + GAP for row in rows) + GAP
    canvas = Pictures.new("RGB", (GAP + sum(width + GAP for width in widths), height), PAPER_WHITE)
    pen = ImageDraw.Draw(canvas)
    x = GAP
    for lines, width in zip(heads, widths, strict=True):
        for number, line in enumerate(lines):
            pen.text((x, GAP + number * line_height), line, fill=INK, font=font)
        x += width + GAP
    y = head
    for row in rows:
        pen.text((GAP, y), _fit(row.title, canvas.width - 2 * GAP, font), fill=FAINT, font=font)
        y += line_height
        x = GAP
        for images, reason, width in zip(row.cells, row.reasons, widths, strict=True):
            if len(images):
                _draw_images(canvas, images, (x, y), row.side(cell))
            elif reason != BLANK:
                _draw_missing(canvas, reason or "none", (x, y, width, row.side(cell)), font)
            x += width + GAP
        y += row.side(cell) + GAP
    return np.asarray(canvas, dtype=np.uint8).copy()


def hatched(width: int, height: int, reason: str) -> Image:
    """A hatched field (H, W, 3) uint8 that says why there is no picture."""
    from PIL import Image as Pictures

    canvas = Pictures.new("RGB", (width, height), FIELD)
    _draw_missing(canvas, reason, (0, 0, width, height), _font(_SMALLEST_FONT))
    return np.asarray(canvas, dtype=np.uint8).copy()


def cell_for(side: int) -> int:
    """Cell size in pixels for frames of ``side`` pixels: small frames by a whole factor, large ones
    reduced.
    """
    return min(side, LARGEST_CELL) if side >= SMALLEST_CELL else side * -(-SMALLEST_CELL // max(1, side))


def _check(rows: Sequence[GridRow], labels: Sequence[str]) -> None:
    if not rows or not labels:
        raise ValueError(
            f"a grid of {len(rows)} rows and {len(labels)} columns; expected at least one of each"
        )
    for row in rows:
        if len(row.cells) != len(labels) or len(row.reasons) != len(labels):
            raise ValueError(
                f"row '{row.title}' has {len(row.cells)} cells and {len(row.reasons)} reasons; "
                f"expected {len(labels)}"
            )
        for image in (image for images in row.cells for image in images):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
                raise ValueError(f"image of shape {image.shape} and {image.dtype}; expected (H, W, 3) uint8")


def _layout(count: int) -> tuple[int, int]:
    """Rows and columns in which ``count`` images of one cell are laid out."""
    return (1, max(1, count)) if count <= _LARGE_SOURCES else (2, (count + 1) // 2)


def _width(images: Sequence[Image], cell: int) -> int:
    down, across = _layout(len(images))
    return across * (cell // down)


def _draw_images(canvas: PILImage, images: Sequence[Image], corner: tuple[int, int], cell: int) -> None:
    from PIL import Image as Pictures

    down, across = _layout(len(images))
    side = cell // down
    for index, image in enumerate(images):
        picture = Pictures.fromarray(np.ascontiguousarray(image))
        scale = side / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        # a whole factor repeats pixels, so that nobody takes the resampling for the method's blur
        how = (
            Pictures.Resampling.NEAREST if scale >= 1 and scale == int(scale) else Pictures.Resampling.LANCZOS
        )
        x = corner[0] + (index % across) * side + (side - size[0]) // 2
        y = corner[1] + (index // across) * side + (side - size[1]) // 2
        canvas.paste(picture.resize(size, how), (x, y))


def _draw_missing(canvas: PILImage, reason: str, box: tuple[int, int, int, int], font: FreeTypeFont) -> None:
    from PIL import Image as Pictures
    from PIL import ImageDraw

    x, y, width, height = box
    field = Pictures.new("RGB", (width, height), FIELD)
    pen = ImageDraw.Draw(field)
    for start in range(-height, width, 12):
        pen.line((start, height, start + height, 0), fill=HATCH)
    line_height = _line(font)
    lines = _wrap(reason, width - 2 * GAP, font)
    top = (height - line_height * len(lines)) // 2
    for number, line in enumerate(lines):
        length = int(font.getlength(line))
        left = (width - length) // 2
        pen.rectangle(
            (left - 3, top + number * line_height, left + length + 3, top + (number + 1) * line_height),
            fill=FIELD,
        )
        pen.text((left, top + number * line_height), line, fill=FAINT, font=font)
    canvas.paste(field, (x, y))


def _font(size: int) -> FreeTypeFont:
    """DejaVu Sans as matplotlib brings it: the same letters on every machine."""
    from pathlib import Path

    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def _line(font: FreeTypeFont) -> int:
    """Pixels from one line of text to the next."""
    return round(1.3 * font.size)


def _wrap(text: str, width: int, font: FreeTypeFont) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_fit(line, width, font) for line in lines] or [""]


def _fit(text: str, width: int, font: FreeTypeFont) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
