"""``View``: from which side a candidate source frame shows the person, as asked for and as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """One candidate source frame.

    Attributes
    ----------
    frame: index in the clip.
    angle: the view angle in degrees that the frame stands for; ``None`` when the protocol does not say.
    heading: the true heading of the body, degrees; ``None`` when it was not measured (a protocol that lists
        its frames).
    own_bin: whether the heading lies in the bin of ``angle``; ``None`` when it was not measured.
    """

    frame: int
    angle: int | None
    heading: float | None = None
    own_bin: bool | None = None

    @property
    def known(self) -> bool:
        """Whether the frame shows the view it stands for: by measurement, else by the protocol's word."""
        return self.angle is not None if self.own_bin is None else self.own_bin

    def __str__(self) -> str:
        """``"90: 7 (52.1, not its bin)"``: angle, frame, heading."""
        words = [] if self.heading is None else [f"{self.heading:.1f}"]
        words += ["not its bin"] if self.own_bin is False else []
        measured = f" ({', '.join(words)})" if words else ""
        return f"{'unknown' if self.angle is None else self.angle}: {self.frame}{measured}"


def views_known(views: Sequence[View]) -> bool:
    """Whether there are candidates and each shows the view it stands for."""
    return bool(views) and all(view.known for view in views)
