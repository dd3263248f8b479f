"""PNG to and from memory, RGB. OpenCV works in BGR; the turn of the channels happens here and nowhere
else.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

#: Pixels of the largest picture or video frame that is decoded: 8192 x 8192, 192 MiB as RGB. A larger size
#: is a damaged or hostile header; it is refused before memory is asked for.
MOST_PIXELS = 1 << 26

COMPRESSION = 3  # zlib level: half the time of OpenCV's default for three per cent more bytes


#: of `quick`: rows as differences from the row above, runs instead of repeats. On photographs a third of the
#: time of COMPRESSION for 8 % more bytes. The filter came with OpenCV 4.12; without it every row's is tried.
_QUICK = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):
    _QUICK += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]


def encode_png(image: Image, *, quick: bool = False) -> bytes:
    """PNG of a uint8 image (H, W, 3) RGB or (H, W) grey; ``quick`` for very many of them. Raises ValueError
    for anything else.
    """
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(f"image {image.dtype} {image.shape}; expected uint8 (H, W) or (H, W, 3)")
    turned = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    settings = _QUICK if quick else [cv2.IMWRITE_PNG_COMPRESSION, COMPRESSION]
    done, content = cv2.imencode(".png", turned, settings)
    if not done:
        raise ValueError(f"cannot encode an image of shape {image.shape}")
    return bytes(content.tobytes())


def decode_png(content: bytes) -> Image:
    """The image of :func:`encode_png`, with the channels it was stored with. Raises ValueError when it is
    not a whole image.
    """
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    if decoded is None or decoded.dtype != np.uint8:
        raise ValueError(f"{len(content)} bytes that are not an 8-bit image")
    if decoded.ndim == 3:
        decoded = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(decoded)
