"""OSNet, FaceNet and the two Inceptions: known answers and laws (their references are in
``test_backbones.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.metrics.backbones import facenet, inception, osnet
from iper_bench.metrics.profiles.standard import imagenet_input
from iper_bench.metrics.weights import WeightFile
from tests.metrics.seeded_weights import seeded, transparent

CPU = torch.device("cpu")
LEVEL = 0.375  # of the constant image; exact in float32
EXACT = {"rtol": 2e-5}  # float32 through up to a hundred layers
INSTANCE = {"rtol": 2e-4}  # an instance norm divides the rounding of a constant's mean by sqrt(1e-5)
POOL_CHANNELS = 192  # of Mixed_7c, the last of its 2048
OSNET_SHARES = {"conv3.bn.weight": 0.1}  # or its gates saturate
SIDE = 139  # smallest input that leaves Inception a last map of 3x3


def constant(side: int) -> torch.Tensor:
    return torch.full((1, 3, side, side), LEVEL)


def answer(module, side):
    with torch.inference_mode():
        return module(constant(side))[0].numpy()


def ungated(network):
    """OSNet whose gates are all one half."""
    for name, layer in transparent(network).named_modules():
        if name.endswith(("gate.fc1", "gate.fc2")):
            torch.nn.init.zeros_(layer.weight)
    return network


def test_osnet_known_answer():
    # a block is its input plus four streams of one half each: 1 + 4 / 2 = 3, and there are six blocks
    network = ungated(osnet.OSNet(instance_norm=False))
    np.testing.assert_allclose(answer(network, 64), np.full(512, 3**6 * LEVEL), **EXACT)


def test_osnet_ibn_known_answer():
    # an instance norm makes a constant its own bias: the first two blocks answer 2, four blocks are left
    network = ungated(osnet.OSNet(instance_norm=True))
    for block in network.conv2[:2]:
        torch.nn.init.constant_(block.IN.bias, 2.0)
    np.testing.assert_allclose(answer(network, 64), np.full(512, 2 * 3**4), **INSTANCE)


def test_facenet_known_answer():
    # residual blocks of Inception-ResNet v1: 5 x 0.17, 10 x 0.1, 5 x 0.2, one of 1
    network = transparent(facenet.embedding_module())
    expected = LEVEL * 1.17**5 * 1.1**10 * 1.2**5 * 2
    np.testing.assert_allclose(answer(network, 160), np.full(512, expected), **EXACT)


def test_fid_inception_known_answer():
    # its pools leave padding out, so that a constant stays what it is up to the border; logits lack the bias
    network = transparent(inception.FidInception())
    torch.nn.init.constant_(network.net.fc.bias, 7.0)
    with torch.inference_mode():
        pooled, logits = network.pooled_and_logits(constant(SIDE))
    np.testing.assert_allclose(pooled, np.full((1, 2048), LEVEL), **EXACT)
    np.testing.assert_allclose(logits, np.full((1, 1008), LEVEL), **EXACT)


def test_torchvision_inception_known_answer():
    network = transparent(inception.PooledInception(inception.IMAGENET_CLASSES))
    for name in inception.POOL_BLOCKS:  # constant whatever their padded pools give
        branch = getattr(network.net, name).branch_pool
        torch.nn.init.zeros_(branch.conv.weight)
        torch.nn.init.constant_(branch.bn.bias, LEVEL)
    # the last pool counts padding as 0: along a side of 3 it covers 2/3, 1 and 2/3
    expected = np.full(2048, LEVEL)
    expected[-POOL_CHANNELS:] *= (7 / 9) ** 2
    np.testing.assert_allclose(answer(network, SIDE), expected, **EXACT)


def _made(name, folder):
    """The network with seeded weights, through its own loader."""
    module = {
        "osnet": lambda: osnet.OSNet(instance_norm=False),
        "osnet_ibn": lambda: osnet.OSNet(instance_norm=True),
        "facenet": facenet.embedding_module,
        "inception_fid": lambda: inception.FidInception().net,
        "inception_torchvision": lambda: inception.PooledInception(inception.IMAGENET_CLASSES).net,
    }[name]()
    torch.save(seeded(module, shares=OSNET_SHARES), folder / "weights.pth")
    file = WeightFile(folder / "weights.pth", "0" * 64)
    if name.startswith("osnet"):
        ibn = name.endswith("ibn")
        identity = osnet.PAPER_IDENTITY if ibn else osnet.STANDARD_IDENTITY
        return osnet.load(file, identity, imagenet_input, CPU, instance_norm=ibn)
    if name == "facenet":
        return facenet.load(file, CPU)
    return (inception.load_standard if name.endswith("fid") else inception.load_paper)(file, CPU)


NAMES = ("osnet", "osnet_ibn", "facenet", "inception_fid", "inception_torchvision")


@pytest.fixture(scope="module", params=NAMES)
def network(request, tmp_path_factory):
    return _made(request.param, tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def inputs():
    return list(torch.from_numpy(np.random.default_rng(0).normal(0, 0.5, (3, 3, SIDE, SIDE))).float())


def rows(network, inputs):
    return np.stack([outputs[0] for outputs in network.features_of_inputs(inputs)])


def test_features_depend_on_nothing_but_their_image(network, inputs):
    together = rows(network, inputs)
    assert np.isfinite(together).all()
    np.testing.assert_array_equal(together[::-1], rows(network, inputs[::-1]))
    np.testing.assert_array_equal(together[1:2], rows(network, inputs[1:2]))
    with torch.inference_mode():  # other shapes, other kernels: equal up to rounding
        batch = network._forward(torch.stack(inputs))[0].numpy()
    np.testing.assert_allclose(batch, together, rtol=1e-3, atol=1e-4 * np.abs(together).max())


def test_more_noise_is_further_away(network, inputs):
    image, noise = inputs[:2]
    found = rows(network, [image + share * noise for share in (0.0, 0.0, 0.003, 0.03, 0.3)])
    away = np.linalg.norm(found - found[0], axis=1)
    assert away[1] == 0
    assert (away[2:] > 1.2 * away[1:-1]).all(), away


def test_osnet_features_are_not_negative(tmp_path, inputs):
    found = rows(_made("osnet", tmp_path), inputs[:1])
    assert found.min() == 0  # a ReLU ends it, which is why cosines start far above 0
    assert found.max() > 0
