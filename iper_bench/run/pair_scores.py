"""PSNR and LPIPS of predictions and truths by the definitions of a metric profile, for validation while
training: training itself knows no metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from iper_bench.errors import UserError
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.pair_meters import PairMeter
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.reading import Reading
from iper_bench.metrics.scorer import meter
from iper_bench.metrics.weights import MissingWeightsError

Frames = npt.NDArray[np.uint8]
PSNR, LPIPS = "PSNR", "LPIPS"
BATCH = 16  # frames read at once; changes memory, never values


class PairScores:
    """Callable: (N, H, W, 3) uint8 predictions and truths to ``{"PSNR": dB, "LPIPS": distance}``.

    Averages are the profile's over all N frames. PSNR is infinite where every prediction equals its truth, by
    `paper` where any does.

    Parameters
    ----------
    profile: ``offline``, ``standard`` or ``paper``. weights_dir: of weights that pip does not bring.
    device: of the LPIPS network.

    Attributes
    ----------
    notes: the profile and the network behind LPIPS, to be written beside the numbers.

    Raises
    ------
    UserError for an unknown profile, and when the profile's LPIPS network is not there.
    """

    def __init__(self, profile: str, *, weights_dir: Path | None = None, device: str = "cpu") -> None:
        chosen = PROFILES.get(profile)
        self._definitions = {name: chosen.definition(name, "self") for name in (PSNR, LPIPS)}
        self._bench = Bench(weights_dir=weights_dir, device=device)
        try:
            label = self._meter(LPIPS).label
        except MissingWeightsError as error:
            raise UserError(
                str(error), where=f"LPIPS of profile '{profile}'", hint="--validate-profile offline"
            ) from error
        self.notes: Mapping[str, str] = {"profile": profile, "network": str(label)}

    def _meter(self, metric: str) -> PairMeter:
        found = meter(self._definitions[metric], self._bench)
        if not isinstance(found, PairMeter):
            raise TypeError(f"{metric} is no metric of pairs of frames")
        return found

    def __call__(self, predictions: Frames, truths: Frames) -> dict[str, float]:
        """See the class. Raises UserError for frames that are too small for LPIPS, ValueError for sides of
        different lengths.
        """
        if len(predictions) != len(truths):
            raise ValueError(f"{len(predictions)} predictions and {len(truths)} truths")
        meters = {name: self._meter(name) for name in (PSNR, LPIPS)}
        for start in range(0, len(predictions), BATCH):
            ours, theirs = (side[start : start + BATCH] for side in (predictions, truths))
            mine = Reading(ours, None, self._bench.cache, keep=False)
            its = Reading(theirs, None, self._bench.cache, keep=True)
            for one in meters.values():
                one.pairs(mine, its)
        decibels, distance = (meters[name].outcome() for name in (PSNR, LPIPS))
        if distance.value is None and len(predictions):
            raise UserError(str(distance.reason), where="validation", hint="a larger --size")
        return {
            # without a value every PSNR, or by `paper` any, is infinite
            PSNR: math.inf if decibels.value is None else decibels.value,
            LPIPS: math.nan if distance.value is None else distance.value,
        }
