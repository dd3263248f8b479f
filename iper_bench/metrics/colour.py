"""What some evaluations do to frames before they compare them: grey, and white columns.

From: OpenCV's RGB to grey as called by DisCo's ``tool/metrics`` (``grey``); PATB's
``tool/getMetrics_fashion.py`` (``white_pad``), whose 176x256 crops stand on 256x256 white.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

PAD_COLUMNS = 40  # on each side; PATB's
WHITE = 255

Frame = npt.NDArray[np.uint8]


def grey(frame: Frame) -> Frame:
    """uint8 (H, W, 3) RGB to uint8 (H, W), 0.299 R + 0.587 G + 0.114 B rounded to 8 bits."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def white_pad(frame: Frame, columns: int = PAD_COLUMNS) -> Frame:
    """uint8 (H, W, 3) to (H, W + 2 columns, 3) with white columns on both sides."""
    return np.pad(frame, ((0, 0), (columns, columns), (0, 0)), constant_values=WHITE)
