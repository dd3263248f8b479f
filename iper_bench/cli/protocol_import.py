"""``iper-bench protocol import``: a published JSON file as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from iper_bench.cli.options import PATH


@click.command("import")
@click.argument("path", metavar="FILE.json", type=PATH)
@click.option("--out", type=PATH, metavar="FILE.yaml", help="a new file  [default: print the YAML]")
@click.option("--name", metavar="NAME", help="of the protocol  [default: that of --out]")
@click.option("--dataset", metavar="NAME", help="[default: the one whose protocols list these videos]")
@click.option("--split", metavar="NAME", help="which split, or another name for it  [default: the file's]")
@click.option("--novel-view", is_flag=True, help="the novel views of a file of motion imitation")
@click.option("--iccv", is_flag=True, help="also write the variant of single sources, FILE-iccv.yaml")
@click.option("--repair", is_flag=True, help="mend the known defects and say so in the file")
def import_json(path: Path, **options: Any) -> None:
    """Turn FILE.json, a published protocol, into YAML, and report the defects it has.

    What is read: the files of svip-lab/impersonator (iPER, appearance transfer, MotionSynthetic, its novel
    views, FashionVideo) and files with the same keys.

    \b
      iper-bench protocol import iPER_protocol.json --out mine.yaml --iccv --repair
    """
    from iper_bench.protocol.import_file import imported_files

    found = imported_files(path, **options)
    for problem in found.imported.problems:
        click.echo(problem, err=True)
    click.echo(found.summary, err=True)
    if not found.written:
        click.echo(found.text, nl=False)
    for file in found.written:
        click.echo(file)
