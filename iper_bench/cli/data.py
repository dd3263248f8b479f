"""``iper-bench data``: make the embedded dataset; verify, prepare and look into any dataset."""

from __future__ import annotations

import click

from iper_bench.cli.lazy import LazyGroup

VERBS = {
    "info": ("iper_bench.cli.data_info:info", "what a dataset holds"),
    "verify": ("iper_bench.cli.data_verify:verify", "check a local copy: missing, damaged, unexpected files"),
    "prepare": ("iper_bench.cli.data_prepare:prepare", "frames, crops, bodies and boxes from raw videos"),
    "make-synthetic": ("iper_bench.cli.data_make:make", "render the embedded dataset into a folder"),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def data() -> None:
    """Make the embedded dataset; verify, prepare and look into any dataset."""
