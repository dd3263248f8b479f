"""Which parts of a frame are enlarged: those in which the methods differ most from each other.

No run folder says where face, hands and feet are, and a part that is chosen by looks would flatter somebody;
this rule favours no method.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from iper_bench.report.frame_index import Box
from iper_bench.store.pictures import Images

SHARE = 0.25  # side of a detail as a share of the frame's shorter side: about a head with shoulders
COUNT = 2


def most_different(images: Sequence[Images], *, count: int = COUNT, share: float = SHARE) -> list[Box]:
    """The ``count`` square parts, none touching another, with the largest mean standard deviation over
    ``images`` ((H, W, 3) uint8, all of one size, two or more).

    Returns boxes (top, left, bottom, right) as shares of height and width; fewer when the images are equal
    elsewhere or there is no room. Ties go to the upper, then the left one. Raises ValueError for images of
    several sizes or fewer than two.
    """
    if len(images) < 2 or len({image.shape for image in images}) > 1:
        raise ValueError(f"images of shapes {[image.shape for image in images]}; expected two or more of one")
    height, width = images[0].shape[:2]
    side = max(1, round(share * min(height, width)))
    spread = np.stack(images).astype(np.float64).std(axis=0).sum(axis=-1)
    sums = _window_sums(spread, side)
    found: list[Box] = []
    for _ in range(count):
        best = int(np.argmax(sums))
        top, left = divmod(best, sums.shape[1])
        if not sums[top, left] > _NOTHING:
            break
        found.append((top / height, left / width, (top + side) / height, (left + side) / width))
        sums[max(0, top - side + 1) : top + side, max(0, left - side + 1) : left + side] = -1.0
    return found


_NOTHING = 1e-6  # rounding of the running sums; one grey level in one pixel is far above it


def _window_sums(values: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    """Sums over all side x side windows of (H, W): (H - side + 1, W - side + 1)."""
    total = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    return total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
