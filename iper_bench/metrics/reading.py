"""``Reading``: a batch of frames of one side, in which each step is done once for all metrics and profiles.

A frame is brought under a frame rule once, searched once per detector, embedded once per crop and network.
What depends on the content of a frame alone is also kept in the feature cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.cropping import Frame
from iper_bench.metrics.detectors import GIVEN, Detector, Floats, Spot
from iper_bench.metrics.feature_cache import FeatureCache, content_key, frame_digest
from iper_bench.metrics.frame_rules import RULES, rule_for

T = TypeVar("T")

SMALL = 64 * 1024  # bytes of one frame's features; PCB's are the largest with 48 KiB, maps have megabytes


class Reading:
    """A batch.

    Parameters
    ----------
    frames: uint8 (B, H, W, 3).
    given: body boxes (B, 4) that come with the frames, or ``None``.
    cache: of features by content.
    keep: whether all that is found is worth keeping for later runs: true for truths and real frames. Boxes
        and features are small and always kept, so that predictions scored again are not searched again.
    """

    def __init__(
        self, frames: npt.NDArray[np.uint8], given: Floats | None, cache: FeatureCache, *, keep: bool
    ) -> None:
        self.raw = frames
        self.given: list[Floats | None] = [None] * len(frames) if given is None else list(given)
        self.boxes_given = given is not None
        self._cache = cache
        self._keep = keep
        self._memo: dict[object, object] = {}

    def __len__(self) -> int:
        return len(self.raw)

    def once(self, key: object, work: Callable[[], T]) -> T:
        """The result of ``work``, done on first use of ``key``."""
        if key not in self._memo:
            self._memo[key] = work()
        found: T = self._memo[key]  # type: ignore[assignment]
        return found

    def rule(self, name: str) -> str:
        """The frame rule that is the same as ``name`` for frames of this size."""
        return rule_for(name, self.raw.shape[1:])

    def frames(self, name: str) -> list[Frame]:
        """The frames under a frame rule."""
        rule = self.rule(name)
        return self.once(("frames", rule), lambda: [RULES[rule](frame) for frame in self.raw])

    def digests(self) -> list[str]:
        """Hash of the pixels of each frame at rest."""
        return self.once("digests", lambda: [frame_digest(frame) for frame in self.raw])

    def cached(
        self,
        source: str,
        boxes: Sequence[Floats | None],
        work: Callable[[list[int]], Sequence[tuple[npt.NDArray[np.float32], ...]]],
    ) -> list[tuple[npt.NDArray[np.float32], ...]]:
        """Arrays of each frame, from the cache or by ``work`` on the positions that it lacks.

        ``source`` names everything but the content: frame rule, definition and weights.
        """
        whole = f"{self._cache.tag}|{source}"
        keys = [content_key(whole, digest, box) for digest, box in zip(self.digests(), boxes, strict=True)]
        found = {key: entry for key in keys if (entry := self._cache.get(key)) is not None}
        lacking: dict[str, int] = {}
        for position, key in enumerate(keys):
            if key not in found:
                lacking.setdefault(key, position)
        if lacking:
            for key, given in zip(lacking, work(list(lacking.values())), strict=True):
                # one layout, whether read or computed: sums over strided arrays round otherwise
                arrays = tuple(np.ascontiguousarray(array) for array in given)
                small = sum(array.nbytes for array in arrays) <= SMALL
                self._cache.put(key, arrays, keep=self._keep or small)
                found[key] = arrays
        return [found[key] for key in keys]

    def spots(self, name: str, detector: Detector, frame_rule: str) -> list[Spot | None]:
        """What a detector finds in each frame."""
        rule = self.rule(frame_rule)
        return self.once(("spots", name, rule), lambda: self._search(name, detector, rule))

    def _search(self, name: str, detector: Detector, rule: str) -> list[Spot | None]:
        given = self.given if detector.reads_given else [None] * len(self)
        frames = self.frames(rule)
        if name == GIVEN:
            return [detector.find(frame, box) for frame, box in zip(frames, given, strict=True)]

        def work(positions: list[int]) -> list[tuple[npt.NDArray[np.float32], ...]]:
            spots = [detector.find(frames[position], given[position]) for position in positions]
            return [(_no_box() if spot is None else spot.box,) for spot in spots]

        entries = self.cached(f"spot|{name}|{detector.label}|{rule}", given, work)
        return [
            Spot(entry[0], box) if len(entry[0]) else None for entry, box in zip(entries, given, strict=True)
        ]


def _no_box() -> npt.NDArray[np.float32]:
    return np.zeros(0, dtype=np.float32)
