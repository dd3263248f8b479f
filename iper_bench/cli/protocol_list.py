"""``iper-bench protocol list``: the protocols that come with the package."""

from __future__ import annotations

import click

from iper_bench.cli.listing import print_columns


@click.command("list")
def list_all() -> None:
    """Name, task, dataset, number of clips and of repairs of the protocols that come with the package.

    "rules": the clips follow from the dataset's split.
    """
    from iper_bench.protocol.load import list_protocols, load_protocol

    print_columns([load_protocol(name).overview for name in list_protocols()])
