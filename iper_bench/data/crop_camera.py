"""``crop_camera``: the camera of a frame becomes the camera of a crop of it.

From: iPERCore's helpers for pixel cameras, of which only the idea is kept (their ``start`` is counted in
pixels before scaling; ours, that of :class:`iper_bench.data.crop.Crop`, after it). With a camera (s, t) that
has an N-pixel square as [-1, 1], and pixels of the crop u' = k u - start, S x S of them,

    s' = s k N / S        t' = t + 1 / s - 2 start / (s k N) - 1 / s'

so that a projected point moves exactly as the pixel under it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.clip import Floats


def crop_camera(
    cams: Floats,
    *,
    frame: int | tuple[int, int],
    scale: float,
    start: NDArray[np.floating],
    side: int,
) -> Floats:
    """Cameras of the frames of a crop.

    Parameters
    ----------
    cams: (T, 3) float32 ``[s, tx, ty]`` with the square frame as [-1, 1].
    frame: side of the square frames in pixels, or (height, width) of frames that the cameras see padded to a
        square, evenly on both sides (an odd pixel right or below), as in
        :class:`iper_bench.data.track_file.TrackFile`.
    scale, start, side: of the crop: pixel of the crop = pixel of the frame * ``scale`` - ``start`` (2,) x, y;
        ``side`` pixels square.

    Returns
    -------
    (T, 3) float32 with the crop as [-1, 1].

    Raises
    ------
    ValueError for another shape, a scale of 0 or below, or a side or frame below 1.
    """
    height, width = (frame, frame) if isinstance(frame, int) else frame
    square = max(height, width)
    if cams.ndim != 2 or cams.shape[1] != 3 or np.shape(start) != (2,):
        raise ValueError(f"cameras {cams.shape} and start {np.shape(start)}; expected (T, 3) and (2,)")
    if not scale > 0 or side < 1 or min(height, width) < 1 or (cams[:, 0] <= 0).any():
        raise ValueError(f"scale {scale}, side {side}, frame {frame}; all must be above 0, camera scales too")
    padding = np.array([(square - width) // 2, (square - height) // 2], np.float64)
    # from the corner of the padded square: u' = k (v - padding) - start
    corner = np.asarray(start, np.float64) + scale * padding
    zoom = cams[:, :1].astype(np.float64)
    new_zoom = zoom * scale * square / side
    shift = cams[:, 1:] + 1.0 / zoom - 2.0 * corner / (side * new_zoom) - 1.0 / new_zoom
    return np.concatenate([new_zoom, shift], axis=1).astype(np.float32)
