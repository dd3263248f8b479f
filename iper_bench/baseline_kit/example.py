"""What a baseline learns from: frames of one person with the body in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iper_bench.data.clip import BodyTrack, Images


@dataclass(frozen=True)
class Example:
    """Frames of one clip, drawn at random without replacement; what each one serves for (source, target) is
    the baseline's to say.

    Attributes
    ----------
    frames: (n, S, S, 3) uint8 RGB, at the side S of the baseline's network.
    masks: (n, S, S) uint8, 255 = person, or ``None`` where the dataset has none.
    track: body of the n frames. Cameras are normalised, so they hold at any side.
    body: name of the body model (see :func:`iper_bench.body.load_body`).
    clip: its name. indices: places of the frames in the clip.
    """

    frames: Images
    masks: Images | None
    track: BodyTrack
    body: str
    clip: str
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, rows: Sequence[int]) -> Example:
        """The frames ``rows``, in that order."""
        chosen = list(rows)
        return Example(
            self.frames[chosen],
            None if self.masks is None else self.masks[chosen],
            self.track.take(chosen),
            self.body,
            self.clip,
            tuple(self.indices[row] for row in chosen),
        )
