"""OSNet, FaceNet and the two Inceptions: known answers and laws (their references are in
``test_backbones.py``).
"""

from __future__ import annotations

import socket
import sys
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from iper_bench.errors import UserError
from iper_bench.metrics.backbones import (
    efficientnet_lite0,
    facenet,
    inception,
    lpips_trunks,
    normalisation,
    osnet,
)
from iper_bench.metrics.backbones.network import grey_levels
from iper_bench.metrics.backbones.weight_loading import read_tensors
from iper_bench.metrics.psnr import signed_unit
from iper_bench.metrics.weights import MissingWeightsError, WeightFile
from tests.metrics.seeded_weights import seeded, transparent

CPU = torch.device("cpu")
IMAGENET = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
LEVEL = 0.375  # of the constant image; exact in float32
EXACT = {"rtol": 2e-5}  # float32 through up to a hundred layers
INSTANCE = {"rtol": 2e-4}  # an instance norm divides the rounding of a constant's mean by sqrt(1e-5)
FID_PARAMETERS = 23_834_568 + 8 * 2049  # torchvision's without its auxiliary head, and with 1008 classes
POOL_CHANNELS = 192  # of Mixed_7c, the last of its 2048
OSNET_SHARES = {"conv3.bn.weight": 0.1}  # or its gates saturate
SIDE = 139  # smallest input that leaves Inception a last map of 3x3


def constant(side: int) -> torch.Tensor:
    return torch.full((1, 3, side, side), LEVEL)


def answer(forward, side):
    with torch.inference_mode():
        return forward(constant(side))[0].numpy()


def ungated(network):
    """OSNet whose gates are all one half."""
    for name, layer in transparent(network).named_modules():
        if name.endswith(("gate.fc1", "gate.fc2")):
            torch.nn.init.zeros_(layer.weight)
    return network


def test_osnet_known_answer():
    # a block is its input plus four streams of one half each: 1 + 4 / 2 = 3, and there are six blocks
    network = ungated(osnet.graph(instance_norm=False))
    np.testing.assert_allclose(answer(network, 64), np.full(512, 3**6 * LEVEL), **EXACT)


def test_osnet_ibn_known_answer():
    # an instance norm makes a constant its own bias: the first two blocks answer 2, four blocks are left
    network = ungated(osnet.graph(instance_norm=True))
    for block in network.conv2[:2]:
        torch.nn.init.constant_(block.IN.bias, 2.0)
    np.testing.assert_allclose(answer(network, 64), np.full(512, 2 * 3**4), **INSTANCE)


def test_facenet_known_answer():
    # residual blocks of Inception-ResNet v1: 5 x 0.17, 10 x 0.1, 5 x 0.2, one of 1
    network = transparent(facenet.embedding_module())
    expected = LEVEL * 1.17**5 * 1.1**10 * 1.2**5 * 2
    np.testing.assert_allclose(answer(network, 160), np.full(512, expected), **EXACT)


def test_fid_inception_known_answer():
    # its pools leave padding out, so that a constant stays what it is up to the border
    net = transparent(inception.fid_graph())
    np.testing.assert_allclose(answer(partial(inception.pooled, net), SIDE), np.full(2048, LEVEL), **EXACT)


def test_torchvision_inception_known_answer():
    net = transparent(inception.torchvision_graph())
    for name in inception.LAYERS[-1][:-1]:
        branch = getattr(getattr(net, name), "branch_pool", None)
        if branch is not None:  # constant whatever its padded pool gives
            torch.nn.init.zeros_(branch.conv.weight)
            torch.nn.init.constant_(branch.bn.bias, LEVEL)
    # the last pool counts padding as 0: along a side of 3 it covers 2/3, 1 and 2/3
    expected = np.full(2048, LEVEL)
    expected[-POOL_CHANNELS:] *= (7 / 9) ** 2
    np.testing.assert_allclose(answer(partial(inception.pooled, net), SIDE), expected, **EXACT)


def test_the_fid_graph_is_made_without_asking_anyone(monkeypatch):
    def asked(*arguments, **named):
        raise AssertionError(arguments)

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", asked)
    monkeypatch.setattr(socket, "socket", asked)
    graph = inception.fid_graph()
    assert sum(value.numel() for value in graph.parameters()) == FID_PARAMETERS
    with pytest.raises(RuntimeError, match="Missing key"):
        graph.load_state_dict({"fc.bias": torch.zeros(1008)})


