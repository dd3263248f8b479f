"""What a protocol says: which frames are sources, which are targets, what is truth, what is the real set.

A protocol lists its clips one by one (``clips``, as the official files do), states rules that any dataset can
be resolved by (``rules``: candidate views by yaw, parts of a video, the next person as driver), or changes
another protocol in one place (``base``). Frame ranges are first and last index, both inclusive, as in the
official files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from iper_bench.hashing import content_hash
from iper_bench.protocol.repair import Repair
from iper_bench.protocol.view import View

FORMAT = 1
IMITATION, TRANSFER, NOVEL_VIEW = "motion_imitation", "appearance_transfer", "novel_view"
TASKS = (IMITATION, TRANSFER, NOVEL_VIEW)
YAW, METAPIX = "yaw", "metapix"
CHOICES = (YAW, METAPIX)
NEXT_SUBJECT, NEXT_CLIP = "next_subject", "next_clip"
TARGETS = (NEXT_SUBJECT, NEXT_CLIP)
TRAIN_PART, TEST_PART = "train", "test"
PARTS = (TRAIN_PART, TEST_PART)
BACKGROUNDS = ("source", "reference")


@dataclass(frozen=True)
class FrameRange:
    """Frames ``first`` to ``last``, both inclusive."""

    first: int
    last: int

    def frames(self, limit: int | None = None) -> tuple[int, ...]:
        """The indices, at most the first ``limit`` of them."""
        found = range(self.first, self.last + 1)
        return tuple(found if limit is None else found[:limit])

    def __len__(self) -> int:
        return self.last - self.first + 1


#: a range, or the word for a part of the video: ``"train"``, ``"test"`` (:attr:`Rules.train_percent`)
Span = FrameRange | str


@dataclass(frozen=True)
class SourceRule:
    """Sources are chosen among ``frames`` by ``choose``: ``"yaw"`` (eight candidate views) or ``"metapix"``
    (the places of the MetaPix lists).
    """

    frames: Span
    choose: str


@dataclass(frozen=True)
class SelfRule:
    """Self-imitation: the clip drives itself on ``frames``, the first ``limit`` of them; the same frames are
    truth.
    """

    frames: Span
    limit: int | None


@dataclass(frozen=True)
class CrossRule:
    """Cross-imitation.

    Attributes
    ----------
    target: who drives; ``"next_subject"`` = the next clip, cyclic, of another subject; ``"next_clip"`` = the
        next clip, cyclic.
    frames: driving frames of the target clip.
    real: frames of the source clip that form the real set.
    limit: first N of both. Parts of a video differ in length; then both are cut to the shorter.
    """

    target: str
    frames: Span
    real: Span
    limit: int | None


@dataclass(frozen=True)
class TransferRule:
    """Appearance transfer: the reference is the next clip, cyclic, of the same subject; its ``frames`` drive
    and are truth, the first ``limit`` of them.
    """

    frames: Span
    limit: int | None


@dataclass(frozen=True)
class ViewRule:
    """Novel view: the targets are those of ``frames`` that are no candidate source; they are truth."""

    frames: Span


@dataclass(frozen=True)
class Rules:
    """How trials follow from a dataset's split.

    ``clip_limit``: evaluate N clips, taken in turns from the subjects so that few clips still show many
        people; ``None`` = all.
    ``self_rule``, ``cross_rule``, ``transfer_rule``, ``view_rule``: those of the protocol's task; a setting
        without its rule has no trials.
    ``train_percent``: of the usable frames of a video, its part ``"train"``; the rest is ``"test"``.
    """

    clip_limit: int | None
    sources: SourceRule
    self_rule: SelfRule | None
    cross_rule: CrossRule | None
    transfer_rule: TransferRule | None = None
    view_rule: ViewRule | None = None
    train_percent: int | None = None


@dataclass(frozen=True)
class Drive:
    """A driving video and range; ``real`` is the real set's range in the source clip (cross only)."""

    video: str
    frames: FrameRange
    real: FrameRange | None


@dataclass(frozen=True)
class NamedFrame:
    """A frame as the file writes it: ``place`` is the field, for example ``"sources.4[0]"``, ``name`` what
    stands there, ``index`` the frame it means.
    """

    place: str
    name: str
    index: int


