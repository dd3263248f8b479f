"""References: what calibrates a number. They need no training and stand in every report.

Three are methods like any other and see what a method sees: ``copy-source``, ``nearest-source`` and ``warp``.
The others are made from frames that no method may see, so they are no methods: a :class:`Reference` is a pure
function of frames, and the run hands it the truth or another person's source.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from iper_bench.data.clip import Images
from iper_bench.hashing import content_hash
from iper_bench.methods.reference_names import MADE_FROM


class Reference(ABC):
    """Frames made from frames that no method may see.

    Attributes
    ----------
    name: registry name. identity: content hash of everything that changes the frames.
    made_from: ``"truth"`` (one frame is given per target: its truth) or ``"others"`` (a source of another
        person, for every target).
    """

    name: ClassVar[str]
    made_from: ClassVar[str]
    trains: bool = False

    def __init__(self, **parameters: object) -> None:
        self.identity = content_hash({"method": self.name, "version": 1, **parameters})

    @abstractmethod
    def frames(self, given: Images) -> Images:
        """Frames (B, H, W, 3) uint8 RGB of the given ones (B, H, W, 3); frame k depends on given frame k
        alone, which is not changed.
        """


def made_from(method: object) -> str | None:
    """What a reference is made from, one of :data:`MADE_FROM`; ``None`` for what is no reference."""
    found = getattr(method, "made_from", None)
    return found if found in MADE_FROM else None
