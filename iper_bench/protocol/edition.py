"""Which of two values stands in a mended place of a protocol: what was published, or the repair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from iper_bench.protocol.entry_reading import with_published
from iper_bench.protocol.repair import Repair
from iper_bench.protocol.schema import Entry, Protocol

Length = Callable[[str], int]


def chosen_edition(entry: Entry, length: Length, *, published: bool) -> tuple[Entry, tuple[Repair, ...]]:
    """The entry as it is evaluated, and the repairs that hold in it.

    Parameters
    ----------
    length: video -> its number of frames.
    published: ask for the published values. One that names a frame beyond the end of its video cannot be
        evaluated, and the repair stands.
    """
    held = []
    for repair in entry.repairs:
        before = with_published(entry, repair)
        least = repair.shorter_than
        back = published if least is None else length(entry.video) >= least
        if back and fits(before, length):
            entry = before
        else:
            held.append(repair)
    return entry, tuple(held)


def published_form(protocol: Protocol) -> Protocol:
    """The protocol as if nothing had been mended: every published value in its place, whatever the dataset,
    and no repairs.
    """
    return replace(protocol, clips=tuple(map(_published_entry, protocol.clips)), published=False)


def _published_entry(entry: Entry) -> Entry:
    for repair in entry.repairs:
        entry = with_published(entry, repair)
    return replace(entry, repairs=())


def fits(entry: Entry, length: Length) -> bool:
    """Whether all sources, targets and ranges of the cross drive lie inside their videos."""
    own = length(entry.video)
    frames = [*entry.candidates, *entry.targets, *(one for some in entry.sources.values() for one in some)]
    cross = entry.cross_drive
    if cross is not None:
        if cross.frames.last >= length(cross.video):
            return False
        frames.append(cross.real.last if cross.real is not None else 0)
    return all(frame < own for frame in frames)
