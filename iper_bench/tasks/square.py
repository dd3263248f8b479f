"""From a frame of any shape to the square that bodies and networks live in, and back.

The paper pads the picture to a square and resizes it (section 4 of arXiv 2011.09055); iPERCore repeats the
border (``pad``), as here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from iper_bench.data.clip import Images


@dataclass(frozen=True)
class Square:
    """The square around a frame of ``height`` x ``width`` pixels, padded evenly (an odd pixel goes to the
    right or the bottom).
    """

    height: int
    width: int

    @classmethod
    def around(cls, image: Images) -> Square:
        """The square around ``image`` (H, W) or (H, W, 3)."""
        return cls(*image.shape[:2])

    @property
    def side(self) -> int:
        """Side of the square in the frame's own pixels."""
        return max(self.height, self.width)

    @property
    def padded(self) -> bool:
        """Whether the frame is no square itself."""
        return self.height != self.width

    def bring(self, image: Images, size: int, *, border: int = cv2.BORDER_REPLICATE) -> Images:
        """Pad ``image`` (height, width) or (height, width, 3) by its border and resize to ``size``."""
        top, left = (self.side - self.height) // 2, (self.side - self.width) // 2
        bottom, right = self.side - self.height - top, self.side - self.width - left
        padded = cv2.copyMakeBorder(image, top, bottom, left, right, border, value=0)
        if self.side == size:
            return np.asarray(padded, dtype=np.uint8)
        # averaging where pixels are lost, lines between them where pixels are made
        kind = cv2.INTER_AREA if size < self.side else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(padded, (size, size), interpolation=kind), dtype=np.uint8)

    def bring_mask(self, mask: Images, size: int) -> Images:
        """The same for a matte (height, width): nobody stands in the padding."""
        return self.bring(mask, size, border=cv2.BORDER_CONSTANT)

    def crop(self, frame: Images) -> Images:
        """The part of a square ``frame`` (S, S, 3) that the original showed."""
        scale = frame.shape[0] / self.side
        top, left = (self.side - self.height) // 2, (self.side - self.width) // 2
        rows = slice(round(top * scale), max(round((top + self.height) * scale), round(top * scale) + 1))
        columns = slice(round(left * scale), max(round((left + self.width) * scale), round(left * scale) + 1))
        return frame[rows, columns]


def at_height(frame: Images, height: int) -> Images:
    """``frame`` (H, W, 3) resized to ``height``, its shape kept."""
    if frame.shape[0] == height:
        return frame
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    kind = cv2.INTER_AREA if height < frame.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, (width, height), interpolation=kind), dtype=np.uint8)
