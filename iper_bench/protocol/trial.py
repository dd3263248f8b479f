"""One evaluation of one protocol clip in one setting: who imitates whom on which frames, what is truth."""

from __future__ import annotations

from dataclasses import dataclass, field

from iper_bench.protocol.view import View, views_known

TASK_IMITATION = "motion_imitation"
SELF = "self"
CROSS = "cross"


@dataclass(frozen=True)
class Trial:
    """What a method is given and what its frames are compared with.

    Attributes
    ----------
    protocol: protocol name.
    task: ``"motion_imitation"``, ``"appearance_transfer"`` or ``"novel_view"``.
    setting: ``"self"`` or ``"cross"``.
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

    @property
    def views_known(self) -> bool:
        """Whether every candidate shows the view it stands for; false without candidates."""
        return views_known(self.views)

    @property
    def views_text(self) -> str:
        """The candidates in words, ``angle: frame (heading)`` each."""
        return ", ".join(map(str, self.views)) or "views unknown"

    @property
    def name(self) -> str:
        """Readable identity within a protocol, for example ``"self:actor3/a"`` or
        ``"cross:actor3/a<-actor4/b"``.
        """
        if self.setting == SELF:
            return f"{self.setting}:{self.source_clip}"
        return f"{self.setting}:{self.source_clip}<-{self.target_clip}"
