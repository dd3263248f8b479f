"""``iper-bench gate history``: how guarded numbers changed, why, and where their level stepped."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH


@click.command()
@click.argument("name")
@click.option("--out", type=PATH, metavar="FOLDER", help="write trend.svg, trend.png and history.md as well")
@click.option("--add", type=PATH, metavar="RUN", help="first put the numbers of a run on record")
@click.option("--reason", metavar="TEXT", help="with --add: what the run is")
@click.option(
    "--date", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="with --add: kept if given"
)
def history(name: str, out: Path | None, add: Path | None, reason: str | None, date: object) -> None:
    """Print the history of the baseline NAME: every renewal with its reason, and the steps of every number.

    NAME: a baseline of the package, the .json file of one, or a .jsonl history.

    \b
      iper-bench gate history synthetic-demo
      iper-bench gate history numbers.json --add runs/nightly --reason "nightly" --out runs/history
    """
    from iper_bench.report.history import find_history, record_run
    from iper_bench.report.history_text import write_history

    if add is None and (reason is not None or date is not None):
        raise click.UsageError("--reason and --date belong to --add RUN")
    if add is not None and not (reason or "").strip():
        raise click.UsageError('--add needs --reason "what the run is"')
    path = find_history(name)
    if add is not None:
        day = None if date is None else f"{date:%Y-%m-%d}"
        record_run(path, add, reason=reason or "", date=day)
    click.echo(write_history(path, out), nl=False)
