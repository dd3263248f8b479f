"""``iper-bench metric``: what is measured, and how exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iper_bench.cli.listing import print_columns

if TYPE_CHECKING:
    from iper_bench.metrics.definition import Definition
    from iper_bench.metrics.profiles.profile import Profile

#: in which a metric is looked for when no profile is named; the first is the one that a run takes
ORDER = ("offline", "standard", "paper", "legacy")


@click.group()
def metric() -> None:
    """List metrics and show their definitions."""


@metric.command("list")
@click.option("--profile", metavar="NAME", help="only the metrics of this profile")
def list_all(profile: str | None) -> None:
    """Names, which way is better, in which setting, and what each one is.

    With --profile, 'on request' marks metrics that are measured only when they are named.
    """
    from iper_bench.metrics.metric import METRICS, SETTINGS
    from iper_bench.metrics.profiles import PROFILES

    if profile is None:
        print_columns(
            [(one.name, one.direction, "+".join(one.settings), one.summary) for one in METRICS.values()]
        )
        return
    chosen = PROFILES.get(profile)
    by_default = {one.metric for setting in SETTINGS for one in chosen.metrics[setting]}
    print_columns(
        [
            (
                name,
                METRICS[name].direction,
                "+".join(one for one in SETTINGS if _of(chosen, name, one)),
                "by default" if name in by_default else "on request",
                METRICS[name].summary,
            )
            for name in sorted(chosen.names(), key=list(METRICS).index)
        ]
    )


@metric.command("show")
@click.argument("name", metavar="METRIC")
@click.option(
    "--profile", metavar="NAME", help=f"whose definition  [default: the first of {', '.join(ORDER)} with it]"
)
@click.option(
    "--setting", metavar="NAME", help="self or cross  [default: both where they differ, else the one]"
)
def show(name: str, profile: str | None, setting: str | None) -> None:
    """Print the exact definition of a metric in a profile: field: choice - what it means."""
    from iper_bench.errors import unknown_name
    from iper_bench.metrics.metric import SETTINGS
    from iper_bench.metrics.metric import metric as metric_of
    from iper_bench.metrics.profiles import PROFILES

    if setting is not None and setting not in SETTINGS:
        raise unknown_name("setting", setting, SETTINGS, where="--setting")
    fact = metric_of(name)
    chosen = PROFILES.get(profile) if profile is not None else _first_with(name)
    found = {one: _of(chosen, name, one) for one in (SETTINGS if setting is None else (setting,))}
    held: dict[str, Definition] = {one: text for one, text in found.items() if text is not None}
    if not held:
        where = f"profile {chosen.name}" + ("" if setting is None else f", setting {setting}")
        known = [one.metric for place in found for one in chosen.every(place)]
        raise unknown_name("metric", name, known, where=where)
    first = next(iter(held.values()))
    if all(text == first for text in held.values()):
        held = {" and ".join(held): first}
    unit = f", {fact.unit}" if fact.unit else ""
    better = "no direction" if fact.direction == "neither" else f"{fact.direction} is better"
    click.echo(f"{name}: {fact.summary} ({better}{unit})")
    for place, text in held.items():
        click.echo(f"\nprofile {chosen.name}, setting {place}, kind {text.kind.name} {text.kind.version}")
        for field, words in text.words().items():
            click.echo(f"  {field}: {text[field]} - {words}")
        if text.source:
            click.echo(f"  source: {text.source}")
    if not chosen.comparable:
        click.echo(f"\nnot comparable with the paper: {chosen.why_not}")


@metric.command("profiles")
def list_profiles() -> None:
    """Names of the profiles and what each one is for."""
    from iper_bench.metrics.profiles import PROFILES

    print_columns([(name, PROFILES.get(name).summary) for name in PROFILES])


def _of(profile: Profile, name: str, setting: str) -> Definition | None:
    return next((one for one in profile.every(setting) if one.metric == name), None)  # type: ignore[arg-type]


def _first_with(name: str) -> Profile:
    """The first profile that defines the metric. Raises UserError for a metric that none of them has."""
    from iper_bench.errors import UserError
    from iper_bench.metrics.profiles import PROFILES

    order = [*ORDER, *(one for one in PROFILES if one not in ORDER)]
    for chosen in map(PROFILES.get, order):
        if name in chosen.names():
            return chosen
    raise UserError(
        f"no profile defines '{name}'",
        expected="a metric of a profile",
        hint="iper-bench metric list --profile",
    )
