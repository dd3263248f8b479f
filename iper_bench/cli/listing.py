"""How verbs print names: plain columns on standard output, one entry a line, so that they can be piped on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from iper_bench.registry import Registry


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with all columns but the last padded to equal width."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        click.echo("  ".join(cells).rstrip())


def print_registry(registry: Registry[Any]) -> None:
    """Print the names of a registry and the distribution that registered each."""
    print_columns([(name, registry.origin(name)) for name in registry.names()])
