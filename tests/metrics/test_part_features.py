"""PCB's unit vector of parts: known answer and law (its reference is in ``test_other_mathematics.py``)."""

from __future__ import annotations

import numpy as np

from iper_bench.metrics.cosine_similarity import cosines
from iper_bench.metrics.part_features import flat_parts


def test_known_answer_is_channel_major():
    # two channels of four parts, whose norms are 5, 1, 2 and 13: each is divided by twice its norm
    parts = np.array([[[3, 0, 2, 5], [4, -1, 0, 12]]], dtype=np.float32)
    expected = [3 / 10, 0, 1 / 2, 5 / 26, 4 / 10, -1 / 2, 0, 12 / 26]
    np.testing.assert_allclose(flat_parts(parts)[0], expected, rtol=1e-6)
    root = np.sqrt(3)  # without the first part three are left
    without_head = [0, 1 / root, 5 / 13 / root, -1 / root, 0, 12 / 13 / root]
    np.testing.assert_allclose(flat_parts(parts, ignore_head=True)[0], without_head, rtol=1e-6)


def test_law_every_part_weighs_the_same():
    parts = np.random.default_rng(0).standard_normal((5, 32, 6)).astype(np.float32)
    flat = flat_parts(parts)
    np.testing.assert_array_equal(flat_parts(parts[::-1]), flat[::-1])
    np.testing.assert_array_equal(flat_parts(parts[2:3]), flat[2:3])
    # however large a part is; and the cosine of two people is the mean of the cosines of their parts
    scales = np.array([1, 2, 4, 8, 16, 32], dtype=np.float32)
    np.testing.assert_allclose(flat_parts(parts * scales), flat, atol=1e-6)
    mean = np.mean([cosines(parts[:2, :, part], parts[2:4, :, part]) for part in range(6)], axis=0)
    np.testing.assert_allclose(cosines(flat[:2], flat[2:4]), mean, atol=1e-6)
    for lost in (1, 3, 6):  # the more parts are somebody else's, the less alike
        mixed = parts[:1].copy()
        mixed[:, :, :lost] = -parts[:1, :, :lost]
        np.testing.assert_allclose(cosines(flat_parts(mixed), flat[:1]), 1 - 2 * lost / 6, atol=1e-6)
