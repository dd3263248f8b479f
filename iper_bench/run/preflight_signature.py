"""``Signature``: the little that a pre-flight keeps of a frame, whatever the size of the frame."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from iper_bench.data.frame_list import FrameList
from iper_bench.data.picture_file import FrameError

SIDE = 32  # of the small picture: 3 KiB a frame; a limb is still a few pixels wide
_FLAT = 4  # levels between the darkest and the brightest pixel of an empty picture; codecs leave as much
_BLACK = 8  # mean level of an empty picture that is called black
_DIGEST = 16  # bytes

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Signature:
    """One frame.

    Attributes
    ----------
    size: (height, width).
    small: (SIDE, SIDE, 3) uint8, area average.
    digest: hash of the size and every pixel.
    flat: whether every channel is one level throughout; level: its mean.
    """

    size: tuple[int, int]
    small: Bytes
    digest: bytes
    flat: bool
    level: float

    @property
    def black(self) -> bool:
        """Whether there is nothing but black."""
        return self.flat and self.level <= _BLACK


@dataclass
class Signatures:
    """What reading some frames of a list gave: index -> signature, reason or notes."""

    good: dict[int, Signature] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    notes: dict[str, list[int]] = field(default_factory=dict)
    lossy: list[int] = field(default_factory=list)


def signature_of(image: Bytes) -> Signature:
    """The signature of an image (H, W, 3) uint8 RGB."""
    height, width = image.shape[:2]
    pixels = np.ascontiguousarray(image)
    digest = hashlib.blake2b(f"{height} {width} ".encode(), digest_size=_DIGEST)
    digest.update(pixels.data)
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    flat = _is_flat(small) and _is_flat(pixels)  # averages spread no wider than what they are made of
    return Signature((height, width), small, digest.digest(), flat, float(small.mean()))


def _is_flat(pixels: Bytes) -> bool:
    return bool((np.ptp(pixels.astype(np.int16), axis=(0, 1)) <= _FLAT).all())


def read_signatures(frames: FrameList, indices: Iterable[int]) -> Signatures:
    """Read the frames ``indices`` once, in rising order. One that cannot be read does not stop the rest."""
    found = Signatures()
    for index in sorted(set(indices)):
        try:
            picture = frames.inspect(index)
        except FrameError as error:
            found.bad[index] = error.reason
            continue
        found.good[index] = signature_of(picture.image)
        for note in picture.notes:
            found.notes.setdefault(note, []).append(index)
        if picture.lossy:
            found.lossy.append(index)
    return found