def test_osnet_without_torchreid_names_the_extra(monkeypatch):
    monkeypatch.setattr(osnet, "find_spec", lambda name: None)
    with pytest.raises(MissingWeightsError, match=r"torchreid; try: pip install 'iper-bench\[reid\]'"):
        osnet.graph(instance_norm=False)


def test_osnet_is_read_without_the_rest_of_torchreid():
    before = set(sys.modules)
    osnet.graph(instance_norm=False)
    assert not {"torchreid", "gdown", "tensorboard"} & (set(sys.modules) - before)


def test_normalisations_of_every_grey_level():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    grey = grey_levels(levels)
    exact = levels.transpose(2, 0, 1).astype(np.float64)
    # the rounding of the evaluator's steps is part of psnr's and of the trunks' definition: bit for bit
    evaluator = signed_unit(levels).transpose(2, 0, 1)
    np.testing.assert_array_equal(normalisation.signed(grey), evaluator)
    shift, scale = (np.float32(v)[:, None, None] for v in (lpips_trunks.SHIFT, lpips_trunks.SCALE))
    trunk = lpips_trunks.NORMALISE
    np.testing.assert_array_equal(trunk["signed"](grey), (evaluator - shift) / scale)
    expected = {
        efficientnet_lite0.normalise: (exact - 127) / 128,
        facenet.normalise: (exact - 127.5) / 128,
        inception.fid_input: (exact - 128) / 128,
        trunk["unit"]: (exact / 255 - shift) / scale,
        normalisation.imagenet: (exact / 255 - IMAGENET[0]) / IMAGENET[1],
    }
    for rule, values in expected.items():
        found = rule(grey)
        assert found.dtype == torch.float32
        np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(grey, exact)  # the grey levels themselves stay


def test_trunks_are_fed_as_asked(tmp_path):
    trunk = lpips_trunks.trunk_module("squeeze")
    torch.save({f"features.{k}": v for k, v in seeded(trunk).items()}, tmp_path / "weights.pth")
    file = WeightFile(tmp_path / "weights.pth", "0" * 64)
    networks = {v: lpips_trunks.load("squeeze", file, CPU, values=v) for v in ("signed", "unit")}
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    first = {v: network.features([image])[0] for v, network in networks.items()}
    # 2x - 1 of the middle of the range upwards is what the error feeds with: x' = (x + 1) / 2
    brighter = networks["signed"].features_of_inputs(
        [lpips_trunks.NORMALISE["signed"]((grey_levels(image) + 255) / 2)]
    )[0]
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(first["unit"], brighter, strict=True))
    assert all(np.abs(a - b).max() > 0.1 for a, b in zip(first["unit"], first["signed"], strict=True))
    assert networks["signed"].label == networks["unit"].label
    with pytest.raises(KeyError):
        lpips_trunks.load("squeeze", file, CPU, values="0..255")


def test_safetensors_files_are_read_like_torch_files(tmp_path):
    trunk = seeded(lpips_trunks.trunk_module("squeeze"))
    identity = lpips_trunks.TRUNKS["squeeze"].identity
    path = tmp_path / "weights.safetensors"
    save_file(trunk, path)
    found = read_tensors(identity, path)
    assert found.keys() == trunk.keys()
    assert all(torch.equal(found[key], trunk[key]) for key in trunk)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"weights\.safetensors: not a whole torch or safetensors file"):
        read_tensors(identity, path)


def test_logits_of_the_fid_graph_come_from_its_features(tmp_path):
    network = _made("inception_fid", tmp_path)
    features = np.random.default_rng(0).random((3, 2048), dtype=np.float32)
    classes = torch.load(tmp_path / "weights.pth")["fc.weight"].numpy().astype(np.float64)
    found = network.project(features)
    assert found.shape == (3, 1008)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, features.astype(np.float64) @ classes.T, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(found[1:2], network.project(features[1:2]))


def _made(name, folder):
    """The network with seeded weights, through its own loader."""
    module = {
        "osnet": lambda: osnet.graph(instance_norm=False),
        "osnet_ibn": lambda: osnet.graph(instance_norm=True),
        "facenet": facenet.embedding_module,
        "inception_fid": inception.fid_graph,
        "inception_torchvision": inception.torchvision_graph,
    }[name]()
    torch.save(seeded(module, shares=OSNET_SHARES), folder / "weights.pth")
    file = WeightFile(folder / "weights.pth", "0" * 64)
    if name.startswith("osnet"):
        return (osnet.load_paper if name.endswith("ibn") else osnet.load_standard)(file, CPU)
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
