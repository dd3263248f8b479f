"""``count_clips``: how much of a data set is there, beside what is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iper_bench.data.verify.facts import Facts
from iper_bench.data.verify.finding import Finding
from iper_bench.data.verify.report import Count
from iper_bench.data.verify.tree_clip_check import ClipCheck

NOTHING = Facts(clips=0)
TRACKS = "clips with a track"
_HINT = "the release of the data set"


def count_clips(
    checks: Sequence[ClipCheck], lists: Mapping[str, Sequence[str]], facts: Facts | None
) -> list[Count]:
    """Rows of the table.

    Parameters
    ----------
    checks: of the clips that are there. lists: split -> the clips that it lists.
    facts: what is published; without, a split should have the clips that it lists.
    """
    known = NOTHING if facts is None else facts
    whole = [check for check in checks if check.frames]
    names = {check.name for check in whole}
    listed = {name for split in lists.values() for name in split}
    rows = [Count("clips", len(names), len(listed) if facts is None else facts.clips)]
    for split, clips in lists.items():
        published = known.splits.get(split)
        expected = len(clips) if published is None else published.clips
        rows.append(Count(f"split {split}", len(names.intersection(clips)), expected))
    rows.append(Count("frames", sum(check.frames for check in whole), known.frames))
    for what, expected in known.counts.items():
        heads = {tuple(name.split("/")[: known.levels[what]]) for name in names}
        rows.append(Count(what, len(heads), expected))
    for start, expected in known.prefixes.items():
        rows.append(Count(f"clips {start}*", sum(name.startswith(start) for name in names), expected))
    rows.append(Count(TRACKS, sum(check.has_track for check in whole), len(names)))
    rows.append(Count("clips with mattes", sum(check.has_mattes for check in whole)))
    return rows


def count_findings(counts: Sequence[Count]) -> list[Finding]:
    """Rows that differ from what is published. Clips without a track are findings of their own."""
    return [
        Finding("count", f"{count.what}: {count.found} of {count.expected}, {count.verdict}", hint=_HINT)
        for count in counts
        if count.verdict not in ("", "all") and count.what != TRACKS
    ]
