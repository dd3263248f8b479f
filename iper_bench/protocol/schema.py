"""What a protocol says: which frames are sources, which are targets, what is truth, what is the real set.

A protocol lists its clips one by one (``clips``, as the official files do) or states rules that any dataset
can be resolved by (``rules``: the eight candidate views by yaw, ranges of frames, the next person as driver).
Frame ranges are first and last index, both inclusive, as in the official files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from iper_bench.hashing import content_hash
from iper_bench.protocol.view import View

FORMAT = 1
TASKS = ("motion_imitation",)
CHOICES = ("yaw",)
TARGETS = ("next_subject",)


@dataclass(frozen=True)
class FrameRange:
    """Frames ``first`` to ``last``, both inclusive."""

    first: int
    last: int

    def frames(self, limit: int | None = None) -> tuple[int, ...]:
        """The indices, at most the first ``limit`` of them."""
        found = range(self.first, self.last + 1)
        return tuple(found if limit is None else found[:limit])


@dataclass(frozen=True)
class SourceRule:
    """Sources are chosen among ``frames`` by ``choose`` (``"yaw"``: eight candidate views)."""

    frames: FrameRange
    choose: str


@dataclass(frozen=True)
class SelfRule:
    """Self-imitation: the clip drives itself on ``frames``, the first ``limit`` of them; the same frames are
    truth.
    """

    frames: FrameRange
    limit: int | None


@dataclass(frozen=True)
class CrossRule:
    """Cross-imitation.

    Attributes
    ----------
    target: who drives; ``"next_subject"`` = the next clip, cyclic, of another subject.
    frames: driving frames of the target clip.
    real: frames of the source clip that form the real set.
    limit: first N of both.
    """

    target: str
    frames: FrameRange
    real: FrameRange
    limit: int | None


@dataclass(frozen=True)
class Rules:
    """How trials follow from a dataset's split.

    ``clip_limit``: evaluate N clips, taken in turns from the subjects so that few clips still show many
        people; ``None`` = all.
    ``self_rule``, ``cross_rule``: either may be absent; that setting then has no trials.
    """

    clip_limit: int | None
    sources: SourceRule
    self_rule: SelfRule | None
    cross_rule: CrossRule | None


@dataclass(frozen=True)
class Drive:
    """A driving video and range; ``real`` is the real set's range in the source clip (cross only)."""

    video: str
    frames: FrameRange
    real: FrameRange | None


@dataclass(frozen=True)
class Entry:
    """One clip: its sources for every sn, and how it is driven by itself and by another.

    Attributes
    ----------
    candidates, view_angles: frames that sources are taken from and the view each stands for; either may be
        empty when the protocol lists its clips.
    headings, own_bin: the true heading of each candidate in degrees, and whether it lies in the bin of its
        view angle; measured by the yaw rule, empty otherwise.
    """

    video: str
    candidates: tuple[int, ...]
    view_angles: tuple[int, ...]
    sources: dict[int, tuple[int, ...]]
    self_drive: Drive | None
    cross_drive: Drive | None
    headings: tuple[float, ...] = ()
    own_bin: tuple[bool, ...] = ()

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


@dataclass(frozen=True)
class Protocol:
    """A protocol as read. Exactly one of ``rules`` and ``clips`` is given.

    Attributes
    ----------
    name: unique name, for example ``"synthetic-imitation"``.
    description: for people; does not enter the hash.
    task: ``"motion_imitation"``.
    dataset, split: what it is written for.
    image_size: side of the frames in pixels, or ``None`` for the dataset's own.
    source_counts: the sn for which sources are given.
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

    def content(self) -> dict[str, Any]:
        """The protocol as plain lists and dictionaries, without the description: what its hash covers."""
        content = asdict(self)
        del content["description"]
        for clip in content["clips"]:
            del clip["headings"], clip["own_bin"]  # measured on the dataset, never read
        return {"format": FORMAT, **content}

    @property
    def hash(self) -> str:
        """Content hash: changes when anything changes that could change a trial."""
        return content_hash(self.content())
