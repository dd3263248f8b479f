"""Cosine similarity: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.cosine_similarity import (
    cosines,
    cosines_paper,
    cosines_to_centroid,
    unit_rows,
)
from iper_bench.metrics.metric import UndefinedError
from tests.oracles import cases, load, oracle_files

TOLERANCE = 1e-6  # float32 sums of up to 12,288 products of unit vectors
FILES = oracle_files("metrics/cosine*.npz")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference(path):
    arrays = load(path)
    for name in cases(arrays, "pred_"):
        prediction, reference = arrays[f"pred_{name}"], arrays[f"ref_{name}"]
        rows = cosines_paper(prediction, reference)
        np.testing.assert_allclose(rows, arrays[f"per_row_{name}"], rtol=0, atol=TOLERANCE)
        assert rows.mean() == pytest.approx(float(arrays[f"score_{name}"]), rel=0, abs=TOLERANCE)
        exact = cosines(prediction, reference)
        np.testing.assert_allclose(exact, arrays[f"per_row_exact_{name}"], rtol=0, atol=TOLERANCE)
    for name in cases(arrays, "normalized_"):
        rows = unit_rows(arrays[f"pred_{name}"])
        # The official 1e-6 in the norm is below float32 for the norms of these rows, which exceed 1.
        np.testing.assert_allclose(rows, arrays[f"normalized_{name}"], rtol=0, atol=TOLERANCE)


def test_known_answers():
    x = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    y = np.array([[4.0, 3.0], [0.0, 2.0], [1.0, 1.0]], dtype=np.float32)
    np.testing.assert_allclose(cosines(x, y), [24 / 25, 0, 0], atol=1e-15)
    np.testing.assert_allclose(cosines_to_centroid(x[:1], y[1:2]), [0.8], atol=1e-15)
    with pytest.raises(UndefinedError):
        cosines_to_centroid(x, y[:0])


def test_law_scale_free_symmetric_bounded():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 9, 33)).astype(np.float32)
    np.testing.assert_allclose(cosines(x * 64, y * 0.5), cosines(x, y), atol=1e-14)
    np.testing.assert_allclose(cosines(x, y), cosines(y, x), atol=1e-15)
    np.testing.assert_allclose(cosines(x, x), 1, atol=1e-14)
    assert np.abs(cosines(x, y)).max() <= 1
    np.testing.assert_allclose(cosines(x, y)[::-1], cosines(x[::-1], y[::-1]))
