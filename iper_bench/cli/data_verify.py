"""``iper-bench data verify``: whether a local copy of a dataset is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from iper_bench.cli.options import DATA_ROOT, PATH


@click.command("verify")
@click.argument("dataset", metavar="DATASET")
@DATA_ROOT
@click.option("--manifest", type=PATH, metavar="FILE", help="also compare every file with this manifest")
@click.option(
    "--write-manifest", type=PATH, metavar="FILE", help="write a manifest: size and sha256 of every file"
)
@click.option("--deep", is_flag=True, help="decode every picture and video to its end")
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=256),
    metavar="N",
    help="processes of --deep  [default: the cores]",
)
@click.option("--published", is_flag=True, help="the data as published, though a prepared copy is there")
@click.option("--json", "file", type=PATH, metavar="FILE", help="write the report as JSON as well")
def verify(file: Path | None, **options: Any) -> None:
    """Check a local copy of DATASET: what is missing, cut or damaged, unexpected.

    Clips, frames and names are compared with what is published of the data set. Exit status 1: something was
    found. What is looked for: docs/datasets.md.

    \b
      iper-bench data verify iper --data-root /data/iPER
      iper-bench data verify iper --data-root /data/iPER --deep --json findings.json
      iper-bench data verify folder --data-root mine --write-manifest mine.json
    """
    from iper_bench.atomic import write_json
    from iper_bench.data.verify import VerifyRequest
    from iper_bench.data.verify import verify as verify_dataset

    report = verify_dataset(VerifyRequest(**options))
    for line in report.lines():  # first: a file that cannot be written does not lose them
        click.echo(line)
    if file is not None:
        write_json(file, report.content())
    click.get_current_context().exit(report.exit_status)
