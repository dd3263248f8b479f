"""``iper-bench method``: what can be benchmarked."""

from __future__ import annotations

import click


@click.group()
def method() -> None:
    """List the methods that can be benchmarked."""


@method.command("list")
def list_methods() -> None:
    """Names, the package each one comes from, and where its weights come from."""
    from iper_bench.cli.listing import print_columns
    from iper_bench.lwg.strategy import GENERATOR_OF, PACKAGED_METHOD
    from iper_bench.methods.method import METHODS

    rows = []
    for name in METHODS.names():
        weights = ""
        if name == PACKAGED_METHOD:
            weights = "weights of the package, or name@FILE"
        elif name in GENERATOR_OF:
            weights = f"needs weights: {name}@FILE"
        rows.append((name, METHODS.origin(name), weights))
    print_columns(rows)
