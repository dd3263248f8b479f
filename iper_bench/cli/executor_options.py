"""The options that say where units are computed; they change no number."""

from __future__ import annotations

import re

import click

from iper_bench.run.request import EXECUTORS, LOCAL

_SHARD = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
_PAIR = re.compile(r"([a-z][a-z0-9_]*)=(.+)")


def _jobs(context: click.Context, parameter: click.Parameter, value: str) -> int:
    if value == "auto":
        return 0
    if not value.isdecimal() or not 1 <= int(value[:9]) <= 10_000 or len(value) > 9:
        raise click.BadParameter(f"'{value[:40]}'; expected auto or a number from 1 to 10000")
    return int(value)


def _shard(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    found = _SHARD.fullmatch(value.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"'{value[:40]}'; expected I/N with I from 1 to N, for example 1/3")
    return int(found[1]), int(found[2])


def _pairs(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    found = [(text, _PAIR.fullmatch(text)) for text in value]
    for text, match in found:
        if match is None:
            raise click.BadParameter(f"'{text[:40]}'; expected NAME=VALUE, for example partition=gpu")
    return tuple((match[1], match[2]) for _, match in found if match is not None)


WHERE_IT_RUNS = (
    click.option(
        "--executor",
        type=click.Choice(EXECUTORS),
        default=LOCAL,
        show_default=True,
        help="local: processes of this machine; ray: a Ray cluster (extra distributed); slurm: jobs through "
        "submitit (extra distributed)",
    ),
    click.option(
        "--jobs",
        callback=_jobs,
        default="1",
        show_default=True,
        metavar="N|auto",
        help="units computed at once, as far as memory holds them",
    ),
    click.option(
        "--shard",
        callback=_shard,
        metavar="I/N",
        help="only part I of N, into a folder of its own; iper-bench merge puts the parts together",
    ),
    click.option(
        "--executor-option",
        "executor_options",
        callback=_pairs,
        multiple=True,
        metavar="NAME=VALUE",
        help="of ray: address; of slurm: partition, time, mem_gb, ... (may be repeated)",
    ),
    click.option("--address", metavar="HOST:PORT", help="of the Ray cluster  [default: one on this machine]"),
)
