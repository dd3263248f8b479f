"""``iper-bench metric``: what is measured, and how exactly."""

from __future__ import annotations

import click

from iper_bench.cli.listing import print_columns


@click.group()
def metric() -> None:
    """List metrics and show their definitions."""


@metric.command("list")
def list_all() -> None:
    """Names, which way is better, in which setting, and what each one is."""
    from iper_bench.metrics.metric import METRICS

    print_columns(
        [(one.name, one.direction, "+".join(one.settings), one.summary) for one in METRICS.values()]
    )


@metric.command("show")
@click.argument("name", metavar="METRIC")
@click.option("--profile", default="offline", show_default=True, metavar="NAME", help="whose definition")
def show(name: str, profile: str) -> None:
    """Print the exact definition of a metric in a profile."""
    import yaml

    from iper_bench.metrics.metric import metric as metric_of
    from iper_bench.metrics.profiles import PROFILES

    definition = PROFILES.get(profile).text(metric_of(name).name)
    click.echo(yaml.safe_dump(dict(definition), sort_keys=False, width=100).rstrip())


@metric.command("profiles")
def list_profiles() -> None:
    """Names of the profiles and what each one is for."""
    from iper_bench.metrics.profiles import PROFILES

    print_columns([(name, PROFILES.get(name).summary) for name in PROFILES])
