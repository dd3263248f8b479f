"""``Perceptual``: feature maps of frames and the distance of two of them, for LPIPS and for flicker."""

from __future__ import annotations

from dataclasses import dataclass

from iper_bench.metrics.bench import Bench
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.lpips import Maps, lpips_distance, plain_distance, unit_maps
from iper_bench.metrics.metric import UndefinedError
from iper_bench.metrics.networks import map_network
from iper_bench.metrics.reading import Reading

MINIMUM_SIDE = 32  # pixels; the deepest map of every trunk used has at least one cell from here on
LEARNED_HEADS = "v0.1"


@dataclass(frozen=True)
class MapRule:
    """The choices of a definition that decide about its feature maps (``kinds.MAPS``)."""

    frame: str
    network: str
    values: str
    heads: str

    @staticmethod
    def of(definition: Definition) -> MapRule:
        """The rule of a definition of maps. Raises KeyError for a kind without maps."""
        return MapRule(*(definition[name] for name in ("frame", "network", "values", "heads")))


class Perceptual:
    """A network with several feature maps and the distance between two lists of them.

    Raises MissingWeightsError without its weights, ValueError for values or heads that the network does not
    go with.
    """

    def __init__(self, rule: MapRule, bench: Bench) -> None:
        self.rule = rule
        self._network = map_network(rule.network, rule.values, bench)
        self.label = self._network.label
        self.weights = {"network": self.label}
        self._heads: Maps | None = None
        if rule.heads == LEARNED_HEADS:
            if not rule.network.startswith("lpips_"):
                raise ValueError(f"{rule.network} has no learned heads {LEARNED_HEADS}")
            from iper_bench.metrics.backbones import lpips_trunks

            self._heads = lpips_trunks.heads(rule.network.removeprefix("lpips_"))

    def maps(self, reading: Reading) -> list[Maps]:
        """Unit-normalised maps of each frame. Raises UndefinedError for a side below 32 pixels."""
        key = ("maps", self.rule.frame, self.rule.network, self.rule.values)
        return reading.once(key, lambda: self._maps(reading))

    def _maps(self, reading: Reading) -> list[Maps]:
        frames = reading.frames(self.rule.frame)
        for frame in frames[:1]:
            if min(frame.shape[:2]) < MINIMUM_SIDE:
                raise UndefinedError(f"LPIPS needs frames of {MINIMUM_SIDE} px: {frame.shape[:2]}")
        source = f"maps|{reading.rule(self.rule.frame)}|{self.rule.values}|{self.label}"
        return list(
            reading.cached(
                source,
                [None] * len(frames),
                lambda positions: [
                    unit_maps(maps) for maps in self._network.features([frames[p] for p in positions])
                ],
            )
        )

    def distance(self, ours: Maps, theirs: Maps) -> float:
        """The distance of two frames of one size from their maps."""
        if self._heads is None:
            return plain_distance(ours, theirs)
        return lpips_distance(ours, theirs, self._heads)
