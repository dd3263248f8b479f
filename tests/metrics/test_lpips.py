"""Perceptual distance: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.metrics.backbones import lpips_trunks
from iper_bench.metrics.backbones.network import grey_levels
from iper_bench.metrics.lpips import lpips_distance, plain_distance, unit_maps
from tests.oracles import cases, load, oracle_files

FILES = oracle_files("metrics/lpips*.npz")
TOLERANCE = 2e-6  # up to 16 float32 convolutions in another order of summation
TAPS = "feat_"  # names of arrays: alex_feat_shape, alex_feat_mean_noise10, ...
GOLDEN = 0.6180339887498949


def rule(shape, offset):
    k = np.arange(int(np.prod(shape)), dtype=np.float64)
    return (2 * np.modf(GOLDEN * (k + 1) + 0.1 * offset)[0] - 1).reshape(shape)


def ruled_trunk(name):
    """The trunk with the weights of the oracle's stated rule."""
    features = lpips_trunks.trunk_module(name)
    convolutions = [m for m in features.modules() if isinstance(m, torch.nn.Conv2d)]
    for index, layer in enumerate(convolutions):
        fan_in = int(np.prod(layer.weight.shape[1:]))
        weight = rule(tuple(layer.weight.shape), 2 * index) * np.sqrt(6 / fan_in)
        bias = 0.05 * rule(tuple(layer.bias.shape), 2 * index + 1)
        layer.weight.data = torch.from_numpy(weight.astype(np.float32))
        layer.bias.data = torch.from_numpy(bias.astype(np.float32))
    return features.eval().requires_grad_(False)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@pytest.mark.parametrize("name", sorted(lpips_trunks.TRUNKS))
def test_reference(path, name):
    arrays = load(path)
    features = ruled_trunk(name)
    taps = lpips_trunks.TRUNKS[name].taps

    def maps(image):
        outputs = lpips_trunks.tap_outputs(
            features, taps, lpips_trunks.NORMALISE["signed"](grey_levels(image))[None]
        )
        return [tensor[0].numpy() for tensor in outputs]

    assert len(arrays["order"])
    bundled = lpips_trunks.heads(name)
    ruled = [np.abs(0.3 * rule(head.shape, 50 + i)).astype(np.float32) for i, head in enumerate(bundled)]
    for index, case in enumerate(arrays["order"]):
        raw = [maps(arrays[f"{side}_{case}"]) for side in ("pred", "ref")]
        pair = [unit_maps(side) for side in raw]
        for key, heads in (("binlin", bundled), ("weyllin", ruled)):
            value = lpips_distance(*pair, heads)
            origins = ["official", "lpips014"] + ["float64"] * (f"float64_{name}_{key}" in arrays)
            for origin in origins:
                expected = float(arrays[f"{origin}_{name}_{key}"][index])
                assert value == pytest.approx(expected, rel=0, abs=TOLERANCE), (case, key, origin)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference_of_taps(path):
    arrays = load(path)
    shapes = f"{TAPS}shape"
    described = [key.removesuffix(f"_{shapes}") for key in arrays if key.endswith(shapes)]
    assert described
    for name in described:
        features, taps = ruled_trunk(name), lpips_trunks.TRUNKS[name].taps
        image = arrays[f"pred_{arrays['order'][0]}"]  # the first prediction, by the description
        outputs = lpips_trunks.tap_outputs(
            features, taps, lpips_trunks.NORMALISE["signed"](grey_levels(image))[None]
        )
        assert [list(tap.shape[1:]) for tap in outputs] == arrays[f"{name}_{shapes}"].tolist()
        for key, found in (
            ("mean", [float(tap.mean()) for tap in outputs]),
            ("std", [float(tap.std()) for tap in outputs]),
        ):
            (case,) = cases(arrays, f"{name}_{TAPS}{key}_")
            # relative: sums of up to 14,400 float32 numbers in another order
            np.testing.assert_allclose(found, arrays[f"{name}_{TAPS}{key}_{case}"], rtol=1e-5)


def test_known_answer_of_orthogonal_and_opposite_features():
    east, north = np.zeros((2, 2, 3, 3), dtype=np.float32)
    east[0], north[1] = 5, 0.25
    pair = unit_maps([east]), unit_maps([north])
    assert plain_distance(*pair) == pytest.approx(2, abs=1e-6)
    assert plain_distance(pair[0], unit_maps([-east])) == pytest.approx(4, abs=1e-6)
    assert lpips_distance(*pair, [np.array([0.5, 2.0], dtype=np.float32)]) == pytest.approx(2.5, abs=1e-6)


def test_law_zero_symmetric_scale_free():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 8, 5, 6)).astype(np.float32)
    assert plain_distance(unit_maps([x]), unit_maps([x])) == 0
    assert plain_distance(unit_maps([x]), unit_maps([y])) == plain_distance(unit_maps([y]), unit_maps([x]))
    assert plain_distance(unit_maps([4 * x]), unit_maps([y])) == pytest.approx(
        plain_distance(unit_maps([x]), unit_maps([y])), abs=1e-6
    )
    with pytest.raises(ValueError, match="cannot be compared"):
        plain_distance([x], [x[:, :4]])


@pytest.mark.parametrize("block", [1, 100, 65_536])
def test_reference_in_float64_whatever_the_block(monkeypatch, block):
    monkeypatch.setattr("iper_bench.metrics.lpips.BLOCK", block)
    rng = np.random.default_rng(1)
    shapes = [(5, 12, 9), (33, 3, 4), (7, 1, 1)]
    ours, theirs = ([rng.standard_normal(shape).astype(np.float32) for shape in shapes] for _ in range(2))
    heads = [rng.random(shape[0]).astype(np.float32) for shape in shapes]

    def unit(maps):
        wide = [one.astype(np.float64) for one in maps]
        return [one / np.linalg.norm(one, axis=0, keepdims=True) for one in wide]

    squares = [np.square(p - t).mean(axis=(1, 2)) for p, t in zip(unit(ours), unit(theirs), strict=True)]
    pair = unit_maps(ours), unit_maps(theirs)
    learned = sum((s * h).sum() for s, h in zip(squares, heads, strict=True))
    assert lpips_distance(*pair, heads) == pytest.approx(learned, rel=1e-7)
    assert plain_distance(*pair) == pytest.approx(np.mean([s.sum() for s in squares]), rel=1e-7)
