"""Losses of MV2NV against the official model, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from iper_bench.baselines.mv2nv.network import Views
from iper_bench.baselines.mv2nv.objective import adversarial_loss, discriminator_loss, local, parts

from tests.oracles import load, oracle_files

FILES = oracle_files("baselines/mv2nv_network*.npz")


def oracle_views(arrays: dict[str, np.ndarray]) -> Views:
    names = ("pixel_out", "pixel_conf_logit", "flow_xy", "flow_warped", "flow_conf_logit")
    return Views(*(torch.from_numpy(arrays[name]) for name in names))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle_parts(path) -> None:
    arrays = load(path)
    found = parts(oracle_views(arrays), torch.from_numpy(arrays["target_image"]))
    expected = arrays["loss_parts"]
    large = [found.pixel, found.flow, found.merged]
    np.testing.assert_allclose([one.item() for one in large], expected[:3], rtol=0, atol=1e-5)
    small = [found.local_pixel, found.local_flow]
    np.testing.assert_allclose([one.item() for one in small], expected[3:], rtol=1e-4, atol=1e-10)
    assert found.pixel_objective.item() == pytest.approx(float(arrays["pixel_loss_total"]), abs=1e-4)
    assert found.flow_objective.item() == pytest.approx(float(arrays["flow_loss_total"]), abs=1e-5)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle_adversary(path) -> None:
    arrays = load(path)
    real, drawn = (torch.from_numpy(arrays[name]) for name in ("d_real_logits", "d_fake_logits"))
    assert discriminator_loss(real, drawn).item() == pytest.approx(float(arrays["d_loss"]), abs=1e-5)
    assert adversarial_loss(drawn).item() == pytest.approx(float(arrays["g_loss"]), abs=1e-5)


def test_known_local_term() -> None:
    """An even weight of length 1 over 2 x 2 pixels is 1/2: 0.01 * 0.3 / 2 / 4."""
    image, target = torch.full((1, 3, 2, 2), 0.3), torch.zeros(1, 3, 2, 2)
    found = local(image, target, torch.full((1, 2, 2), 7.0))
    assert found.item() == pytest.approx(0.01 * 0.3 / 2 / 4, rel=1e-6)


def test_perfect_views_cost_nothing() -> None:
    target = torch.rand(2, 3, 4, 4) * 2 - 1
    images, logits = target[:, None].expand(-1, 3, -1, -1, -1), torch.randn(2, 3, 4, 4)
    found = parts(Views(images, logits, torch.zeros(2, 3, 2, 4, 4), images, logits), target)
    # a weighted sum of equal images is that image but for rounding
    assert found.pixel_objective.item() == pytest.approx(0.0, abs=1e-5)
    assert found.flow_objective.item() == pytest.approx(0.0, abs=1e-6)
    ones, zeros = torch.ones(2, 1, 2, 2), torch.zeros(4, 1, 2, 2)
    assert discriminator_loss(ones, zeros).item() == 0.0
    assert adversarial_loss(ones).item() == 0.0
