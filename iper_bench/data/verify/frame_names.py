"""``name_findings``: what the names of a clip's frames show to be wrong, without opening a file."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from iper_bench.data.verify.finding import Finding

_NUMBERED = re.compile(r"(?P<head>.*?)(?P<digits>[0-9]{1,18})(?P<ending>\.[^.]*)?", re.DOTALL)
FIRST = (0, 1)  # numbers with which data sets begin: extraction tools count from 0, MetaPix from 1
_SHOWN = 4  # ranges of missing numbers in one line


def name_findings(clip: str, names: Sequence[str], folder: str = "", *, hint: str = "") -> list[Finding]:
    """Gaps in the numbers, numbers that occur twice, names of another form than most.

    Parameters
    ----------
    names: file names of all pictures of the clip, in any order.
    folder: in which they lie, relative to the root.
    hint: how missing frames are made.

    A name's number is its last run of digits; its form is what stands around the number and the number's
    width. Where no name has a number nothing is said: such frames are in the order of their names.
    """
    numbered = {name: match for name in names if (match := _NUMBERED.fullmatch(name))}
    if not numbered:
        return []
    found = list(_repeated(clip, folder, numbered))
    missing = missing_numbers({int(match["digits"]) for match in numbered.values()})
    if missing:
        found.append(Finding("missing_frames", gap_text(missing), clip, folder, hint))
    return found + list(_forms(clip, folder, names, numbered))


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


def _repeated(clip: str, folder: str, numbered: dict[str, re.Match[str]]) -> Iterator[Finding]:
    alike: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name, match in numbered.items():
        alike[match["head"], int(match["digits"])].append(name)
    for (_, number), files in sorted(alike.items()):
        if len(files) > 1:
            text = f"frame {number} is there {len(files)} times, as {', '.join(sorted(files)[:_SHOWN])}"
            hint = "keep one of them; the others shift the frames behind them"
            yield Finding("frame_name", text, clip, folder, hint)


def _forms(
    clip: str, folder: str, names: Sequence[str], numbered: dict[str, re.Match[str]]
) -> Iterator[Finding]:
    widths = {len(match["digits"]) for match in numbered.values()}
    padded = any(match["digits"] != str(int(match["digits"])) for match in numbered.values())
    if len(widths) > 1 and not padded:
        text = f"{min(widths)} to {max(widths)} digits, no leading zeros: as text, 10 stands before 2"
        yield Finding("frame_name", text, clip, folder, "names with one number of digits, such as 0002.jpg")
    usual = Counter(_form(match, padded) for match in numbered.values()).most_common(1)[0][0]
    example = min(name for name, match in numbered.items() if _form(match, padded) == usual)
    for name in sorted(names):
        match = numbered.get(name)
        if match is None or _form(match, padded) != usual:
            text = f"'{name}' is written in another way than the other frames, such as '{example}'"
            yield Finding("frame_name", text, clip, folder, "the name that the published data has")


def _form(match: re.Match[str], padded: bool) -> tuple[str, str, int]:
    return match["head"], match["ending"] or "", len(match["digits"]) if padded else 0
