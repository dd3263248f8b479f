"""PCB part features: six stripe vectors of one person as one unit vector.

From: ``his_evaluators/metrics`` (PCB). Must agree with: ``pcb.npz`` to 1e-6. The network itself is not here:
its weights were distributed by a cloud folder.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def flat_parts(parts: npt.NDArray[np.float32], *, ignore_head: bool = False) -> npt.NDArray[np.float32]:
    """(N, C, P) part vectors to (N, C * P): each divided by its norm times sqrt(P), channel-major.

    ``ignore_head`` drops the first part (the evaluator never does).
    """
    kept = parts[:, :, 1:] if ignore_head else parts
    norms = np.linalg.norm(kept, axis=1, keepdims=True) * np.float32(np.sqrt(kept.shape[2]))
    flat: npt.NDArray[np.float32] = (kept / norms).astype(np.float32).reshape(len(kept), -1)
    return flat
