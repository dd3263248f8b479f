"""Whether an error means that memory ran out, whatever allocator says so."""

from __future__ import annotations

#: what torch's CPU allocator and cuDNN say in a plain RuntimeError, and OpenCV in an error of its own
_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "insufficient memory",
    "cudnn_status_alloc_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """True for Python's MemoryError and torch's OutOfMemoryError, and for RuntimeErrors and errors of OpenCV
    that say so in words.
    """
    import cv2
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | cv2.error) and any(word in str(error).lower() for word in _WORDS)
