"""``iper-bench weights``: the weights that come with the package, and those of others."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import PATH
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256

if TYPE_CHECKING:
    from iper_bench.metrics.backbones.identities import Backbone
    from iper_bench.metrics.weight_state import State

WRONG_FILES = 1  # exit status of ``verify``

_FOLDER = click.option(
    "--weights-dir",
    type=PATH,
    metavar="FOLDER",
    help="where the files lie  [default: IPER_BENCH_WEIGHTS, else weights in the cache folder]",
)


@click.group()
def weights() -> None:
    """List, fetch, verify and add weights; look into official checkpoints and convert them."""


@weights.command("list")
@_FOLDER
def list_all(weights_dir: Path | None) -> None:
    """Weights of the package, with the card that says how each was made; then those of every metric network.

    The latter by name, size, state and licence, file and how to come by it. Every file that is here is
    hashed.
    """
    from iper_bench.metrics.backbones.identities import BACKBONES
    from iper_bench.metrics.weight_state import state
    from iper_bench.metrics.weights import weights_folder

    folder = weights_folder(weights_dir)
    with resources.as_file(resources.files("iper_bench.lwg.weights")) as own:
        print_columns([_describe(path) for path in sorted(own.glob("*.safetensors"))])
    click.echo(f"\nmetric networks, in {folder}:")
    states = [state(backbone, folder) for backbone in BACKBONES.values()]
    print_columns([_listed(found) for found in states])
    for found in states:
        if found.why:
            click.echo(f"{found.identity.name}: {found.why}")


def _describe(path: Path) -> tuple[str, str, str, str]:
    cards = [path.with_suffix(ending) for ending in (".yaml", ".md") if path.with_suffix(ending).is_file()]
    megabytes = f"{path.stat().st_size / 1e6:.1f} MB"
    return path.name, megabytes, file_sha256(path)[:12], str(cards[0]) if cards else "no card"


def _listed(found: State) -> tuple[str, ...]:
    identity = found.identity
    source = identity.url or identity.source
    file = found.path.name if found.path is not None else identity.files[0]
    return identity.name, found.size, found.words, identity.licence, f"{file} from {source}: {identity.way}"


@weights.command("fetch")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "everything", is_flag=True, help="every network that has a public address")
@_FOLDER
def fetch(names: tuple[str, ...], everything: bool, weights_dir: Path | None) -> None:
    """Download the weights of the networks NAME, whose licences `weights list` names.

    A file gets its name when it is whole and its sha256 is right. An attempt that was cut off is resumed by
    the same command.
    """
    from iper_bench.metrics import weight_fetch
    from iper_bench.metrics.backbones.identities import BACKBONES
    from iper_bench.metrics.weights import weights_folder

    if everything == bool(names):
        raise UserError(
            "nothing to fetch" if not names else "names and --all",
            where="iper-bench weights fetch",
            expected="NAME... or --all",
            hint="iper-bench weights list",
        )
    chosen = _chosen(names) if names else [one for one in BACKBONES.values() if one.identity.url]
    folder = weights_folder(weights_dir, create=True)
    for backbone in chosen:
        file, fetched = weight_fetch.fetch(backbone, folder)
        click.echo(f"{backbone.identity.label(file.sha256)}  {'' if fetched else 'already '}in {file.path}")
    if everything:
        rest = [one.identity for one in BACKBONES.values() if not one.identity.url and not one.identity.pip]
        print_columns([(f"{one.name}: no public address", f"from {one.source}: {one.way}") for one in rest])


@weights.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@_FOLDER
def verify(names: tuple[str, ...], weights_dir: Path | None) -> None:
    """Hash and load the files of the networks NAME, or of all that are here.

    Exit status 1: a file is wrong, or one that was named is not here.
    """
    from iper_bench.metrics import weight_state
    from iper_bench.metrics.backbones.identities import BACKBONES
    from iper_bench.metrics.weights import weights_folder

    folder = weights_folder(weights_dir)
    chosen = _chosen(names) if names else list(BACKBONES.values())
    bad = {weight_state.WRONG, weight_state.MISSING} if names else {weight_state.WRONG}
    states = [weight_state.verify(backbone, folder) for backbone in chosen]
    print_columns([(found.identity.name, found.words, found.why or _place(found)) for found in states])
    if any(found.words in bad for found in states):
        click.get_current_context().exit(WRONG_FILES)


def _place(found: State) -> str:
    return str(found.path) if found.path is not None else found.identity.way


@weights.command("add")
@click.argument("name")
@click.argument("path", type=PATH)
@_FOLDER
def add(name: str, path: Path, weights_dir: Path | None) -> None:
    """Take the file PATH for the weights of the network NAME, when it fits, and trust its sha256 from now on.

    It is linked or copied into the folder; nothing in it is run. A file that stands there already is trusted
    anew, on purpose.
    """
    from iper_bench.metrics import weight_add
    from iper_bench.metrics.weights import weights_folder

    (backbone,) = _chosen((name,))
    file = weight_add.add(backbone, path, weights_folder(weights_dir, create=True))
    click.echo(f"{backbone.identity.label(file.sha256)}  in {file.path}")


def _chosen(names: tuple[str, ...]) -> list[Backbone]:
    """The networks of those names, each once. Raises UserError with the nearest names."""
    from iper_bench.metrics.backbones.identities import backbone

    return [backbone(name) for name in dict.fromkeys(names)]


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
