"""``build_trials``: a protocol and a dataset give the trials of every setting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from iper_bench.body.heading import heading_and_tilt
from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError, unknown_name
from iper_bench.protocol.edition import chosen_edition
from iper_bench.protocol.parts import kept_indices, names_digest
from iper_bench.protocol.repair import Repair
from iper_bench.protocol.resolution import Resolved, resolve
from iper_bench.protocol.schema import NOVEL_VIEW, TRANSFER, Drive, Entry, FrameRange, Pair, Protocol
from iper_bench.protocol.trial import CROSS, SELF, Reference, Trial

__all__ = ["SETTINGS", "build_trials", "held_repairs", "resolved"]

SETTINGS = (SELF, CROSS)


def build_trials(protocol: Protocol, dataset: Dataset, *, limit: int | None = None) -> list[Trial]:
    """All trials. Imitation: self-imitation first, then cross-imitation, each in the order of the protocol's
    clips; appearance transfer: one per pair; novel view: one per clip.

    Parameters
    ----------
    limit: the first N source clips only. Drivers may still come from the clips left out, so that a trial is
        the same trial whatever the limit.

    Raises
    ------
    UserError when the protocol is for another dataset, names an unknown clip, or a frame lies beyond its
    clip.
    """
    found = resolved(protocol, dataset, limit=limit)
    entries = {entry.video: entry for entry in (*found.left_out, *found.entries)}
    maker = _TrialMaker(protocol, dataset, entries)
    if protocol.task == TRANSFER:
        return [maker.transfer(pair) for pair in found.pairs]
    if protocol.task == NOVEL_VIEW:
        return [maker.view(entry) for entry in found.entries]
    selves = [maker.own(entry, entry.self_drive) for entry in found.entries if entry.self_drive]
    crosses = [maker.cross(entry, entry.cross_drive) for entry in found.entries if entry.cross_drive]
    return selves + crosses


def resolved(protocol: Protocol, dataset: Dataset, *, limit: int | None = None) -> Resolved:
    """The entries that are evaluated on a dataset: by the rules, or as listed with or without the repairs.

    Parameters
    ----------
    limit: the first N source clips only; in appearance transfer with the references of their pairs.

    Raises
    ------
    UserError when the protocol is for another dataset or names a clip that it does not have.
    """
    if protocol.dataset != dataset.name:
        raise UserError(
            f"protocol '{protocol.name}' is for dataset '{protocol.dataset}', not for '{dataset.name}'",
            hint=f"--dataset {protocol.dataset}, or another --protocol",
        )
    if protocol.rules is not None:
        found = resolve(protocol, protocol.rules, dataset)
    else:
        found = Resolved(protocol.clips, protocol.pairs)
    found = _limited(protocol, found, limit)
    return found if protocol.rules is not None else _edited(protocol, found, dataset)[0]


def held_repairs(
    protocol: Protocol, dataset: Dataset, *, limit: int | None = None
) -> list[tuple[str, Repair]]:
    """The repairs that hold in what is evaluated, with their videos. Raises UserError as :func:`resolved`."""
    if protocol.rules is not None:
        return []
    listed = _limited(protocol, Resolved(protocol.clips, protocol.pairs), limit)
    return list(dict.fromkeys(_edited(protocol, listed, dataset)[1]))


def _limited(protocol: Protocol, found: Resolved, limit: int | None) -> Resolved:
    """The first ``limit`` source clips, each with all its variants or pairs."""
    if protocol.task != TRANSFER:
        pairs: tuple[Pair, ...] = ()
        named = _first([entry.video for entry in found.entries], limit)
    else:
        chosen = _first([pair.source for pair in found.pairs], limit)
        pairs = tuple(pair for pair in found.pairs if pair.source in chosen)
        named = {video for pair in pairs for video in pair.videos}
    inside = tuple(entry for entry in found.entries if entry.video in named)
    return Resolved(inside, pairs, tuple(entry for entry in found.entries if entry.video not in named))


def _edited(
    protocol: Protocol, listed: Resolved, dataset: Dataset
) -> tuple[Resolved, list[tuple[str, Repair]]]:
    """The entries with the values that hold on the dataset, and the repairs among these."""
    known = set(dataset.clip_names())
    for video in _videos(listed.entries, listed.pairs):
        if video not in known:
            raise unknown_clip(video, known, protocol.name)
    entries, held = [], []
    for entry in listed.entries:
        chosen, repairs = chosen_edition(
            entry, lambda name: len(dataset.clip(name)), published=protocol.published
        )
        entries.append(chosen)
        held += [(entry.video, repair) for repair in repairs]
    return replace(listed, entries=tuple(entries)), held


def _videos(entries: Sequence[Entry], pairs: Sequence[Pair]) -> list[str]:
    named = []
    for entry in entries:
        drives = [one.video for one in (entry.self_drive, entry.cross_drive) if one is not None]
        named += [entry.video, *drives]
    for pair in pairs:
        named += pair.videos
    return list(dict.fromkeys(named))


def unknown_clip(video: str, known: Iterable[str], protocol: str) -> UserError:
    """The error for a clip that the dataset does not have."""
    return unknown_name("clip", video, known, where=f"protocol '{protocol}'")


def _first(clips: Sequence[str], limit: int | None) -> set[str]:
    return set(list(dict.fromkeys(clips))[:limit])


@dataclass(frozen=True)
class _TrialMaker:
    """Turns entries and pairs into trials, checking that every frame exists."""

    protocol: Protocol
    dataset: Dataset
    entries: dict[str, Entry]
    checked: set[str] = field(default_factory=set)  # videos whose frame names are those of the digest

    def own(self, entry: Entry, drive: Drive) -> Trial:
        """Self-imitation."""
        if drive.video != entry.video:
            raise UserError(
                f"self.video is '{drive.video}'",
                where=f"protocol '{self.protocol.name}', video '{entry.video}'",
                expected=f"'{entry.video}': in self-imitation a clip drives itself",
            )
        frames = self._range(entry.video, drive.frames, "self.frames", entry)
        return replace(self._begun(entry, SELF), target_frames=frames, truth_frames=frames)

    def cross(self, entry: Entry, drive: Drive) -> Trial:
        """Cross-imitation."""
        begun = self._begun(entry, CROSS)
        frames = self._range(drive.video, drive.frames, "cross.frames", self.entries.get(drive.video))
        if drive.real is None:
            raise UserError(
                "cross.real is missing",
                where=f"protocol '{self.protocol.name}', video '{entry.video}'",
                expected="frames of the source video that form the real set",
            )
        real = self._range(entry.video, drive.real, "cross.real", entry)
        return replace(begun, target_clip=drive.video, target_frames=frames, real_frames=real)

    def transfer(self, pair: Pair) -> Trial:
        """Appearance transfer: source in the clothes of the reference."""
        begun = self._begun(self.entries[pair.source], SELF)
        other = self.entries[pair.reference]
        reference = Reference(
            pair.reference, self._sources(other), self.protocol.take, self.protocol.background
        )
        target = self.entries.get(pair.target.video)
        frames = self._range(pair.target.video, pair.target.frames, "target.frames", target)
        return replace(
            begun,
            target_clip=pair.target.video,
            target_frames=frames,
            truth_frames=frames,
            reference=reference,
        )

    def view(self, entry: Entry) -> Trial:
        """Novel view: the listed frames of the clip."""
        begun = self._begun(entry, SELF)
        frames = self._frames(entry.video, entry.targets, "targets", entry)
        return replace(
            begun, target_frames=frames, truth_frames=frames, target_angles=self._angles(entry, frames)
        )

    def _begun(self, entry: Entry, setting: str) -> Trial:
        views = [
            replace(view, frame=frame)
            for view, frame in zip(
                entry.views, self._frames(entry.video, entry.candidates, "candidates", entry), strict=True
            )
        ]
        return Trial(
            protocol=self.protocol.name,
            task=self.protocol.task,
            setting=setting,
            source_clip=entry.video,
            sources=self._sources(entry),
            target_clip=entry.video,
            target_frames=(),
            views=tuple(views),
            variant=entry.variant,
        )

    def _sources(self, entry: Entry) -> dict[int, tuple[int, ...]]:
        return {
            sn: self._frames(entry.video, frames, "sources", entry) for sn, frames in entry.sources.items()
        }

    def _angles(self, entry: Entry, frames: Sequence[int]) -> tuple[float | None, ...]:
        """Angle of every target: measured where the rules chose it, else the protocol's word."""
        if self.protocol.rules is not None:
            headings, _ = heading_and_tilt(self.dataset.clip(entry.video).track.poses[list(frames), :3])
            return tuple(float(one) for one in headings)
        stated = dict(zip(entry.candidates, map(float, entry.view_angles), strict=False))
        return tuple(stated.get(frame) for frame in entry.targets)

    def _range(self, video: str, frames: FrameRange, field: str, entry: Entry | None) -> tuple[int, ...]:
        self._require(video, frames.first, frames.last, field, entry)  # before it is expanded
        return self._frames(video, frames.frames(), field, entry)

    def _require(self, video: str, first: int, last: int, field: str, entry: Entry | None) -> Sequence[int]:
        """The frames of a clip that count; raises UserError when there are not more than ``last``."""
        kept = kept_indices(entry.removed if entry is not None else (), len(self.dataset.clip(video)))
        if last >= len(kept):
            raise UserError(
                f"{field} {first} to {last}: clip '{video}' ends at frame {len(kept) - 1}",
                where=f"protocol '{self.protocol.name}'",
                expected="frames that the clip has",
            )
        return kept

    def _frames(self, video: str, frames: Sequence[int], field: str, entry: Entry | None) -> tuple[int, ...]:
        """Places among the frames that count, as indices of the clip. Raises UserError beyond its end."""
        kept = self._require(video, min(frames, default=-1), max(frames, default=-1), field, entry)
        if entry is not None and entry.digest is not None and video not in self.checked:
            self._require_digest(video, kept, entry.digest)
            self.checked.add(video)
        return tuple(kept[frame] for frame in frames)

    def _require_digest(self, video: str, kept: Sequence[int], digest: str) -> None:
        names = self.dataset.clip(video).frame_names
        found = names_digest([names[index] for index in kept])
        if found != digest:
            raise UserError(
                f"the frames of clip '{video}' are not those the protocol was made on",
                where=f"protocol '{self.protocol.name}'",
                expected=f"names with the SHA-256 {digest[:16]}..., found {found[:16]}...",
                hint="iper-bench protocol make FOLDER",
            )
