"""Where two protocols differ, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from iper_bench.protocol.load import load_edition
from iper_bench.protocol.schema import Protocol
from iper_bench.protocol.written import plain, written_entry, written_pair

Groups = dict[str, dict[str, dict[str, Any]]]
ABSENT = "absent"
_MOST = 200  # characters of a value in a message


@dataclass(frozen=True)
class Difference:
    """One field: where, and what each of the two holds, in words."""

    place: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.place}: {self.first} -> {self.second}"


def differences(first: Protocol, second: Protocol) -> list[Difference]:
    """Every difference but those of name and description; empty when the two are the same evaluation.

    Clips are told apart by video and variant, whatever their order; pairs by source and reference. A
    protocol in its published edition stands with its published values, and then repairs do not count.
    Frame names count as they are written.
    """
    found: list[Difference] = []
    for key, (one, other) in _zipped(_top(first), _top(second)):
        if one != other:
            found += _inside(key, one, other)
    first_groups, second_groups = _both(first, second)
    for group in ("clips", "pairs"):
        ours, theirs = first_groups[group], second_groups[group]
        for label, (one, other) in _zipped(ours, theirs):
            if one is None or other is None:
                found.append(Difference(f"{group}[{label}]", *_presence(one, other)))
            elif one != other:
                found += _inside(f"{group}[{label}]", one, other)
        if not found and list(ours) != list(theirs):
            found.append(Difference(group, "in this order", "in another order"))
    return found


def counts(first: Protocol, second: Protocol) -> tuple[int, int, int]:
    """How many clips the second adds, lacks and changes."""
    ours, theirs = (groups["clips"] for groups in _both(first, second))
    changed = sum(ours[label] != theirs[label] for label in ours if label in theirs)
    return len(theirs.keys() - ours.keys()), len(ours.keys() - theirs.keys()), changed


def _both(first: Protocol, second: Protocol) -> tuple[Groups, Groups]:
    repairs = not first.published and not second.published
    return _groups(first, repairs=repairs), _groups(second, repairs=repairs)


def _top(protocol: Protocol) -> dict[str, Any]:
    content = protocol.content()
    kept = ("task", "dataset", "split", "image_size", "source_counts", "rules", "take", "background")
    return {key: plain(content[key]) for key in kept if content.get(key) is not None}


def _groups(protocol: Protocol, *, repairs: bool) -> Groups:
    """Clips and pairs by their labels; ``repairs``: with what was published in mended places."""
    clips = {}
    for entry in protocol.clips:
        fields = clips[entry.label] = written_entry(entry, published=protocol.published)
        if entry.repairs and repairs:
            fields["repaired"] = {one.path: [one.published, one.shorter_than] for one in entry.repairs}
    pairs = {f"{pair.source} <- {pair.reference}": written_pair(pair) for pair in protocol.pairs}
    return {"clips": clips, "pairs": pairs}


def _zipped(first: dict[Any, Any], second: dict[Any, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for key in dict.fromkeys([*first, *second]):
        yield str(key), (first.get(key), second.get(key))


def _inside(place: str, first: Any, second: Any) -> Iterator[Difference]:
    """The smallest fields that differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key, (one, other) in _zipped(first, second):
            if one != other:
                yield from _inside(f"{place}.{key}", one, other)
    else:
        yield Difference(place, _shown(first), _shown(second))


def _presence(first: Any, second: Any) -> tuple[str, str]:
    return (ABSENT if first is None else "there"), (ABSENT if second is None else "there")


def _shown(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, dict):
        value = list(value)
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."


@dataclass(frozen=True)
class Compared:
    """Two protocols side by side, as text."""

    lines: tuple[str, ...]
    exit_status: int


def compared(first: str, second: str) -> Compared:
    """Two protocols by name, file, or either with ``@published``. Raises UserError for one that is unknown or
    unreadable.
    """
    ours, theirs = load_edition(first), load_edition(second)
    found = differences(ours, theirs)
    if not found:
        return Compared((f"{first} and {second} are the same",), 0)
    added, removed, changed = counts(ours, theirs)
    summary = f"{len(found)} differences; clips: {added} added, {removed} removed, {changed} changed"
    return Compared((*map(str, found), summary), 1)
