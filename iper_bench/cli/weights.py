"""``iper-bench weights``: the weights that come with the package, and those of others."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import PATH
from iper_bench.hashing import file_sha256


@click.group()
def weights() -> None:
    """List the weights that come with the package, look into any, convert official checkpoints."""


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


@weights.command("show")
@click.argument("file", type=PATH)
def show(file: Path) -> None:
    """Say what FILE is: network, sizes, settings, training. FILE may be an official checkpoint."""
    from iper_bench.lwg.convert import describe

    print_columns(describe(file))


@weights.command("convert")
@click.argument("file", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="FILE", help="the .safetensors to write")
@click.option("--generator", metavar="NAME", help="its name, where two generators have the same keys")
@click.option(
    "--variant", default="released", show_default=True, metavar="NAME", help="settings: released or paper"
)
def convert(file: Path, out: Path, generator: str | None, variant: str) -> None:
    """Turn the official checkpoint FILE into safetensors with settings, and write a card beside it.

    Recognised by their keys: the generators and discriminators of iPERCore and the ICCV code, sphere20a,
    VGG19, SPIN and HMR. Nothing in FILE is run.
    """
    from iper_bench.lwg.convert import convert as convert_file

    print_columns(convert_file(file, out, generator=generator, variant=variant).rows)
