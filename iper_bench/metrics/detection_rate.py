"""Detection rates: the coverage that belongs beside every Face-* and Body-* value."""

from __future__ import annotations

from collections.abc import Sequence

from iper_bench.metrics.metric import UndefinedError


def detection_rate(found: Sequence[bool]) -> float:
    """Share of frames with a detection. Raises UndefinedError for no frames."""
    if not found:
        raise UndefinedError("no frames")
    return sum(found) / len(found)
