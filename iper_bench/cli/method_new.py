"""``iper-bench method new``: a working package to start a method from."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH


@click.command()
@click.argument("name")
@click.option("--out", type=PATH, metavar="FOLDER", help="where it is written  [default: NAME]")
def new(name: str, out: Path | None) -> None:
    """Write a package for the method NAME, which runs as it is."""
    from iper_bench.methods.starter_folder import write_starter

    files = write_starter(name, out)
    for path in files:
        click.echo(str(path))
    folder = next(path for path in files if path.name == "pyproject.toml").parent
    click.echo(f"\nnext: pip install -e {folder}\n      iper-bench method check {name}")