@dataclass(frozen=True)
class Entry:
    """One clip: its sources for every sn, and how it is driven by itself and by another.

    Attributes
    ----------
    candidates, view_angles: frames that sources are taken from and the view each stands for; either may be
        empty when the protocol lists its clips.
    headings, own_bin: the true heading of each candidate in degrees, and whether it lies in the bin of its
        view angle; measured by the yaw rule, or what it measured where the file says it, empty otherwise.
    targets: frames to synthesise (novel view), empty otherwise.
    variant: tells evaluations of one video with different sources apart, for example ``"1"``.
    removed: frames of the video that do not count: every other index is a place among the frames that are
        left. Runs of indices in the video.
    digest: SHA-256 of the names of the frames that are left, or ``None``.
    repairs: where the published file was mended.
    names: the frames that are written as names.
    frame_names: names of the candidates in the dataset, of an entry that writes indices; may be empty.
    """

    video: str
    candidates: tuple[int, ...]
    view_angles: tuple[int, ...]
    sources: dict[int, tuple[int, ...]]
    self_drive: Drive | None
    cross_drive: Drive | None
    headings: tuple[float, ...] = ()
    own_bin: tuple[bool, ...] = ()
    targets: tuple[int, ...] = ()
    variant: str = ""
    removed: tuple[FrameRange, ...] = ()
    digest: str | None = None
    repairs: tuple[Repair, ...] = ()
    names: tuple[NamedFrame, ...] = ()
    frame_names: tuple[str, ...] = ()

    @property
    def views(self) -> tuple[View, ...]:
        """One value per candidate."""
        return tuple(
            View(
                frame,
                self.view_angles[place] if self.view_angles else None,
                self.headings[place] if self.headings else None,
                self.own_bin[place] if self.own_bin else None,
            )
            for place, frame in enumerate(self.candidates)
        )

    @property
    def label(self) -> str:
        """The video, with its variant."""
        return f"{self.video}#{self.variant}" if self.variant else self.video


@dataclass(frozen=True)
class Pair:
    """Appearance transfer: the person of ``source`` in the clothes of ``reference``; ``target`` drives and is
    the truth.
    """

    source: str
    reference: str
    target: Drive

    @property
    def videos(self) -> tuple[str, str, str]:
        """Source, reference and target."""
        return (self.source, self.reference, self.target.video)


@dataclass(frozen=True)
class Protocol:
    """A protocol as read. Exactly one of ``rules`` and ``clips`` is given.

    Attributes
    ----------
    name: unique name, for example ``"synthetic-imitation"``.
    description: for people; does not enter the hash.
    task: one of :data:`TASKS`.
    dataset, split: what it is written for.
    image_size: side of the frames in pixels, or ``None`` for the dataset's own.
    source_counts: the sn for which sources are given.
    pairs: of appearance transfer with listed clips.
    take: part groups that the reference gives in appearance transfer (``flow.transfer.PART_GROUPS``).
    background: whose background the frames show in appearance transfer, ``"source"`` or ``"reference"``.
    published: whether repaired entries stand as they were published.
    """

    name: str
    description: str
    task: str
    dataset: str
    split: str
    image_size: int | None
    source_counts: tuple[int, ...]
    rules: Rules | None
    clips: tuple[Entry, ...]
    pairs: tuple[Pair, ...] = ()
    take: tuple[str, ...] = ()
    background: str = "source"
    published: bool = field(default=False)

    @property
    def repairs(self) -> list[tuple[str, Repair]]:
        """Every repair with its video, in the order of the clips; one of several variants counts once."""
        found = [(entry.video, repair) for entry in self.clips for repair in entry.repairs]
        return list(dict.fromkeys(found))

    @property
    def overview(self) -> tuple[str, str, str, str, str]:
        """Name, task, dataset, clips, repairs, in words for a table."""
        extent = "rules" if self.rules is not None else f"{len(self.clips)} clips"
        if self.pairs:
            extent = f"{len(self.pairs)} pairs"
        mended = len(self.repairs)
        return (self.name, self.task, self.dataset, extent, f"{mended} repairs" if mended else "")

    def as_published(self) -> Protocol:
        """The same with the published entries, where the dataset has their frames; itself where nothing was
        mended.
        """
        return replace(self, published=True) if self.repairs else self

    def content(self) -> dict[str, Any]:
        """The protocol as plain lists and dictionaries, without the description: what its hash covers. What
        is absent is left out.
        """
        content = asdict(self)
        del content["description"]
        for clip in content["clips"]:
            # measured on the dataset, or another way to write the same
            del clip["headings"], clip["own_bin"], clip["names"], clip["frame_names"]
            for repair in clip["repairs"]:
                for words in ("kind", "why", "basis"):
                    del repair[words]
            _drop(clip, "targets", "variant", "removed", "digest", "repairs")
        if content["rules"] is not None:
            _drop(content["rules"], "transfer_rule", "view_rule", "train_percent")
        _drop(content, "pairs", "take", "published")
        if self.task != TRANSFER:
            del content["background"]
        return {"format": FORMAT, **content}

    @property
    def hash(self) -> str:
        """Content hash: changes when anything changes that could change a trial."""
        return content_hash(self.content())


def _drop(content: dict[str, Any], *keys: str) -> None:
    """Leave out what is empty, so that a field that a protocol does not use does not enter its hash."""
    for key in keys:
        if not content[key]:
            del content[key]
