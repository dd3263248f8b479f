"""``Backlog``: groups of units that wait, and what becomes of those whose worker process died."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from iper_bench.run.unit import Unit

#: worker processes that a unit may cost; the second time it had more memory to itself
MOST_DEATHS = 2


class Backlog:
    """Groups are given out whole and in order. A group whose worker died comes back without what was done."""

    def __init__(self, groups: Sequence[Sequence[Unit]]) -> None:
        self._waiting = deque(list(group) for group in groups if group)
        self._deaths: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> list[Unit]:
        """The next group. Raises IndexError when none waits."""
        return self._waiting.popleft()

    def put_back(self, group: Sequence[Unit]) -> None:
        """A group that nobody began."""
        if group:
            self._waiting.appendleft(list(group))

    def died(self, left: Sequence[Unit], blamed: Unit) -> bool:
        """Take back what a dead worker had left; returns whether ``blamed``, the unit it was at, has cost its
        last worker. It is then not given out again.
        """
        self._deaths[blamed.id] += 1
        given_up = self._deaths[blamed.id] >= MOST_DEATHS
        self.put_back([unit for unit in left if not (given_up and unit.id == blamed.id)])
        return given_up
