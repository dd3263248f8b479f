"""``iper-bench method list``: what can be benchmarked."""

from __future__ import annotations

import click


@click.command("list")
def list_methods() -> None:
    """Names, the package each one comes from, and what it is."""
    from iper_bench.cli.listing import print_columns
    from iper_bench.methods.method_kinds import list_methods as listed

    print_columns(listed())
