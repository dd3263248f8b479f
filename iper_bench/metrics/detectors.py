"""Detectors by name: where the body or the face is in a frame.

A detector gives a ``Spot``: a box in a picture that is the frame itself or a region of it. What was found in
a frame is kept under the detector's name and weights and the content of the frame, so that a frame is
searched once for all metrics and profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from iper_bench.metrics import cropping
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.cropping import Frame

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Spot:
    """Where something was found.

    Attributes
    ----------
    box: float32 (4,) x0, y0, x1, y1 in pixels of ``Detector.picture``.
    given: the body box that came with the frame, where the detector looks inside it; else ``None``.
    """

    box: npt.NDArray[np.float32]
    given: Floats | None = None


class Detector(Protocol):
    """Looks for one thing.

    ``label``: name and hash of its weights, ``None`` where it has none. ``reads_given``: whether the box that
    comes with a frame changes what it finds.
    """

    label: str | None
    reads_given: bool

    def find(self, frame: Frame, given: Floats | None) -> Spot | None:
        """The spot in a uint8 (H, W, 3) frame, or ``None``."""

    def picture(self, frame: Frame, given: Floats | None) -> Frame:
        """The picture in which boxes lie: the frame, or a part of it."""


class GivenBox:
    """The box that comes with the frame; ``None`` where it is not finite or has no area."""

    label: str | None = None
    reads_given = True

    def find(self, frame: Frame, given: Floats | None) -> Spot | None:
        """See :class:`Detector`."""
        if given is None or not cropping.usable(given):
            return None
        return Spot(np.asarray(given, dtype=np.float32))

    def picture(self, frame: Frame, given: Floats | None) -> Frame:
        """The frame."""
        return frame


class Largest(Protocol):
    """A network that gives the largest box of a frame."""

    label: str

    def largest(self, image: Frame) -> npt.NDArray[np.float32] | None:
        """Box (4,) in pixels, or ``None``."""


class InFrame:
    """A network that searches the whole frame."""

    reads_given = False

    def __init__(self, network: Largest) -> None:
        self.label: str | None = network.label
        self._network = network

    def find(self, frame: Frame, given: Floats | None) -> Spot | None:
        """See :class:`Detector`."""
        box = self._network.largest(frame)
        return None if box is None else Spot(np.asarray(box, dtype=np.float32))

    def picture(self, frame: Frame, given: Floats | None) -> Frame:
        """The frame."""
        return frame


class FaceInHead:
    """MTCNN in the enlarged upper part of the body box (``head_region.py``)."""

    reads_given = True

    def __init__(self, network: Largest) -> None:
        self.label: str | None = network.label
        self._network = network

    def find(self, frame: Frame, given: Floats | None) -> Spot | None:
        """See :class:`Detector`."""
        box = self._network.largest(self.picture(frame, given))
        return None if box is None else Spot(np.asarray(box, dtype=np.float32), given)

    def picture(self, frame: Frame, given: Floats | None) -> Frame:
        """The enlarged region."""
        from iper_bench.metrics.head_region import head_region

        return head_region(frame, given)


def _given(bench: Bench) -> Detector:
    return GivenBox()


def _fasterrcnn(bench: Bench) -> Detector:
    from iper_bench.metrics.backbones.person_detector import IDENTITY, PersonDetector

    return InFrame(PersonDetector(bench.weights(IDENTITY), bench.device))


def _yolo(bench: Bench) -> Detector:
    from iper_bench.metrics.backbones.yolov3_spp import IDENTITY, PaperPersonDetector

    return InFrame(PaperPersonDetector(bench.weights(IDENTITY), bench.device))


def _ultralytics(bench: Bench) -> Detector:
    from iper_bench.metrics.backbones.ultralytics_yolo import IDENTITY, UltralyticsDetector

    return InFrame(UltralyticsDetector(bench.weights(IDENTITY), bench.device))


def _faces(bench: Bench) -> Detector:
    from iper_bench.metrics.face_detector import FaceDetector

    return InFrame(FaceDetector(bench.device))


def _faces_in_head(bench: Bench) -> Detector:
    from iper_bench.metrics.face_detector import FaceDetector
    from iper_bench.metrics.head_region import MINIMUM_FACE

    return FaceInHead(FaceDetector(bench.device, minimum_face=MINIMUM_FACE))


NOTHING = "none"
GIVEN = "given"
FACES = ("mtcnn-20", "mtcnn-30-head")
_BUILDERS: Mapping[str, Callable[[Bench], Detector]] = {
    GIVEN: _given,
    "fasterrcnn": _fasterrcnn,
    "yolov3-spp": _yolo,
    "ultralytics": _ultralytics,
    "mtcnn-20": _faces,
    "mtcnn-30-head": _faces_in_head,
}
#: what may take the place of a profile's person detector
PERSON_DETECTORS = (GIVEN, "fasterrcnn", "yolov3-spp", "ultralytics")


def detector(name: str, bench: Bench) -> Detector | None:
    """The detector of that name, built once; ``None`` for ``none``. Raises MissingWeightsError."""
    if name == NOTHING:
        return None
    return bench.once(f"detector/{name}", lambda: _BUILDERS[name](bench))
