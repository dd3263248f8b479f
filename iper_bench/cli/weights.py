"""``iper-bench weights``: the weights that come with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from iper_bench.cli.listing import print_columns
from iper_bench.hashing import file_sha256


@click.group()
def weights() -> None:
    """List the weights that come with the package."""


@weights.command("list")
def list_all() -> None:
    """File, size, the start of its sha256, and the card that says how it was made."""
    with resources.as_file(resources.files("iper_bench.lwg.weights")) as folder:
        files = sorted(folder.glob("*.safetensors"))
        print_columns([_describe(path) for path in files])


def _describe(path: Path) -> tuple[str, str, str, str]:
    cards = [path.with_suffix(ending) for ending in (".yaml", ".md") if path.with_suffix(ending).is_file()]
    megabytes = f"{path.stat().st_size / 1e6:.1f} MB"
    return path.name, megabytes, file_sha256(path)[:12], str(cards[0]) if cards else "no card"
