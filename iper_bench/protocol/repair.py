"""``Repair``: one place of a published protocol that was mended, with what stood there and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Repair:
    """One mended field of one clip.

    Attributes
    ----------
    path: the field, for example ``"sources.4"`` or ``"cross.video"``.
    published: what the published file holds there, as YAML reads it, frozen (lists are tuples).
    kind: of defect, for example ``"wrong_name"``.
    why: what is wrong with it, in words. basis: how far the published data determine the new value.
    shorter_than: the repair holds only for a video of fewer frames; ``None`` = always.
    """

    path: str
    published: Any
    kind: str
    why: str
    basis: str
    shorter_than: int | None = None
