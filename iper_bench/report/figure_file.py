"""A plot as the bytes of a file, equal for equal plots."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 160  # of PNG: sharp on paper at the width of a column


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """A matplotlib figure as ``"svg"`` or ``"png"``.

    Dates and versions are left out: they would change the bytes without changing the picture. The names
    inside an SVG are fixed by ``svg.hashsalt`` in the style that the figure was drawn with.
    """
    buffer = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()


def plot_style(size: float) -> dict[str, Any]:
    """Settings of matplotlib for a plot with letters of ``size`` points."""
    return {
        "svg.hashsalt": "iper-bench",  # equal input gives equal ids, hence equal bytes
        "svg.fonttype": "path",  # the picture does not depend on the reader's fonts
        "font.family": "DejaVu Sans",  # comes with matplotlib
        "font.size": size,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "legend.frameon": False,
    }
