"""``read_matte``: the matte of a frame, read as strictly as the frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from iper_bench.data.image_io import Image
from iper_bench.data.picture_file import read_picture_file


def read_matte(path: Path) -> Image:
    """A matte (H, W) uint8, 255 = person; a picture in colours becomes grey as OpenCV does it.

    Raises
    ------
    UserError as :func:`iper_bench.data.picture_file.read_picture_file`: no regular file, cut, damaged, or too
    large.
    """
    image = read_picture_file(path).image
    first = image[..., 0]
    if (image == first[..., None]).all():
        return np.ascontiguousarray(first)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
