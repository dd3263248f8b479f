"""``UnitExecutor``: where units are done. Whatever does them, the files are the same to the last byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from iper_bench.run.unit import Unit
from iper_bench.run.worker import Worker


class UnitExecutor(Protocol):
    """Does units that nobody has done."""

    def run(self, groups: Sequence[Sequence[Unit]]) -> Iterator[tuple[Unit, str | None]]:
        """Yield each unit when it is done, with ``None`` or the reason of its failure.

        ``groups``: units that share a personalisation, which stay together. Raises StoreError when the run
        folder cannot be written, UserError when nobody can work.
        """


class InProcess:
    """One unit after the other, in this process."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def run(self, groups: Sequence[Sequence[Unit]]) -> Iterator[tuple[Unit, str | None]]:
        """See :class:`UnitExecutor`."""
        for group in groups:
            for outcome in self._worker.run([unit.id for unit in group]):
                yield outcome.unit, outcome.reason
