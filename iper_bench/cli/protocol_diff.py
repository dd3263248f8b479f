"""``iper-bench protocol diff``: where two protocols differ."""

from __future__ import annotations

import click


@click.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
def diff(first: str, second: str) -> None:
    """Print every field in which the protocols A and B (names or YAML files) differ.

    NAME@published is the edition without repairs. Names and descriptions are not compared. Exit status 0: the
    same, 1: different.

    \b
      iper-bench protocol diff iper-imitation@published iper-imitation
    """
    from iper_bench.protocol.difference import compared

    found = compared(first, second)
    for line in found.lines:
        click.echo(line)
    click.get_current_context().exit(found.exit_status)
