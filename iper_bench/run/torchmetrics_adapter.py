"""Our metrics as ``torchmetrics.Metric`` objects, for training loops that log through them.

A thin shell: the numbers are those of the pure functions, and per-frame values are kept, so that the result
does not depend on how frames came in batches or in which order. Needs the extra ``torchmetrics``.

    from iper_bench.metrics.ssim import ssim
    from iper_bench.run.torchmetrics_adapter import PairMetric

    metric = PairMetric(ssim, higher_is_better=True)
    metric.update(predictions, truths)   # uint8 (N, 3, H, W)
    metric.compute()
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.errors import UserError

try:
    from torchmetrics import Metric
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "the adapter needs the package torchmetrics; try: pip install 'iper-bench[torchmetrics]'",
        name=error.name,
    ) from error

Frame = npt.NDArray[np.uint8]
PairFunction = Callable[[Frame, Frame], float]
Features = npt.NDArray[np.floating]
SetFunction = Callable[[Features, Features], float]
Extract = Callable[[npt.NDArray[np.uint8]], Features]
Range = tuple[float, float]


class PairMetric(Metric):
    """The mean over frames of a function of two uint8 (H, W, 3) frames.

    Parameters
    ----------
    function: for example ``iper_bench.metrics.psnr.psnr``.
    higher_is_better: which way is better, for schedulers and trackers.
    value_range: lowest and highest value of float frames; without it only uint8 is taken. UserError where the
        first is not below the second.

    Frames whose value is infinite (equal frames under PSNR) are left out of the mean, as in the profile
    `standard`; ``compute`` is infinite when all are, and not a number before the first update or when the
    function gave no number for a frame. The sum is exact before it is rounded (``math.fsum``): batches, order
    and the number of processes leave no trace.
    """

    full_state_update = False
    is_differentiable = False

    def __init__(
        self,
        function: PairFunction,
        *,
        higher_is_better: bool,
        value_range: Range | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        # a class constant to torchmetrics, which refuses to set it on an object
        self.__dict__["higher_is_better"] = higher_is_better
        self._function = function
        self._range = _increasing(value_range)
        self.values: list[torch.Tensor]
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
        """Take (N, 3, H, W) predictions and truths. Raises UserError for other shapes, types or ranges."""
        ours, theirs = _frames(preds, self._range, "preds"), _frames(target, self._range, "target")
        if ours.shape != theirs.shape:
            raise UserError(
                f"preds are {tuple(preds.shape)}, target {tuple(target.shape)}", expected="one shape"
            )
        found = [self._function(p, t) for p, t in zip(ours, theirs, strict=True)]
        self.values.append(torch.tensor(found, dtype=torch.float64, device=self.device))

    def compute(self) -> torch.Tensor:
        """The mean, float64."""
        found = _joined(self.values)
        kept = [value for value in found if not math.isinf(value)]
        empty = math.inf if found else math.nan
        mean = math.fsum(kept) / len(kept) if kept else empty
        return torch.tensor(mean, dtype=torch.float64)


class SetMetric(Metric):
    """A distance of the features of all predictions and all real frames.

    Parameters
    ----------
    extract: uint8 (N, H, W, 3) to features (N, d). distance: for example
        ``iper_bench.metrics.frechet.frechet_distance``, where lower is better.
    value_range: as for :class:`PairMetric`.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = False

    def __init__(
        self, extract: Extract, distance: SetFunction, *, value_range: Range | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._extract = extract
        self._distance = distance
        self._range = _increasing(value_range)
        self.predicted: list[torch.Tensor]
        self.real: list[torch.Tensor]
        self.add_state("predicted", default=[], dist_reduce_fx="cat")
        self.add_state("real", default=[], dist_reduce_fx="cat")

    def update(self, imgs: torch.Tensor, real: bool) -> None:
        """Take (N, 3, H, W) frames of one side. Raises UserError for other shapes, types or ranges."""
        features = self._extract(_frames(imgs, self._range, "imgs"))
        (self.real if real else self.predicted).append(
            torch.from_numpy(np.ascontiguousarray(features)).to(self.device)
        )

    def compute(self) -> torch.Tensor:
        """The distance, float64. Raises UndefinedError for sets that are too small."""
        ours, theirs = (_stacked(side) for side in (self.predicted, self.real))
        return torch.tensor(self._distance(ours, theirs), dtype=torch.float64)


def _increasing(value_range: Range | None) -> Range | None:
    """A range the wrong way round would turn dark into bright without a word."""
    if value_range is not None and not value_range[0] < value_range[1]:
        raise UserError(
            f"{value_range}", where="value_range", expected="(lowest, highest)", hint="value_range=(-1, 1)"
        )
    return value_range


def _frames(images: torch.Tensor, value_range: Range | None, name: str) -> npt.NDArray[np.uint8]:
    if images.ndim != 4 or images.shape[1] != 3:
        raise UserError(f"{name} are {tuple(images.shape)}", expected="(N, 3, H, W)")
    if images.dtype == torch.uint8:
        levels = images
    elif value_range is None or not images.is_floating_point():
        raise UserError(
            f"{name} are {images.dtype}", expected="torch.uint8, or float frames with value_range=(low, high)"
        )
    else:
        low, high = value_range
        unit = (images.double() - low) / (high - low)
        if not bool(((unit >= 0) & (unit <= 1)).all()):
            raise UserError(f"{name} have values outside {value_range}", expected="values in the range given")
        levels = (unit * 255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def _joined(values: list[torch.Tensor] | torch.Tensor) -> list[float]:
    """State as it lies before and after a synchronisation."""
    parts = values if isinstance(values, list) else [values]
    return [float(value) for part in parts for value in part.reshape(-1)]


def _stacked(parts: list[torch.Tensor] | torch.Tensor) -> npt.NDArray[np.floating]:
    held = parts if isinstance(parts, list) else [parts]
    return torch.cat(held).cpu().numpy() if held else np.zeros((0, 0))
