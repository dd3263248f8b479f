"""Some frames of a clip as a clip of their own, so that a long video need not be prepared as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from iper_bench.data.clip import Clip, Images


class Excerpt(Clip):
    """The frames ``rows`` of ``clip``, in that order."""

    def __init__(self, clip: Clip, rows: Sequence[int]) -> None:
        self.name = clip.name
        self.subject = clip.subject
        self.size = clip.size
        self.track = clip.track.take(rows)
        self._clip = clip
        self._rows = list(rows)

    def _of(self, indices: Sequence[int]) -> list[int]:
        return [self._rows[index] for index in indices]

    def frames(self, indices: Sequence[int]) -> Images:
        """See :meth:`Clip.frames`."""
        return self._clip.frames(self._of(indices))

    def masks(self, indices: Sequence[int]) -> Images | None:
        """See :meth:`Clip.masks`."""
        return self._clip.masks(self._of(indices))

    def backgrounds(self, indices: Sequence[int]) -> Images | None:
        """See :meth:`Clip.backgrounds`."""
        return self._clip.backgrounds(self._of(indices))
