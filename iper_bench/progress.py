"""One progress bar for every long step; plain lines when the output is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")


def track(
    iterable: Iterable[T],
    description: str,
    *,
    total: int | None = None,
    status: Callable[[], str] | None = None,
) -> Iterator[T]:
    """Yield from ``iterable`` while showing a bar with count, elapsed time and ETA on standard error.

    ``total`` is needed only when ``iterable`` has no length. ``status`` is asked after every item for a short
    text that stands behind the bar, such as the present loss. On a pipe or a log file one line is printed at
    the start and at the end, so that logs stay short; the last one ends with the last status.
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
        yield from _plain(iterable, description, total, status)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}", markup=False),
    )
    length = total if total is not None else (len(iterable) if isinstance(iterable, Sized) else None)
    with Progress(*columns, console=console, transient=False) as bar:
        task = bar.add_task(description, total=length, status="")
        for item in iterable:
            yield item
            bar.update(task, advance=1, status=status() if status is not None else "")


def _plain(
    iterable: Iterable[T], description: str, total: int | None, status: Callable[[], str] | None
) -> Iterator[T]:
    length = total if total is not None else (len(iterable) if isinstance(iterable, Sized) else None)
    sys.stderr.write(f"{description}: start{'' if length is None else f', {length} items'}\n")
    count = 0
    for item in iterable:
        yield item
        count += 1
    last = status() if status is not None and count else ""
    sys.stderr.write(f"{description}: done, {count} items{f', {last}' if last else ''}\n")
