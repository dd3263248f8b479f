"""``iper-bench query``: questions in SQL to run folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from iper_bench.cli.options import PATH

if TYPE_CHECKING:
    from iper_bench.store.query import Answer

SHOWN = 50  # rows of a table on the screen


@click.command()
@click.argument("sql", required=False)
@click.argument("runs", nargs=-1, type=PATH, metavar="[RUN...]")
@click.option("--schema", is_flag=True, help="print the tables and their columns")
@click.option("--csv", "csv_file", type=PATH, metavar="FILE", help="write the answer as CSV")
@click.option("--parquet", "parquet_file", type=PATH, metavar="FILE", help="write the answer as Parquet")
@click.option("--json", "as_json", is_flag=True, help="print the answer as a JSON list of objects")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"rows of the answer at most  [default: {SHOWN} on the screen, else all]",
)
@click.option(
    "--memory",
    type=click.FloatRange(min=0.1, max=4096),
    default=2.0,
    show_default=True,
    metavar="GB",
    help="memory that the database may take",
)
def query(
    sql: str | None,
    runs: tuple[Path, ...],
    schema: bool,
    csv_file: Path | None,
    parquet_file: Path | None,
    as_json: bool,
    limit: int | None,
    memory: float,
) -> None:
    """Answer SQL (of DuckDB) over the run folders RUN; a folder of run folders stands for all of them.

    Without RUN, the newest run below runs/. The question can only read the tables that --schema prints.

    \b
      iper-bench query "SELECT method, metric, mean, low, high FROM aggregates"
      iper-bench query "SELECT method, avg(value) FROM frames WHERE metric = 'PSNR' GROUP BY method" runs/*
    """
    from iper_bench.store.query import ask, write_answer
    from iper_bench.store.run_list import run_list

    if schema:
        print_schema()
        return
    if not sql or not sql.strip():
        raise click.UsageError('no SQL; for example iper-bench query "SELECT * FROM runs", or --schema')
    paths = run_list(runs)
    files = [(csv_file, "csv"), (parquet_file, "parquet")]
    for out, kind in files:
        if out is not None:
            count = write_answer(sql, paths, out, kind, limit=limit, memory_gb=memory)
            click.echo(f"{out}: {count} rows", err=as_json)
    if as_json:
        click.echo(json_text(ask(sql, paths, limit=limit, memory_gb=memory)))
    elif csv_file is None and parquet_file is None:
        print_table(ask(sql, paths, limit=SHOWN if limit is None else limit, memory_gb=memory))


def print_schema() -> None:
    """Every table with what a row of it is, its columns, their types and what they hold."""
    from iper_bench.cli.listing import print_columns
    from iper_bench.store.query_views import VIEWS

    for number, view in enumerate(VIEWS.values()):
        click.echo(f"{chr(10) if number else ''}{view.name}: {view.words}")
        print_columns([(f"  {one.name}", one.type, one.words) for one in view.columns])


def json_text(answer: Answer) -> str:
    """A list of objects; NULL and what JSON has no number for are ``null``."""
    import json

    names: list[str] = []
    for name in answer.columns:  # a second column of a name keeps its values
        names.append(name if name not in names else f"{name}_{names.count(name) + len(names)}")
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in answer.rows]
    return json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> object:
    import math
    from decimal import Decimal

    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)


def print_table(answer: Answer) -> None:
    """The answer as a table; numbers to six digits, a dash for NULL."""
    import sys

    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for number, name in enumerate(answer.columns):
        values = [row[number] for row in answer.rows]
        numeric = any(_is_number(value) for value in values)
        table.add_column(Text(_safe(name)), justify="right" if numeric else "left", overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console(file=sys.stdout)
    if not console.is_terminal:  # a pipe or a file has no width to be kept to
        wide = console.options.update(width=_WIDEST)
        console = Console(file=sys.stdout, width=Measurement.get(console, wide, table).maximum)
    console.print(table)
    if answer.more:
        click.echo(f"the first {len(answer.rows)} rows; --limit N, --csv FILE or --json gives more", err=True)


_WIDEST = 100_000  # characters


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return _safe(str(value))


def _safe(text: str) -> str:
    from iper_bench.data.frame_name import printable

    return "\n".join(map(printable, text.split("\n")))
