"""Options that several verbs share, and the comma lists they are typed as."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

MOST_DIGITS = 40  # of a typed number; Python itself refuses to read thousands
LARGEST_SEED = 2**63 - 1  # torch's
_OUTER_COMMA = re.compile(r",(?![^\[\]]*\])")


class _Path(click.Path):
    """A path that is not empty: an empty one, mostly an unset variable, would mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("is empty; expected a path", param, ctx)
        return super().convert(value, param, ctx)


#: a folder to write to or a file to read; whether it is usable shows when it is used
PATH = _Path(path_type=Path)
SEED = click.IntRange(min=0, max=LARGEST_SEED)


def split_names(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """``"a,b"`` -> ``("a", "b")``, nothing typed -> ``()``; commas between brackets do not count. Whether the
    names exist is for the registries to say.
    """
    if value is None:
        return ()
    names = tuple(part.strip() for part in _OUTER_COMMA.split(value))
    if not all(names):
        raise click.BadParameter(
            f"'{value}' has an empty entry; expected names with commas between, as in a,b"
        )
    return names


def split_numbers(
    least: int, most: int | None = None
) -> Callable[[click.Context, click.Parameter, str], tuple[int, ...]]:
    """``"1,2"`` -> ``(1, 2)``: a callback for whole numbers not under ``least`` and not over ``most``."""

    def split(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
        parts = [part.strip() for part in value.split(",")]
        wrong = [
            part for part in parts if not part.isdecimal() or len(part) > MOST_DIGITS or int(part) < least
        ]
        if wrong:
            raise click.BadParameter(
                f"'{wrong[0][:40]}' in '{value[:80]}'; expected whole numbers from {least}, commas between"
            )
        numbers = tuple(int(part) for part in parts)
        if most is not None and max(numbers) > most:
            raise click.BadParameter(f"'{max(numbers)}'; expected numbers up to {most}")
        return numbers

    return split


def not_nan(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse ``nan``, which every comparison of a range lets through."""
    if value is not None and value != value:
        raise click.BadParameter("'nan' is no number")
    return value


def typed(values: tuple[int, ...] | tuple[str, ...]) -> str:
    """The default of a list as it would be typed."""
    return ",".join(str(value) for value in values)


def add_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    """Decorate ``command`` so that ``--help`` lists ``options`` in the order given."""
    for option in reversed(options):
        command = option(command)
    return command


DATASET = click.option("--dataset", required=True, metavar="NAME", help="dataset, for example synthetic")
DATA_ROOT = click.option(
    "--data-root",
    metavar="FOLDER",
    help="where the dataset lies  [default: IPER_BENCH_DATA; synthetic: else the cache folder]",
)
SIZE = click.option(
    "--size", type=click.IntRange(min=16), metavar="PX", help="side of the frames  [default: the dataset's]"
)
