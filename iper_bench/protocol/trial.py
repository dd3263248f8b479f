"""One evaluation of one protocol clip in one setting: who imitates whom on which frames, what is truth."""

from __future__ import annotations

from dataclasses import dataclass, field

from iper_bench.protocol.schema import NOVEL_VIEW
from iper_bench.protocol.view import View, views_known

SELF = "self"
CROSS = "cross"


@dataclass(frozen=True)
class Reference:
    """Whose clothes the person of an appearance transfer wears.

    Attributes
    ----------
    clip: who gives the clothes. sources: sn -> frame indices of it.
    take: part groups that it gives, keys of ``flow.transfer.PART_GROUPS``.
    background: whose background the frames show, ``"source"`` or ``"reference"``.
    """

    clip: str
    sources: dict[int, tuple[int, ...]] = field(hash=False)
    take: tuple[str, ...] = ("body",)
    background: str = "source"


@dataclass(frozen=True)
class Trial:
    """What a method is given and what its frames are compared with.

    Attributes
    ----------
    protocol: protocol name.
    task: ``"motion_imitation"``, ``"appearance_transfer"`` or ``"novel_view"``.
    setting: ``"self"``: the targets are paired truth (self-imitation, appearance transfer, novel view);
        ``"cross"``: there is a real set only.
    source_clip: clip whose person is synthesised.
    sources: sn -> frame indices of ``source_clip`` (all sn of the protocol, nested where the protocol nests
        them).
    target_clip: clip whose motion drives; equals ``source_clip`` in self-imitation.
    target_frames: frame indices of ``target_clip``, one prediction each, in this order.
    truth_frames: frames of ``target_clip`` that are the paired truth (self), or ``None``.
    real_frames: frames of ``source_clip`` that form the real set of the unpaired metrics (cross), or
        ``None``.
    views: the candidates that sources are taken from, in the order of their view angles; empty when the
        protocol lists sources and no candidates.
    reference: of appearance transfer.
    target_angles: of novel view, the angle from which each target is seen, degrees, ``None`` = unknown.
    variant: tells evaluations of one clip with different sources apart, otherwise empty.
    """

    protocol: str
    task: str
    setting: str
    source_clip: str
    sources: dict[int, tuple[int, ...]] = field(hash=False)
    target_clip: str
    target_frames: tuple[int, ...]
    truth_frames: tuple[int, ...] | None = None
    real_frames: tuple[int, ...] | None = None
    views: tuple[View, ...] = ()
    reference: Reference | None = None
    target_angles: tuple[float | None, ...] = ()
    variant: str = ""

    @property
    def views_known(self) -> bool:
        """Whether every candidate shows the view it stands for; false without candidates."""
        return views_known(self.views)

    @property
    def views_text(self) -> str:
        """The candidates in words, ``angle: frame (heading)`` each."""
        return ", ".join(map(str, self.views)) or "views unknown"

    @property
    def clips(self) -> tuple[str, ...]:
        """The clips it takes frames or bodies from, each once."""
        reference = () if self.reference is None else (self.reference.clip,)
        return tuple(dict.fromkeys((self.source_clip, *reference, self.target_clip)))

    @property
    def folder(self) -> str:
        """What the predictions of the trial are called among those of its setting: the source clip;
        ``CLIP#VARIANT``; ``SOURCE-to-REFERENCE`` in appearance transfer, with ``_`` for the slashes, in the
        way of the official evaluator.
        """
        if self.reference is not None:
            return f"{self.source_clip}-to-{self.reference.clip}".replace("/", "_")
        return f"{self.source_clip}#{self.variant}" if self.variant else self.source_clip

    @property
    def name(self) -> str:
        """Readable identity within a protocol, for example ``"self:actor3/a"``, ``"self:001/9/1#2"`` (a
        variant), ``"cross:actor3/a<-actor4/b"``, ``"transfer:actor3/a<-actor3/b"`` or ``"view:actor3/a"``.
        """
        own = f"{self.source_clip}#{self.variant}" if self.variant else self.source_clip
        if self.reference is not None:
            driver = "" if self.target_clip == self.reference.clip else f"@{self.target_clip}"
            return f"transfer:{own}<-{self.reference.clip}{driver}"
        if self.task == NOVEL_VIEW:
            return f"view:{own}"
        return f"self:{own}" if self.setting == SELF else f"cross:{own}<-{self.target_clip}"
