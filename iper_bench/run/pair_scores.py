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
from iper_bench.metrics.metric import UndefinedError
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.weights import MissingWeightsError

Frames = npt.NDArray[np.uint8]
PSNR, LPIPS = "PSNR", "LPIPS"


class PairScores:
    """Callable: (N, H, W, 3) uint8 predictions and truths to ``{"PSNR": dB, "LPIPS": distance}``.

    Averages are the profile's over all N frames. Where every prediction equals its truth, PSNR is infinite.

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
        self._profile = PROFILES.get(profile)
        self._bench = Bench(weights_dir=weights_dir, device=device)
        try:
            self._perceptual = self._profile.perceptual(self._bench)
        except MissingWeightsError as error:
            raise UserError(
                str(error), where=f"LPIPS of profile '{profile}'", hint="--validate-profile offline"
            ) from error
        self.notes: Mapping[str, str] = {"profile": profile, "network": self._perceptual.label}

    def __call__(self, predictions: Frames, truths: Frames) -> dict[str, float]:
        """See the class. Raises UserError for frames that are too small for LPIPS."""
        ours = [self._profile.frame(frame) for frame in predictions]
        theirs = [self._profile.frame(frame) for frame in truths]
        decibels = [self._profile.pixel[PSNR][0](p, t) for p, t in zip(ours, theirs, strict=True)]
        try:
            distances = self._perceptual.distances(ours, theirs, self._bench.cache)
        except UndefinedError as error:
            raise UserError(str(error), where="validation", hint="a larger --size") from error
        finite: list[float | None] = [None if math.isinf(value) else value for value in decibels]
        return {
            PSNR: _present(self._profile.average(finite), math.inf),
            LPIPS: _present(self._profile.average(list(distances)), math.nan),
        }


def _present(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
