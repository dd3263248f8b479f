"""The three ways to bring a frame to Inception's 299x299, which alone move FID by several units.

`paper`: torch bilinear on [-1, 1], half-pixel centres, no antialiasing. `clean`: PIL bicubic per channel in
float32, clipped to [0, 255], not rounded. `legacy`: TensorFlow 1 bilinear (top-left aligned, no
antialiasing).
Must agree with: ``inception_preprocess.npz``, 1e-5 on [-1, 1], 1e-3 on [0, 255].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

INCEPTION_SIDE = 299

Frame = npt.NDArray[np.uint8]


def paper_resize(frame: Frame, side: int = INCEPTION_SIDE) -> torch.Tensor:
    """uint8 (H, W, 3) to float32 (3, side, side) in [-1, 1]."""
    unit = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))).float() / 255
    return F.interpolate(unit[None] * 2 - 1, size=(side, side), mode="bilinear", align_corners=False)[0]


def clean_resize(frame: Frame, side: int = INCEPTION_SIDE) -> torch.Tensor:
    """uint8 (H, W, 3) to float32 (3, side, side) in [0, 255]."""
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(frame[:, :, channel]).astype(np.float32)).resize(
                (side, side), Image.Resampling.BICUBIC
            )
        )
        for channel in range(frame.shape[2])
    ]
    return torch.from_numpy(np.stack(planes).clip(0, 255).astype(np.float32))


def legacy_resize(frame: Frame, side: int = INCEPTION_SIDE) -> torch.Tensor:
    """uint8 (H, W, 3) to float32 (3, side, side) in [0, 255] as TensorFlow 1 did."""
    planes = frame.transpose(2, 0, 1).astype(np.float32)
    row0, row1, row_share = _legacy_positions(planes.shape[1], side)
    column0, column1, column_share = _legacy_positions(planes.shape[2], side)
    top, bottom = planes[:, row0], planes[:, row1]
    upper = top[:, :, column0] + (top[:, :, column1] - top[:, :, column0]) * column_share
    lower = bottom[:, :, column0] + (bottom[:, :, column1] - bottom[:, :, column0]) * column_share
    return torch.from_numpy(upper + (lower - upper) * row_share[:, None])


def _legacy_positions(
    size: int, side: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    positions = np.arange(side, dtype=np.float32) * np.float32(size / side)
    low = positions.astype(np.int64)
    return low, np.minimum(low + 1, size - 1), (positions - low).astype(np.float32)
