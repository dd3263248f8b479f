"""PCB part features and SSPE: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.body_state_error import components, sspe
from iper_bench.metrics.cosine_similarity import cosines_paper
from iper_bench.metrics.part_features import flat_parts
from tests.oracles import load, oracle_files


@pytest.mark.parametrize("path", oracle_files("metrics/pcb.npz"), ids=lambda p: p.stem)
def test_part_features_reference(path):
    arrays = load(path)
    flat = flat_parts(arrays["part_features"])
    np.testing.assert_allclose(flat, arrays["out"], atol=1e-6)
    np.testing.assert_allclose(
        flat_parts(arrays["part_features"], ignore_head=True), arrays["out_ignore_head"], atol=1e-6
    )
    half = len(flat) // 2
    assert cosines_paper(flat[:half], flat[half:]).mean() == pytest.approx(float(arrays["cs"]), abs=1e-6)


def test_part_features_are_unit_vectors():
    parts = np.random.default_rng(0).standard_normal((3, 7, 6)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(flat_parts(parts), axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(flat_parts(parts * 8), flat_parts(parts), atol=1e-6)


@pytest.mark.parametrize("path", oracle_files("metrics/sspe.npz"), ids=lambda p: p.stem)
def test_sspe_reference(path):
    arrays = load(path)
    assert sspe(arrays["src"], arrays["ref"]) == pytest.approx(float(arrays["sspe"]), abs=1e-4)
    parts = components(arrays["src"], arrays["ref"])
    assert parts["scale"] == pytest.approx(float(arrays["scale_term"]), abs=1e-5)


@pytest.mark.parametrize("path", oracle_files("metrics/aggregation.npz"), ids=lambda p: p.stem)
def test_sspe_over_batches(path):
    arrays = load(path)
    pred, ref = arrays["smpl_pred"], arrays["smpl_ref"]
    means = [sspe(pred[i : i + 16], ref[i : i + 16]) for i in range(0, len(pred), 16)]
    assert np.mean(means) == pytest.approx(float(arrays["unpaired_SSPE"]), abs=1e-4)


def test_components_known_answer():
    zero = np.zeros((1, 85), dtype=np.float32)
    other = zero.copy()
    other[0, 0], other[0, 1:3] = 0.5, (3, 4)
    other[0, 3:6] = (0, np.pi / 2, 0)
    found = components(zero, other)
    assert found == pytest.approx(
        {"scale": 0.5, "translation": 5, "pose": np.pi / 2 / 24, "shape": 0}, abs=1e-6
    )
    turned = zero.copy()
    turned[0, 3:6] = (2 * np.pi, 0, 0)  # a full turn is no difference
    assert components(zero, turned)["pose"] == pytest.approx(0, abs=1e-3)
    assert sspe(other, other) == 0
