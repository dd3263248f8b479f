"""``iper-bench protocol show``: what a protocol says, as it was understood."""

from __future__ import annotations

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import DATA_ROOT, SIZE


@click.command("show")
@click.argument("name", metavar="NAME|YAML")
@click.option("--trials", is_flag=True, help="also list the trials it gives; needs the dataset")
@click.option("--defects", is_flag=True, help="only the repairs: what was published, what stands, why")
@click.option("--as-published", "published", is_flag=True, help="with the published values, not the repairs")
@DATA_ROOT
@SIZE
def show(
    name: str, trials: bool, defects: bool, published: bool, data_root: str | None, size: int | None
) -> None:
    """Print the protocol NAME (or YAML file) as it was understood, with its hash.

    NAME@published is the same as NAME --as-published.
    """
    from iper_bench.protocol.load import load_edition
    from iper_bench.protocol.showing import defect_rows, shown_protocol, trial_rows

    found = load_edition(name)
    found = found.as_published() if published else found
    if defects:
        print_columns(defect_rows(found))
        return
    click.echo(shown_protocol(found))
    if trials:
        rows = trial_rows(found, data_root, size)
        click.echo(f"# {len(rows)} trials; candidate views as angle: frame (heading)")
        print_columns(rows)
