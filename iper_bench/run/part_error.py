"""Errors by part of the body: where in the picture a method is wrong, against the paired truth.

The truth decides what a pixel shows: a hand that is drawn in the wrong place is an error of the hand where it
should be and of the background where it is. Without paired truth (cross-imitation) there is no such error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from iper_bench.data.clip import Images
from iper_bench.run.material import BATCH, Material
from iper_bench.run.part_maps import PartMaps
from iper_bench.run.unit import Unit
from iper_bench.store.part_errors import PARTS, PartErrors, path_of, write_part_errors
from iper_bench.store.run_folder import RunFolder

FEWEST_PIXELS = 4  # a part of fewer pixels is an accident of the raster


class FrameReader(Protocol):
    """What gives predicted frames by position: a folder of pictures, a video."""

    def read(self, indices: range) -> Images:
        """Frames (N, H, W, 3) uint8 RGB."""


class PartMeter:
    """Measures the errors by part of a stream of predictions that passes by.

    Raises ValueError for a trial without paired truth, and on use when there are more or fewer predictions
    than true frames or their sizes differ; UserError when a true frame cannot be decoded or the body is
    missing.
    """

    def __init__(self, material: Material) -> None:
        maps = material.truth_parts
        truths = material.truths()
        if maps is None or truths is None:
            raise ValueError(f"trial '{material.trial.name}' has no paired truth")
        self._maps: PartMaps = maps
        self._truths = _single(truths)
        self._values: list[NDArray[np.float64]] = []

    def watch(self, predictions: Iterable[Images]) -> Iterator[Images]:
        """Pass batches (B, H, W, 3) uint8 through, measured."""
        for batch in predictions:
            first = len(self._values)
            if first + len(batch) > len(self._maps):
                raise ValueError(f"{first + len(batch)} predictions for {len(self._maps)} true frames")
            maps = self._maps.take(range(first, first + len(batch)))
            for image, parts in zip(batch, maps, strict=True):
                self._values.append(errors_of_frame(image, next(self._truths), parts))
            yield batch

    def errors(self) -> PartErrors:
        """The errors of all frames, after the last one has passed. Raises ValueError before."""
        if len(self._values) != len(self._maps):
            raise ValueError(f"{len(self._values)} predictions for {len(self._maps)} true frames")
        table = np.array(self._values, dtype=np.float64).reshape(-1, len(PARTS))
        return PartErrors(
            {
                part: [None if np.isnan(value) else float(value) for value in table[:, number]]
                for number, part in enumerate(PARTS)
            }
        )


def part_meter(material: Material) -> PartMeter | None:
    """A meter for the predictions of a trial; ``None`` without paired truth or bodies."""
    if material.trial.truth_frames is None or not material.target_clip.has_track:
        return None
    return PartMeter(material)


def errors_of_frame(prediction: Images, truth: Images, parts: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean absolute error of every part: (len(PARTS),) float64, 0 to 255; NaN for a part of fewer than
    :data:`FEWEST_PIXELS` pixels.

    Parameters
    ----------
    prediction, truth: (H, W, 3) uint8. parts: (H, W) uint8, positions in ``PARTS``.

    Raises ValueError when the sizes differ.
    """
    if prediction.shape != truth.shape or prediction.shape[:2] != parts.shape:
        raise ValueError(
            f"prediction {prediction.shape}, truth {truth.shape}, parts {parts.shape}; expected one size"
        )
    off = cv2.absdiff(prediction, truth).reshape(-1, 3).astype(np.float64) @ np.ones(3)
    labels = parts.ravel()
    pixels = np.bincount(labels, minlength=len(PARTS))
    total = np.bincount(labels, weights=off, minlength=len(PARTS))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pixels >= FEWEST_PIXELS, total / (3.0 * pixels), np.nan)


def part_errors(material: Material, frames: FrameReader) -> PartErrors | None:
    """Errors by part of predictions that lie on disk; ``None`` for a trial without paired truth or bodies.

    Raises UserError when a frame is missing or damaged, else as :class:`PartMeter`.
    """
    meter = part_meter(material)
    if meter is None:
        return None
    count = len(material.trial.target_frames)
    for _ in meter.watch(
        frames.read(range(start, min(start + BATCH, count))) for start in range(0, count, BATCH)
    ):
        pass
    return meter.errors()


def record_parts(
    folder: RunFolder, unit: Unit, material: Material, frames: FrameReader | PartErrors | None
) -> None:
    """Write ``parts/<unit id>.json``. A file that is there is replaced: the unit was done again.

    Parameters
    ----------
    frames: where the predictions lie, or the errors that a :class:`PartMeter` measured in passing; nothing is
        written for ``None`` and for a trial without paired truth.

    Raises
    ------
    StoreError when the disk refuses; UserError and ValueError as :func:`part_errors`.
    """
    found = frames if isinstance(frames, PartErrors) or frames is None else part_errors(material, frames)
    if found is not None:
        write_part_errors(folder.path, unit.id, unit.head(), found)


def recorded(folder: RunFolder, unit: Unit) -> bool:
    """Whether the errors of a unit lie in the folder."""
    return path_of(folder.path, unit.id).is_file()


def _single(batches: Iterable[Images]) -> Iterator[Images]:
    for batch in batches:
        yield from batch
