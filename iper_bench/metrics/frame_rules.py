"""What is done to a frame before any metric sees it.

From: ``his_evaluators/utils/io.py`` (``linear-512``); PATB's ``tool/getMetrics_fashion.py``
(``white-pad-40``). Must agree with: ``load_img.npz``, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.colour import white_pad
from iper_bench.metrics.cropping import paper_frame

Frame = npt.NDArray[np.uint8]

NATIVE = "native"
PAPER_SIDE = 512  # his_evaluators' runners


def _native(frame: Frame) -> Frame:
    return frame


def _linear_512(frame: Frame) -> Frame:
    return paper_frame(frame, PAPER_SIDE)


RULES: Mapping[str, Callable[[Frame], Frame]] = {
    NATIVE: _native,
    "linear-512": _linear_512,
    "white-pad-40": white_pad,
}


def rule_for(name: str, shape: tuple[int, ...]) -> str:
    """The name of the rule, or ``native`` where it would leave a frame of this shape as it is, so that
    what was found in a frame serves every rule under which it is the same frame.
    """
    return NATIVE if name == "linear-512" and shape[:2] == (PAPER_SIDE, PAPER_SIDE) else name
