"""Guards on the pixels themselves: weights and tracked results stand on them.

When one of these fails on purpose, ``RENDERING_VERSION`` goes up, and weights and tracked results are made
anew.
"""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticDataset, open_synthetic

# Mean colours of 16 x 16 px of frame 20 of actor000/outfit0 at 64 px, recorded with rendering version 1.
KNOWN = (
    ((166.2, 143.2, 116.4), (165.8, 147.8, 116.1), (176.4, 163.3, 124.0), (151.0, 147.3, 129.3)),
    ((175.7, 165.4, 144.2), (144.6, 117.3, 111.7), (160.8, 131.5, 123.9), (169.1, 157.2, 135.5)),
    ((126.9, 147.8, 118.6), (143.7, 143.3, 144.7), (147.2, 152.9, 145.1), (123.4, 150.2, 135.3)),
    ((75.5, 122.7, 101.8), (88.5, 126.7, 108.0), (82.7, 125.9, 105.5), (76.3, 123.9, 102.7)),
)
KNOWN_FINGERPRINT = "52f84cc9982e6961"  # default configuration, open-coarse


def test_fingerprint_of_the_default(home: object) -> None:
    assert open_synthetic().fingerprint == KNOWN_FINGERPRINT


def test_colours_of_a_frame(home: object) -> None:
    frame = SyntheticDataset(SyntheticConfig(size=64)).clip("actor000/outfit0").frames([20])[0]
    blocks = frame.reshape(4, 16, 4, 16, 3).mean((1, 3))
    # 0.3 grey levels of a mean over 256 px: processors differ in rounding by far less, repainting by more.
    assert np.abs(blocks - KNOWN).max() < 0.3


@pytest.mark.parametrize("name", ["actor000/outfit0", "actor003/outfit1", "actor007/outfit0"])
def test_a_detector_finds_the_face_in_front_and_not_from_behind(home: object, name: str) -> None:
    from facenet_pytorch import MTCNN

    clip = SyntheticDataset(SyntheticConfig(size=256, turn_frames=2, action_frames=1)).clip(name)
    front, back = MTCNN(device="cpu").detect(list(clip.frames([0, 1])))[1]
    assert front[0] is not None
    assert front[0] > 0.9
    assert back[0] is None or back[0] < 0.9
