"""``iper-bench protocol schema``: the JSON Schema of protocol files."""

from __future__ import annotations

import click


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of protocol files, for editors and other programs."""
    from iper_bench.protocol.json_schema import schema_text

    click.echo(schema_text(), nl=False)
