"""``iper-bench data info``: which datasets are there, and what one of them holds."""

from __future__ import annotations

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import DATA_ROOT, SIZE


@click.command("info")
@click.argument("name", metavar="[DATASET]", required=False)
@DATA_ROOT
@SIZE
@click.option("--fingerprint", is_flag=True, help="compute the fingerprint: every file is looked at")
def info(name: str | None, data_root: str | None, size: int | None, fingerprint: bool) -> None:
    """Print what a dataset holds: place, splits, clips, frames, tracks, mattes, fitting protocols.

    Without DATASET: the datasets that are known, and what is there of them.
    """
    from iper_bench.data.dataset import DATASETS
    from iper_bench.data.summary import list_datasets, summarise
    from iper_bench.protocol.load import list_protocols, load_protocol

    if name is None:
        if data_root is not None or size is not None or fingerprint:
            raise click.UsageError("options without a dataset; expected its name before them")
        print_columns(list_datasets())
        return
    dataset = DATASETS.get(name)(root=data_root, size=size)
    rows = summarise(dataset)
    fitting = [one.name for one in map(load_protocol, list_protocols()) if one.dataset == dataset.name]
    rows.append(("protocols", ", ".join(fitting) or "none"))
    if fingerprint:
        rows.append(("fingerprint", dataset.fingerprint))
    print_columns(rows)
