"""A plan in parts of about equal size, the same on every machine."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Protocol, TypeVar


class Countable(Protocol):
    """What a part is made of: units, planned or resolved."""

    @property
    def id(self) -> str:
        """Content hash."""

    @property
    def frame_count(self) -> int:
        """Frames to predict."""


One = TypeVar("One", bound=Countable)


def in_shards(groups: Sequence[Sequence[One]], count: int) -> list[list[Sequence[One]]]:
    """``count`` lists of whole groups, some of them empty when there are fewer groups.

    The largest group goes first to the part that holds the fewest frames (at most 4/3 of the best possible
    largest part: Graham, 1969, LPT rule); ties go by the ids of the units, so that the parts depend on
    nothing but the units. Within a part the order of the plan stays. Raises ValueError for a ``count``
    below 1.
    """
    if count < 1:
        raise ValueError(f"{count} parts; expected 1 or more")
    sizes = [sum(unit.frame_count for unit in group) for group in groups]
    largest_first = sorted(range(len(groups)), key=lambda place: (-sizes[place], _name(groups[place])))
    loads = [(0, part) for part in range(count)]
    chosen: dict[int, int] = {}
    for place in largest_first:
        load, part = loads[0]
        chosen[place] = part
        heapq.heapreplace(loads, (load + sizes[place], part))
    return [[group for place, group in enumerate(groups) if chosen[place] == part] for part in range(count)]


def _name(group: Sequence[One]) -> str:
    return min((unit.id for unit in group), default="")
