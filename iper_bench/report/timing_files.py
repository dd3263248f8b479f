"""``figure16.*`` beside a ``timing.json``."""

from __future__ import annotations

from pathlib import Path

from iper_bench.atomic import write_bytes, write_text
from iper_bench.report.timing_plot import draw
from iper_bench.report.timing_table import measured_rows, quoted_rows, to_csv, to_markdown
from iper_bench.store.timing_file import TIMING_FILE, read_timing

NAME = "figure16"


def write_timing(folder: Path) -> list[Path]:
    """Write the figure (.svg, .png), its numbers (.csv) and a table (.md); returns their paths, sorted.

    Raises UserError when there is no ``timing.json`` or the disk refuses.
    """
    rows = [*measured_rows(read_timing(folder / TIMING_FILE)), *quoted_rows()]
    for kind in ("svg", "png"):
        write_bytes(folder / f"{NAME}.{kind}", draw(rows, kind))
    write_text(folder / f"{NAME}.csv", to_csv(rows))
    write_text(folder / f"{NAME}.md", to_markdown(rows))
    return sorted(folder / f"{NAME}.{kind}" for kind in ("svg", "png", "csv", "md"))
