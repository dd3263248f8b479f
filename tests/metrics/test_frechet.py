"""Frechet distance: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.frechet import frechet_distance, frechet_of_gaussians
from iper_bench.metrics.metric import UndefinedError
from tests.oracles import cases, load, oracle_files

EXACT = {"rel": 1e-10, "abs": 1e-9}  # float64 sums of up to 2048 singular values
OFFICIAL = {"rel": 2e-7, "abs": 1e-6}  # error of the official matrix square root itself
EPSILON_BRANCH = {"rel": 2e-5, "abs": 1e-6}  # where the official function added 1e-6 to the diagonals
FILES = oracle_files("metrics/frechet*.npz")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference(path):
    arrays = load(path)
    assert len(arrays["names"])
    for index, name in enumerate(arrays["names"]):
        prediction, truth = arrays[f"pred_{name}"], arrays[f"gt_{name}"]
        if min(len(prediction), len(truth)) < 2:
            with pytest.raises(UndefinedError):
                frechet_distance(prediction, truth)
            continue
        value = frechet_distance(prediction, truth)
        assert value == pytest.approx(arrays["fid_exact"][index], **EXACT), name
        if not np.isnan(arrays["fid_mpmath"][index]):
            assert value == pytest.approx(arrays["fid_mpmath"][index], **EXACT), name
        tolerance = EPSILON_BRANCH if min(len(prediction), len(truth)) == 2 else OFFICIAL
        assert value == pytest.approx(arrays["fid_paper"][index], **tolerance), name


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference_of_recipes(path):
    arrays = load(path)
    assert len(arrays["recipe"])
    for row, exact in zip(arrays["recipe"], arrays["recipe_exact"], strict=True):
        seed1, seed2, n1, n2, d = (int(v) for v in row[:5])
        value = frechet_distance(recipe(seed1, n1, d, 0.0), recipe(seed2, n2, d, row[5]))
        assert value == pytest.approx(exact, **EXACT)
        assert value == pytest.approx(row[6], **OFFICIAL)


def recipe(seed: int, n: int, d: int, shift: float) -> np.ndarray:
    r = np.random.RandomState(seed).standard_normal((n, d))
    scale = 0.5 + (np.arange(d) % 7) / 7
    return np.maximum(0.5 * r * scale + 0.3 + shift, 0).astype(np.float32)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference_of_gaussians(path):
    arrays = load(path)
    for name in cases(arrays, "ex_mu1_"):
        value = frechet_of_gaussians(*(arrays[f"ex_{part}_{name}"] for part in ("mu1", "s1", "mu2", "s2")))
        assert value == pytest.approx(float(arrays[f"ex_fid_paper_{name}"]), **OFFICIAL), name


def test_known_answer_of_a_shift_and_a_scale():
    rng = np.random.default_rng(0)
    base = rng.standard_normal((50, 6))
    assert frechet_distance(base + 2, base) == pytest.approx(6 * 4, rel=1e-10)
    # doubling a zero-mean set: trace(S) (2 - 1)^2
    centred = base - base.mean(axis=0)
    assert frechet_distance(2 * centred, centred) == pytest.approx(np.trace(np.cov(centred.T)), rel=1e-10)


@pytest.mark.parametrize(("n1", "n2", "d"), [(40, 25, 8), (10, 60, 64), (7, 9, 200)])
def test_law_zero_symmetric_order_free_and_rotation_free(n1, n2, d):
    rng = np.random.default_rng(d)
    first, second = rng.standard_normal((n1, d)), 1.3 * rng.standard_normal((n2, d)) + 0.1
    value = frechet_distance(first, second)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(second, first) == pytest.approx(value, rel=1e-10)
    assert frechet_distance(first[::-1], second) == pytest.approx(value, rel=1e-10)
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
    assert frechet_distance(first @ rotation, second @ rotation) == pytest.approx(value, rel=1e-9)
    if n1 > d and n2 > d:
        other = frechet_of_gaussians(first.mean(0), np.cov(first.T), second.mean(0), np.cov(second.T))
        assert other == pytest.approx(value, rel=1e-9)


def test_bad_features_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        frechet_distance(np.full((3, 2), np.nan), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="dimensions"):
        frechet_distance(np.zeros((3, 2)), np.zeros((3, 4)))
