"""One progress bar for every long step; plain lines when the output is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")


def track(iterable: Iterable[T], description: str, *, total: int | None = None) -> Iterator[T]:
    """Yield from ``iterable`` while showing a bar with count, elapsed time and ETA on standard error.

    ``total`` is needed only when ``iterable`` has no length. On a pipe or a log file one line is printed at
    the start and at the end, so that logs stay short.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield from _plain(iterable, description, total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=False) as bar:
        yield from bar.track(iterable, total=total, description=description)


def _plain(iterable: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    length = total if total is not None else (len(iterable) if isinstance(iterable, Sized) else None)
    sys.stderr.write(f"{description}: start{'' if length is None else f', {length} items'}\n")
    count = 0
    for item in iterable:
        yield item
        count += 1
    sys.stderr.write(f"{description}: done, {count} items\n")
