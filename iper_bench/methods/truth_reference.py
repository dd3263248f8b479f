"""``truth-shift``, ``truth-blur`` and ``truth-jpeg``: the truth, damaged by a known amount.

They say what a metric makes of an error that everybody can picture: a number beside that of
``truth-shift[1]`` is worth about one pixel of misalignment.
"""

from __future__ import annotations

import io
import math
import re

import cv2
import numpy as np

from iper_bench.data.clip import Images
from iper_bench.errors import UserError
from iper_bench.methods.reference import Reference
from iper_bench.methods.reference_names import PARAMETERS, TRUTH

LARGEST_SHIFT = 4096  # pixels
LARGEST_SIGMA = 100.0  # pixels
TRUNCATE = 4.0  # the kernel ends there, in sigmas, as scipy's does
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


class TruthShift(Reference):
    """The truth moved ``pixels`` to the right; the left edge is repeated."""

    name = "truth-shift"
    made_from = TRUTH

    def __init__(self, pixels: int) -> None:
        super().__init__(pixels=pixels)
        self._pixels = pixels

    def frames(self, given: Images) -> Images:
        """See :class:`iper_bench.methods.reference.Reference`."""
        columns = np.maximum(np.arange(given.shape[2]) - self._pixels, 0)
        return np.ascontiguousarray(given[:, :, columns])


class TruthBlur(Reference):
    """The truth under a Gaussian of ``sigma`` pixels; edges are repeated."""

    name = "truth-blur"
    made_from = TRUTH

    def __init__(self, sigma: float) -> None:
        super().__init__(sigma=sigma)
        radius = int(TRUNCATE * sigma + 0.5)
        self._kernel = cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_64F)

    def frames(self, given: Images) -> Images:
        """See :class:`iper_bench.methods.reference.Reference`."""
        blurred = [
            cv2.sepFilter2D(frame, cv2.CV_64F, self._kernel, self._kernel, borderType=cv2.BORDER_REPLICATE)
            for frame in given
        ]
        return np.stack(blurred).round().clip(0, 255).astype(np.uint8)


class TruthJpeg(Reference):
    """The truth through JPEG of ``quality`` 1 to 100 (Pillow, 4:2:0)."""

    name = "truth-jpeg"
    made_from = TRUTH

    def __init__(self, quality: int) -> None:
        super().__init__(quality=quality)
        self._quality = quality

    def frames(self, given: Images) -> Images:
        """See :class:`iper_bench.methods.reference.Reference`."""
        return np.stack([self._through(frame) for frame in given])

    def _through(self, frame: Images) -> Images:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, format="JPEG", quality=self._quality, subsampling="4:2:0")
        return np.asarray(Image.open(buffer).convert("RGB"), dtype=np.uint8)


def shift(*, pixels: str = PARAMETERS["truth-shift"][1]) -> TruthShift:
    """From what was typed. Raises UserError for anything but a whole number from 1."""
    return TruthShift(_whole("truth-shift", pixels, LARGEST_SHIFT))


def blur(*, sigma: str = PARAMETERS["truth-blur"][1]) -> TruthBlur:
    """From what was typed. Raises UserError for anything but a number above 0."""
    if not _NUMBER.fullmatch(sigma) or not 0 < float(sigma) <= LARGEST_SIGMA:
        raise _refused("truth-blur", sigma, f"a number of pixels above 0, at most {LARGEST_SIGMA:g}")
    if math.floor(TRUNCATE * float(sigma) + 0.5) < 1:
        raise _refused("truth-blur", sigma, "a sigma that reaches a neighbour: 0.125 or more")
    return TruthBlur(float(sigma))


def jpeg(*, quality: str = PARAMETERS["truth-jpeg"][1]) -> TruthJpeg:
    """From what was typed. Raises UserError for anything but a whole number from 1 to 100."""
    return TruthJpeg(_whole("truth-jpeg", quality, 100))


def _whole(name: str, typed: str, most: int) -> int:
    if not (typed.isascii() and typed.isdecimal()) or len(typed) > 6 or not 1 <= int(typed) <= most:
        raise _refused(name, typed, f"a whole number from 1 to {most}")
    return int(typed)


def _refused(name: str, typed: str, expected: str) -> UserError:
    default = f"{name}[{PARAMETERS[name][1]}]"
    return UserError(f"found '{typed[:40]}'", where=f"reference '{name}'", expected=expected, hint=default)
