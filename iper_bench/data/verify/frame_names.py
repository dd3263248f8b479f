"""``name_findings``: what the names of a clip's frames show to be wrong, without opening a file."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from iper_bench.data.frame_name import number_spans
from iper_bench.data.verify.finding import Finding

FIRST = (0, 1)  # numbers with which data sets begin: extraction tools count from 0, MetaPix from 1
_SHOWN = 4  # ranges of missing numbers in one line


class _Numbered(NamedTuple):
    """A name's number as it is written, and what stands before and after it, the ending included."""

    head: str
    digits: str
    tail: str

    @property
    def number(self) -> int:
        return int(self.digits)


def name_findings(clip: str, names: Sequence[str], folder: str = "", *, hint: str = "") -> list[Finding]:
    """Gaps in the numbers, numbers that occur twice, names of another form than most.

    Parameters
    ----------
    names: file names of all pictures of the clip, in any order.
    folder: in which they lie, relative to the root.
    hint: how missing frames are made.

    A name's number is that of :func:`iper_bench.data.frame_name.number_spans`; its form is what stands around
    the number and the number's width. Where no name has a number nothing is said: such frames are in the
    order of their names.
    """
    numbered = _numbered(names)
    if not numbered:
        return []
    found = list(_repeated(clip, folder, numbered))
    missing = missing_numbers({one.number for one in numbered.values()})
    if missing:
        found.append(Finding("missing_frames", gap_text(missing), clip, folder, hint))
    return found + list(_forms(clip, folder, names, numbered))


def _numbered(names: Sequence[str]) -> dict[str, _Numbered]:
    stems = [name.rpartition(".")[0] or name for name in names]
    return {
        name: _Numbered(name[: span[0]], name[slice(*span)], name[span[1] :])
        for name, span in zip(names, number_spans(stems), strict=True)
        if span is not None
    }


def missing_numbers(numbers: set[int]) -> list[tuple[int, int]]:
    """Ranges (first, last) that lack between the smallest and the largest of ``numbers``, and before the
    smallest when that is above 1.
    """
    ordered = sorted(numbers)
    before = [] if ordered[0] in FIRST else [(0, ordered[0] - 1)]
    between = [(left + 1, right - 1) for left, right in itertools.pairwise(ordered) if right > left + 1]
    return before + between


def gap_text(missing: Sequence[tuple[int, int]]) -> str:
    """``"numbers 13, 20 to 25 are missing, 7 frames in all"``."""
    total = sum(last - first + 1 for first, last in missing)
    ranges = [str(first) if first == last else f"{first} to {last}" for first, last in missing[:_SHOWN]]
    more = ", ..." if len(missing) > _SHOWN else ""
    if total == 1:
        return f"number {ranges[0]} is missing"
    return f"numbers {', '.join(ranges)}{more} are missing, {total} frames in all"


def _repeated(clip: str, folder: str, numbered: dict[str, _Numbered]) -> Iterator[Finding]:
    alike: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name, one in numbered.items():
        alike[one.head, one.number].append(name)
    for (_, number), files in sorted(alike.items()):
        if len(files) > 1:
            text = f"frame {number} is there {len(files)} times, as {', '.join(sorted(files)[:_SHOWN])}"
            hint = "keep one of them; the others shift the frames behind them"
            yield Finding("frame_name", text, clip, folder, hint)


def _forms(clip: str, folder: str, names: Sequence[str], numbered: dict[str, _Numbered]) -> Iterator[Finding]:
    widths = {len(one.digits) for one in numbered.values()}
    padded = any(one.digits != str(one.number) for one in numbered.values())
    if len(widths) > 1 and not padded:
        text = f"{min(widths)} to {max(widths)} digits, no leading zeros: as text, 10 stands before 2"
        yield Finding("frame_name", text, clip, folder, "names with one number of digits, such as 0002.jpg")
    usual = Counter(_form(one, padded) for one in numbered.values()).most_common(1)[0][0]
    example = min(name for name, one in numbered.items() if _form(one, padded) == usual)
    for name in sorted(names):
        found = numbered.get(name)
        if found is None or _form(found, padded) != usual:
            text = f"'{name}' is written in another way than the other frames, such as '{example}'"
            yield Finding("frame_name", text, clip, folder, "the name that the published data has")


def _form(one: _Numbered, padded: bool) -> tuple[str, str, int]:
    return one.head, one.tail, len(one.digits) if padded else 0
