"""``iper-bench method``: what can be benchmarked."""

from __future__ import annotations

import click


@click.group()
def method() -> None:
    """List the methods that can be benchmarked."""


@method.command("list")
def list_methods() -> None:
    """Names, and the package each one comes from."""
    from iper_bench.cli.listing import print_registry
    from iper_bench.methods.method import METHODS

    print_registry(METHODS)
