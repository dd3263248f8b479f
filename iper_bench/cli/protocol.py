"""``iper-bench protocol``: which protocols there are, what they say, whether they fit; new ones."""

from __future__ import annotations

import click

from iper_bench.cli.lazy import LazyGroup

VERBS = {
    "list": ("iper_bench.cli.protocol_list:list_all", "the protocols that come with the package"),
    "show": ("iper_bench.cli.protocol_show:show", "what one says, its trials, its defects"),
    "validate": ("iper_bench.cli.protocol_validate:validate", "check one against a dataset"),
    "diff": ("iper_bench.cli.protocol_diff:diff", "where two differ"),
    "import": ("iper_bench.cli.protocol_import:import_json", "a published JSON file as YAML"),
    "make": ("iper_bench.cli.protocol_make:make", "a protocol for a folder of videos"),
    "schema": ("iper_bench.cli.protocol_schema:schema", "the JSON Schema of protocol files"),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def protocol() -> None:
    """List, show, check, compare, import and make evaluation protocols."""
