"""Where the `offline` profile looks for a face: the upper part of the projected body box, enlarged.

MTCNN finds faces from about 40 pixels reliably; frames of 128 px show faces of 10 to 15. The region above the
chest, resized so that the whole body would be ``BODY_HEIGHT`` pixels tall, gives the detector faces of one
size at any resolution and costs a fraction of the enlarged frame. Without a body box the whole frame is
enlarged by a fixed factor.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.cropping import resize_pil, usable

UPPER_SHARE = 0.45  # of the body box's height; a raised arm may top the head
MARGIN = 0.10  # of the body box's height, on every side
BODY_HEIGHT = 400  # pixels of a body after resizing; its face then spans about 42
MINIMUM_FACE = 30  # pixels of the region; detections as with 20 on renders, at two thirds of the time
MAXIMUM_SCALE = 6.0  # beyond it bicubic interpolation only blurs
FRAME_SCALES = ((128, 4), (256, 2))  # without a box: frames up to this side are enlarged by this factor

RULE = (
    f"body box: rows from the top - {MARGIN} h to the top + {UPPER_SHARE} h, columns widened by {MARGIN}"
    f" h, clipped; PIL bicubic by"
    f" {BODY_HEIGHT} / h (at most {MAXIMUM_SCALE:g}), h = height of the box; without a box the whole frame by"
    " 4 up to 128 px, by 2 up to 256 px, else 1"
)


def head_region(frame: npt.NDArray[np.uint8], box: npt.NDArray[np.floating] | None) -> npt.NDArray[np.uint8]:
    """The enlarged uint8 region of a (H, W, 3) frame in which the face is looked for."""
    height, width = frame.shape[:2]
    if box is None or not usable(box):
        factor = next((scale for side, scale in FRAME_SCALES if max(height, width) <= side), 1)
        return frame if factor == 1 else resize_pil(frame, height * factor, width * factor, bicubic=True)
    tall = float(box[3] - box[1])
    margin = MARGIN * tall
    x0, x1 = int(max(0.0, box[0] - margin)), int(min(float(width), box[2] + margin))
    y0, y1 = int(max(0.0, box[1] - margin)), int(min(float(height), box[1] + UPPER_SHARE * tall))
    if x1 <= x0 or y1 <= y0:
        return head_region(frame, None)
    scale = min(BODY_HEIGHT / tall, MAXIMUM_SCALE)
    part = frame[y0:y1, x0:x1]
    return resize_pil(part, max(1, round((y1 - y0) * scale)), max(1, round((x1 - x0) * scale)), bicubic=True)
