"""From the rules of a protocol to the entries of a dataset: what an official file would list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError
from iper_bench.protocol.candidates import SOURCE_POSITIONS, VIEW_ANGLES, Candidates, candidates_of
from iper_bench.protocol.parts import part_range, removed_runs, usable_frames
from iper_bench.protocol.schema import (
    METAPIX,
    NEXT_CLIP,
    CrossRule,
    Drive,
    Entry,
    FrameRange,
    Pair,
    Protocol,
    Rules,
    Span,
    TransferRule,
)

METAPIX_FIRST, METAPIX_FEWEST = 100, 200  # first place of the published lists; shorter parts begin at 0


@dataclass(frozen=True)
class Resolved:
    """Entries in the order of the clips, and the pairs of appearance transfer.

    ``left_out``: entries that a limit leaves out. Drivers may be among them: these say which frames count.
    """

    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...] = ()
    left_out: tuple[Entry, ...] = ()


def resolve(protocol: Protocol, rules: Rules, dataset: Dataset) -> Resolved:
    """The entries that the rules give on a dataset.

    Raises
    ------
    UserError for a split without clips, frames that a clip does not have, a clip without a clear heading.
    """
    clips = spread_over_subjects(dataset.clips(protocol.split), rules.clip_limit)
    if not clips:
        raise UserError(f"split '{protocol.split}' of dataset '{dataset.name}' has no clips")
    return resolve_clips(protocol, rules, clips)


def resolve_clips(protocol: Protocol, rules: Rules, clips: Sequence[Clip]) -> Resolved:
    """The entries that the rules give on these clips and no others. Raises UserError as :func:`resolve`."""
    makers = [_Maker(protocol, rules, clip) for clip in clips]
    entries = tuple(maker.entry(_driver(rules.cross_rule, makers, at)) for at, maker in enumerate(makers))
    pairs = _pairs(rules.transfer_rule, makers) if rules.transfer_rule is not None else ()
    return Resolved(entries, pairs)


def serviceable(
    protocol: Protocol, rules: Rules, clips: Sequence[Clip]
) -> tuple[list[Clip], dict[str, UserError]]:
    """The clips that the rules give an entry for, and of every other clip why not."""
    served: list[Clip] = []
    refused: dict[str, UserError] = {}
    for clip in clips:
        try:
            maker = _Maker(protocol, rules, clip)
            maker.entry(maker if rules.cross_rule is not None else None)
        except UserError as error:
            refused[clip.name] = error
        else:
            served.append(clip)
    return served, refused


def spread_over_subjects(clips: Sequence[Clip], limit: int | None) -> list[Clip]:
    """The first ``limit`` clips in turns over the subjects (first clip of each, then second of each, ...), in
    name order.
    """
    if limit is None or limit >= len(clips):
        return list(clips)
    seen: dict[str, int] = {}
    ranked = []
    for clip in sorted(clips, key=lambda one: one.name):
        ranked.append((seen.get(clip.subject, 0), clip.subject, clip.name, clip))
        seen[clip.subject] = seen.get(clip.subject, 0) + 1
    chosen = sorted(ranked, key=lambda rank: rank[:3])[:limit]
    return sorted((clip for *_, clip in chosen), key=lambda one: one.name)


class _Maker:
    """Makes the entry of one clip. ``kept`` are the frames that count: all, unless a rule names a part."""

    def __init__(self, protocol: Protocol, rules: Rules, clip: Clip) -> None:
        self.protocol, self.rules, self.clip = protocol, rules, clip
        parted = rules.train_percent is not None
        self.kept: NDArray[np.int64] = usable_frames(clip) if parted else np.arange(len(clip))

    def range(self, frames: Span, field: str) -> FrameRange:
        """A span of the frames that count. Raises UserError when the clip does not have it."""
        where = f"protocol '{self.protocol.name}', clip '{self.clip.name}'"
        found = part_range(frames, len(self.kept), self.rules.train_percent, where)
        if found.last >= len(self.kept):
            raise UserError(
                f"{field} {found.first} to {found.last}: clip '{self.clip.name}' ends at frame "
                f"{len(self.kept) - 1}",
                where=f"protocol '{self.protocol.name}'",
                expected="frames that the clip has",
            )
        return found

    def limited(self, frames: Span, limit: int | None, field: str) -> FrameRange:
        """A span, cut to its first ``limit`` frames."""
        found = self.range(frames, field)
        return found if limit is None else FrameRange(found.first, min(found.last, found.first + limit - 1))

    def entry(self, driver: _Maker | None) -> Entry:
        """The clip's entry, driven by itself and by ``driver`` as far as there are rules for it."""
        entry = self._with_sources(self.range(self.rules.sources.frames, "rules.sources.frames"))
        rule, name = self.rules.self_rule, self.clip.name
        own = Drive(name, self.limited(rule.frames, rule.limit, "rules.self.frames"), None) if rule else None
        views, cross = self.rules.view_rule, self.rules.cross_rule
        targets: tuple[int, ...] = ()
        if views is not None:
            seen = set(entry.candidates)
            targets = tuple(
                one for one in self.range(views.frames, "rules.views.frames").frames() if one not in seen
            )
        return Entry(
            video=name,
            candidates=entry.candidates,
            view_angles=entry.view_angles,
            sources=entry.sources,
            self_drive=own,
            cross_drive=None if driver is None or cross is None else self._cross(driver, cross),
            headings=entry.headings,
            own_bin=entry.own_bin,
            targets=targets,
            removed=removed_runs(self.kept, len(self.clip)),
        )

    def _cross(self, driver: _Maker, rule: CrossRule) -> Drive:
        frames = driver.limited(rule.frames, rule.limit, "rules.cross.frames")
        real = self.limited(rule.real, rule.limit, "rules.cross.real")
        if isinstance(rule.frames, str) or isinstance(rule.real, str):
            least = min(len(frames), len(real))
            frames = FrameRange(frames.first, frames.first + least - 1)
            real = FrameRange(real.first, real.first + least - 1)
        return Drive(driver.clip.name, frames, real)

    def _with_sources(self, part: FrameRange) -> Entry:
        """An entry with candidates and sources out of ``part``."""
        counts, name = self.protocol.source_counts, self.clip.name
        if self.rules.sources.choose == METAPIX:
            picks = {sn: metapix_places(len(part), sn) for sn in counts}
            sources = {sn: tuple(part.first + place for place in places) for sn, places in picks.items()}
            return Entry(name, sources[max(counts)], (), sources, None, None)
        if not self.clip.has_track:
            places = tuple(part.first + k * len(part) // len(VIEW_ANGLES) for k in range(len(VIEW_ANGLES)))
            sources = {sn: tuple(places[at] for at in SOURCE_POSITIONS[sn]) for sn in counts}
            return Entry(name, places, (), sources, None, None)
        found = self._candidates(part)
        return Entry(
            name, found.frames, VIEW_ANGLES, found.sources(counts), None, None, found.headings, found.own_bin
        )

    def _candidates(self, part: FrameRange) -> Candidates:
        try:
            found = candidates_of(self.clip.track.poses[self.kept[part.first : part.last + 1], :3])
        except ValueError as error:
            raise UserError(
                f"clip '{self.clip.name}' has no frame with a clear heading in {part.first} to {part.last}",
                where=f"protocol '{self.protocol.name}'",
                expected="a frame whose body is tilted by at most 45 degrees",
            ) from error
        return Candidates(tuple(part.first + frame for frame in found.frames), found.headings, found.own_bin)


def metapix_places(count: int, shots: int) -> tuple[int, ...]:
    """Places of ``shots`` sources among ``count`` train frames, as in the lists of MetaPix (imjal/MetaPix,
    the lists of suffix ``_v3``): 100 + i floor((count - 100) / shots); from 0 on for fewer than 200 frames.
    """
    if count >= METAPIX_FEWEST:
        step = (count - METAPIX_FIRST) // shots
        return tuple(METAPIX_FIRST + i * step for i in range(shots))
    return tuple(i * count // shots for i in range(shots))


def _driver(rule: CrossRule | None, makers: Sequence[_Maker], position: int) -> _Maker | None:
    """Who drives: the next clip, cyclic, or the next that shows somebody else; ``None`` if nobody."""
    if rule is None:
        return None
    after = [*makers[position + 1 :], *makers[:position]]
    if rule.target == NEXT_CLIP:
        return after[0] if after else None
    subject = makers[position].clip.subject
    return next((one for one in after if one.clip.subject != subject), None)


def _pairs(rule: TransferRule, makers: Sequence[_Maker]) -> tuple[Pair, ...]:
    """Each clip with the next clip, cyclic, of the same subject, who is the reference and drives."""
    pairs = []
    for position, maker in enumerate(makers):
        after = [*makers[position + 1 :], *makers[:position]]
        other = next((one for one in after if one.clip.subject == maker.clip.subject), None)
        if other is not None:
            frames = other.limited(rule.frames, rule.limit, "rules.transfer.frames")
            pairs.append(Pair(maker.clip.name, other.clip.name, Drive(other.clip.name, frames, None)))
    return tuple(pairs)
