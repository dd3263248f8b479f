"""``iper-bench protocol``: which evaluation protocols there are, and what one of them says."""

from __future__ import annotations

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import DATA_ROOT, SIZE


@click.group()
def protocol() -> None:
    """List and show evaluation protocols."""


@protocol.command("list")
def list_all() -> None:
    """Names, tasks and datasets of the protocols that come with the package."""
    from iper_bench.protocol.load import list_protocols, load_protocol

    found = [load_protocol(name) for name in list_protocols()]
    print_columns([(one.name, one.task, one.dataset, one.description.split(". ")[0]) for one in found])


@protocol.command("show")
@click.argument("name", metavar="NAME|YAML")
@click.option("--trials", is_flag=True, help="also list the trials it gives; needs the dataset")
@DATA_ROOT
@SIZE
def show(name: str, trials: bool, data_root: str | None, size: int | None) -> None:
    """Print the protocol NAME (or YAML file) as it was understood, with its hash."""
    import yaml

    from iper_bench.protocol.load import load_protocol

    found = load_protocol(name)
    click.echo(f"# {found.description}\n# hash {found.hash}" if found.description else f"# hash {found.hash}")
    click.echo(yaml.safe_dump(found.content(), sort_keys=False, default_flow_style=None, width=110).rstrip())
    if trials:
        from iper_bench.data.dataset import DATASETS
        from iper_bench.protocol.trials import build_trials

        dataset = DATASETS.get(found.dataset)(root=data_root, size=size or found.image_size)
        rows = [
            (trial.name, f"{len(trial.target_frames)} frames", trial.views_text)
            for trial in build_trials(found, dataset)
        ]
        click.echo(f"# {len(rows)} trials; candidate views as angle: frame (heading)")
        print_columns(rows)
