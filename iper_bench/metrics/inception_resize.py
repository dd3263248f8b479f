"""The ways to bring a frame to Inception's 299x299, which alone move FID by several units.

All give grey levels in [0, 255]; the network normalises. `paper`: torch bilinear, half-pixel centres, no
antialiasing. `clean`: PIL bicubic per channel in float32, clipped to [0, 255], not rounded. `tf1`: TensorFlow
1 bilinear (top-left aligned, no antialiasing), the resize of the first FID code.
Must agree with: ``inception_preprocess.npz``, 1e-5 on [-1, 1], 1e-3 on [0, 255]. Differs: the evaluator
resizes what is normalised; the order changes nothing but rounding.
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
    """uint8 (H, W, 3) to float32 (3, side, side) in [0, 255]."""
    levels = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))).float()
    return F.interpolate(levels[None], size=(side, side), mode="bilinear", align_corners=False)[0]


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


def tf1_resize(frame: Frame, side: int = INCEPTION_SIDE) -> torch.Tensor:
    """uint8 (H, W, 3) to float32 (3, side, side) in [0, 255] as TensorFlow 1 did, by torch-fidelity."""
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    levels = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))).float()
    return interpolate_bilinear_2d_like_tensorflow1x(levels[None], size=(side, side), align_corners=False)[0]
