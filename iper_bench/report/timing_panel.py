"""The paper's Figure 16 on the page: what folders of ``iper-bench time`` hold, beside the quoted values."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from iper_bench.atomic import write_bytes, write_text
from iper_bench.report.panel import Asset, Panel, ReportContext
from iper_bench.report.timing_plot import draw
from iper_bench.report.timing_table import (
    PAPER_FRAMES,
    QUOTED_NOTE,
    TITLES,
    TimingRow,
    measured_rows,
    quoted_rows,
    to_csv,
    to_markdown,
)
from iper_bench.store.timing_file import TIMING_FILE, read_timing

ANCHOR = "timing"
NAME = "figure16"


def build(context: ReportContext) -> Panel | None:
    """``None`` without folders of ``iper-bench time``. Raises UserError for a damaged one."""
    measured = [row for folder in context.timings for row in measured_rows(read_timing(folder / TIMING_FILE))]
    if not measured:
        return None
    rows = [*measured, *quoted_rows()]
    return Panel(
        anchor=ANCHOR,
        title="Running time (layout of Figure 16)",
        html=_html(rows),
        markdown=f"![Seconds by resolution and phase](figures/{NAME}.svg)\n\n{to_markdown(rows)}",
        assets=(
            Asset(f"figures/{NAME}.svg", lambda path: _picture(path, rows)),
            Asset(f"figures/{NAME}.png", lambda path: _picture(path, rows)),
            Asset(f"tables/{NAME}.csv", lambda path: write_text(path, to_csv(rows))),
        ),
    )


def _picture(path: Path, rows: Sequence[TimingRow]) -> None:
    write_bytes(path, draw(rows, path.suffix[1:]))


def _html(rows: Sequence[TimingRow]) -> str:
    heads = [
        *("method", "machine", "side", "T", "frames"),
        *(f"{title} s" for title in TITLES.values()),
        *("fps", f"{PAPER_FRAMES} frames, scaled", "peak MiB"),
    ]
    kinds = ["text", "text", *["number"] * (len(heads) - 2)]
    head = "".join(
        f'<th scope="col" data-sort="{kind}">{escape(text)}</th>'
        for text, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(_row(row) for row in rows)
    words = "seconds of preprocessing, personalization and inference by resolution, ours and the paper's"
    picture = f'<img src="figures/{NAME}.svg" loading="lazy" alt="{words}">'
    return (
        f'<figure><div class="picture">{picture}</div></figure>'
        '<div class="scroll" tabindex="0"><table class="facts timing" data-sortable>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<p class="remark">{escape(QUOTED_NOTE)} '
        f'<a href="tables/{NAME}.csv">CSV</a></p>'
    )


def _row(row: TimingRow) -> str:
    cells = [(row.method, ""), (row.machine, ""), (row.size, row.size)]
    cells += [("" if row.quoted else row.steps, row.steps), (row.frames or "", row.frames)]
    for phase in TITLES:
        found = row.phases.get(phase)
        # a quoted number stands as it is printed
        text = "–" if found is None else f"{found.median:g}" if row.quoted else f"{found.median:.4g}"
        if found is not None and not row.quoted:
            text += f" ± {found.deviation:.2g}"
        cells.append((text + ("~" if phase in row.uncertain else ""), "" if found is None else found.median))
    scaled = None if row.quoted else row.scaled_inference
    for value in (row.fps, scaled, row.peak_mib):
        cells.append(("" if value is None else f"{value:.4g}", "" if value is None else value))
    kind = ' class="quoted"' if row.quoted else f' title="{escape(row.reason)}"' if row.reason else ""
    shown = "".join(f'<td data-value="{value}">{escape(str(text))}</td>' for text, value in cells)
    return f"<tr{kind}>{shown}</tr>"
