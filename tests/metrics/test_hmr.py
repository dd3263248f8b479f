"""HMR as a network of SSPE: reference (the estimator itself and the official input), known answer, laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.body.recovery.hmr_iccv import HmrIccv
from iper_bench.body.recovery.weights import load_hmr
from iper_bench.metrics.backbones import hmr
from iper_bench.metrics.weights import WeightFile
from tests.metrics.seeded_weights import seeded

CPU = torch.device("cpu")
SIDE = 64  # 224 in use
THETA = 85
SHARES = {"conv3.weight": 0.1, "fc3.weight": 0.05}  # or residual sums and corrections run away


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file as the release's, the licensed body's arrays beside the network."""
    state = seeded(HmrIccv(), shares=SHARES)
    state["regressor.mean_theta"] = torch.linspace(-1, 1, THETA)
    file = tmp_path_factory.mktemp("weights") / "hmr_tf2pt.pth"
    torch.save({**state, "smpl.v_template": torch.zeros(6890, 3)}, file)
    yield file
    file.unlink()


@pytest.fixture(scope="module")
def network(path):
    return hmr.load(WeightFile(path, "0" * 64), CPU)


@pytest.fixture(scope="module")
def images():
    return list(np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8))


def test_reference_by_the_estimator(network, path, images):
    estimator = load_hmr(path)
    with torch.inference_mode():
        expected = [
            estimator(torch.from_numpy(image.transpose(2, 0, 1) / 127.5 - 1).float()[None])[0].numpy()
            for image in images
        ]
    found = network.embed(images)
    assert found.shape == (3, THETA)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-3  # the image decides


def test_known_answer_of_a_blind_regressor(path, images):
    network = hmr.load(WeightFile(path, "0" * 64), CPU)
    module = network._forward.__closure__[0].cell_contents
    last = module.regressor.fc_blocks.fc3
    last.weight.zero_()
    last.bias.copy_(torch.arange(THETA) / 8)
    # three corrections of the mean body, all by the bias
    expected = np.linspace(-1, 1, THETA) + 3 * np.arange(THETA) / 8
    np.testing.assert_allclose(network.embed(images[:1])[0], expected, rtol=1e-5, atol=1e-5)


def test_features_depend_on_nothing_but_their_image(network, images):
    together = network.embed(images)
    np.testing.assert_array_equal(network.embed(images[::-1]), together[::-1])
    np.testing.assert_array_equal(network.embed(images[1:2]), together[1:2])
