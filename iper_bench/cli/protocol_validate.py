"""``iper-bench protocol validate``: check a protocol against its dataset."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import DATA_ROOT, PATH


@click.command("validate")
@click.argument("name", metavar="NAME|YAML")
@click.option("--dataset", metavar="NAME", help="dataset to check against  [default: the protocol's]")
@DATA_ROOT
@click.option("--as-published", "published", is_flag=True, help="with the published values, not the repairs")
@click.option("--json", "file", type=PATH, metavar="FILE", help="write the problems as JSON as well")
def validate(
    name: str, dataset: str | None, data_root: str | None, published: bool, file: Path | None
) -> None:
    """Print every problem of the protocol NAME (or YAML file), in itself and on its dataset.

    Names and numbers of frames are compared; nothing is decoded. Exit status 1: there are errors. Without the
    dataset only the file is checked, and the status is 2.
    """
    from iper_bench.atomic import write_json
    from iper_bench.protocol.validation import validated

    found = validated(name, dataset=dataset, data_root=data_root, published=published)
    if file is not None:
        write_json(file, found.content())
    for problem in found.problems:
        click.echo(problem)
    click.echo(found.summary)
    if found.missing is not None:
        raise found.missing
    click.get_current_context().exit(found.exit_status)
