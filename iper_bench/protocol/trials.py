"""``build_trials``: a protocol and a dataset give the trials of every setting."""

from __future__ import annotations

from collections.abc import Sequence

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError, unknown_name
from iper_bench.protocol.candidates import VIEW_ANGLES, Candidates, candidates_of
from iper_bench.protocol.schema import Drive, Entry, FrameRange, Protocol, Rules
from iper_bench.protocol.trial import CROSS, SELF, Trial

SETTINGS = (SELF, CROSS)


def build_trials(protocol: Protocol, dataset: Dataset, *, limit: int | None = None) -> list[Trial]:
    """All trials: self-imitation first, then cross-imitation, each in the order of the protocol's clips.

    Parameters
    ----------
    limit: the first N source clips only. Drivers may still come from the clips left out, so that a trial is
        the same trial whatever the limit.

    Raises
    ------
    UserError when the protocol is for another dataset, names an unknown clip, or a frame lies beyond its
    clip.
    """
    if protocol.dataset != dataset.name:
        raise UserError(
            f"protocol '{protocol.name}' is for dataset '{protocol.dataset}', not for '{dataset.name}'",
            hint=f"--dataset {protocol.dataset}, or another --protocol",
        )
    entries = list(protocol.clips) if protocol.rules is None else _resolve(protocol, protocol.rules, dataset)
    known = set(dataset.clip_names())
    for entry in entries:
        for drive in (entry.self_drive, entry.cross_drive):
            for video in (entry.video, *([drive.video] if drive else [])):
                if video not in known:
                    raise unknown_name("clip", video, known, where=f"protocol '{protocol.name}'")
    entries = entries if limit is None else entries[:limit]
    selves = [_self_trial(protocol, one, one.self_drive, dataset) for one in entries if one.self_drive]
    crosses = [_cross_trial(protocol, one, one.cross_drive, dataset) for one in entries if one.cross_drive]
    return selves + crosses


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


def _resolve(protocol: Protocol, rules: Rules, dataset: Dataset) -> list[Entry]:
    clips = spread_over_subjects(dataset.clips(protocol.split), rules.clip_limit)
    if not clips:
        raise UserError(f"split '{protocol.split}' of dataset '{dataset.name}' has no clips")
    entries = []
    for position, clip in enumerate(clips):
        candidates = _candidates(protocol, rules.sources.frames, clip)
        entries.append(
            Entry(
                video=clip.name,
                candidates=candidates.frames,
                view_angles=VIEW_ANGLES,
                sources=candidates.sources(protocol.source_counts),
                self_drive=_self_drive(rules, clip),
                cross_drive=_cross_drive(rules, clips, position),
                headings=candidates.headings,
                own_bin=candidates.own_bin,
            )
        )
    return entries


def _candidates(protocol: Protocol, frames: FrameRange, clip: Clip) -> Candidates:
    _check(protocol, clip, frames, "rules.sources.frames")
    part = clip.track.poses[frames.first : frames.last + 1, :3]
    try:
        found = candidates_of(part)
    except ValueError as error:
        raise UserError(
            f"clip '{clip.name}' has no frame with a clear heading in {frames.first} to {frames.last}",
            where=f"protocol '{protocol.name}'",
            expected="a frame whose body is tilted by at most 45 degrees",
        ) from error
    return Candidates(tuple(frames.first + frame for frame in found.frames), found.headings, found.own_bin)


def _self_drive(rules: Rules, clip: Clip) -> Drive | None:
    rule = rules.self_rule
    return None if rule is None else Drive(clip.name, _first(rule.frames, rule.limit), None)


def _cross_drive(rules: Rules, clips: Sequence[Clip], position: int) -> Drive | None:
    rule = rules.cross_rule
    driver = _next_subject(clips, position)
    if rule is None or driver is None:
        return None
    return Drive(driver.name, _first(rule.frames, rule.limit), _first(rule.real, rule.limit))


def _next_subject(clips: Sequence[Clip], position: int) -> Clip | None:
    """The next clip, cyclic, that shows somebody else; ``None`` when all clips show one person."""
    after = [*clips[position + 1 :], *clips[:position]]
    return next((clip for clip in after if clip.subject != clips[position].subject), None)


def _first(frames: FrameRange, limit: int | None) -> FrameRange:
    return frames if limit is None else FrameRange(frames.first, min(frames.last, frames.first + limit - 1))


def _check(protocol: Protocol, clip: Clip, frames: FrameRange, field: str) -> None:
    if frames.last >= len(clip):
        raise UserError(
            f"{field} {frames.first} to {frames.last}: clip '{clip.name}' ends at frame {len(clip) - 1}",
            where=f"protocol '{protocol.name}'",
            expected="frames that the clip has",
        )


def _check_sources(protocol: Protocol, entry: Entry, clip: Clip) -> None:
    last = max(max(frames) for frames in entry.sources.values())
    _check(protocol, clip, FrameRange(min(last, len(clip)), last), "sources")


def _self_trial(protocol: Protocol, entry: Entry, drive: Drive, dataset: Dataset) -> Trial:
    clip = dataset.clip(entry.video)
    _check_sources(protocol, entry, clip)
    if drive.video != entry.video:
        raise UserError(
            f"self.video is '{drive.video}'",
            where=f"protocol '{protocol.name}', video '{entry.video}'",
            expected=f"'{entry.video}': in self-imitation a clip drives itself",
        )
    _check(protocol, clip, drive.frames, "self.frames")
    frames = drive.frames.frames()
    return Trial(
        protocol=protocol.name,
        task=protocol.task,
        setting=SELF,
        source_clip=entry.video,
        sources=dict(entry.sources),
        target_clip=entry.video,
        target_frames=frames,
        truth_frames=frames,
        views=entry.views,
    )


def _cross_trial(protocol: Protocol, entry: Entry, drive: Drive, dataset: Dataset) -> Trial:
    clip = dataset.clip(entry.video)
    _check_sources(protocol, entry, clip)
    _check(protocol, dataset.clip(drive.video), drive.frames, "cross.frames")
    if drive.real is None:
        raise UserError(
            "cross.real is missing",
            where=f"protocol '{protocol.name}', video '{entry.video}'",
            expected="frames of the source video that form the real set",
        )
    _check(protocol, clip, drive.real, "cross.real")
    return Trial(
        protocol=protocol.name,
        task=protocol.task,
        setting=CROSS,
        source_clip=entry.video,
        sources=dict(entry.sources),
        target_clip=drive.video,
        target_frames=drive.frames.frames(),
        real_frames=drive.real.frames(),
        views=entry.views,
    )
