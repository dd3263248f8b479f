"""Feature networks against forward passes with rule weights, and their independence of batches."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.metrics.backbones import efficientnet_lite0, facenet, inception, osnet
from iper_bench.metrics.backbones.network import Network, frozen, grey_levels
from iper_bench.metrics.backbones.normalisation import imagenet, signed
from iper_bench.metrics.cropping import area_resized
from iper_bench.metrics.inception_resize import paper_resize, tf1_resize
from iper_bench.metrics.weights import (
    Identity,
    MissingWeightsError,
    WeightFile,
    check_weights,
    find_weights,
    weights_folder,
)
from tests.oracles import load, oracle_files

FILES = oracle_files("metrics/backbones*.npz")
RELATIVE = 1e-5  # of the row's maximum: float32 through up to 150 layers; measured 6e-7, also without oneDNN
CPU = torch.device("cpu")


def ruled(state):
    """Weights by the oracle's rule, from entry names and shapes alone."""
    filled = {}
    for key, value in state.items():
        if not value.is_floating_point():
            filled[key] = value
            continue
        g = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(tuple(value.shape))
        if key.endswith("running_mean"):
            g = 0.1 * g
        elif key.endswith("running_var"):
            g = 0.75 + 0.25 * np.tanh(g)
        elif value.ndim >= 2:
            g = g * np.sqrt(2 / np.prod(value.shape[1:]))
        elif key.endswith("weight"):
            g = 1 + 0.1 * g
        else:
            g = 0.05 * g
        filled[key] = torch.from_numpy(np.asarray(g, dtype=np.float32))
    return filled


def images(arrays):
    """The two float images of the oracle as uint8: x and 1 - flip(x)."""
    image = arrays["image_u8"]
    return image, np.ascontiguousarray(255 - image[:, ::-1])


def assert_rows(found, expected):
    assert found.shape == expected.shape
    limits = RELATIVE * np.abs(expected).max(axis=1, keepdims=True)
    assert (np.abs(found - expected) <= limits).all()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@pytest.mark.parametrize(("key", "instance_norm"), [("osnet_ibn_x1_0", True), ("osnet_x1_0", False)])
def test_osnet(path, key, instance_norm, tmp_path):
    arrays = load(path)
    module = osnet.graph(instance_norm=instance_norm)
    state = {
        **ruled(module.state_dict()),
        "classifier.weight": torch.zeros(3, 512),
        "classifier.bias": torch.zeros(3),
    }
    torch.save(state, tmp_path / "weights.pth")
    file = WeightFile(tmp_path / "weights.pth", "0" * 64)
    network = (osnet.load_paper if instance_norm else osnet.load_standard)(file, CPU)
    assert_rows(network.embed(images(arrays)), arrays[key])
    if instance_norm:
        module.load_state_dict(ruled(module.state_dict()))
        inputs = torch.stack([imagenet(grey_levels(image)) for image in images(arrays)])
        with torch.inference_mode():
            maps = module.eval().featuremaps(inputs).mean(dim=(2, 3))
        assert_rows(maps.numpy(), arrays["osnet_featuremap_mean"])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_facenet(path, tmp_path):
    arrays = load(path)
    from facenet_pytorch import InceptionResnetV1

    torch.save(ruled(InceptionResnetV1(pretrained=None).state_dict()), tmp_path / "weights.pt")
    network = facenet.load(WeightFile(tmp_path / "weights.pt", "0" * 64), CPU)
    found = np.stack(
        [
            output[0]
            for output in network.features_of_inputs([area_resized(image) for image in images(arrays)])
        ]
    )
    assert_rows(found, arrays["facenet_unnormalized"])
    assert_rows(found / np.linalg.norm(found, axis=1, keepdims=True), arrays["facenet_normalized"])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_torchvision_inception(path):
    arrays = load(path)
    net = inception.torchvision_graph()
    net.load_state_dict(ruled(net.state_dict()))
    frozen(net, CPU)
    with torch.inference_mode():
        found = inception.pooled(net, torch.stack([signed(paper_resize(image)) for image in images(arrays)]))
    assert_rows(found.numpy(), arrays["inception_torchvision_pool"])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_fid_inception(path, tmp_path):
    arrays = load(path)
    torch.save(ruled(inception.fid_graph().state_dict()), tmp_path / "weights.pth")
    network = inception.load_standard(WeightFile(tmp_path / "weights.pth", "0" * 64), CPU)
    inputs = [network.normalise(tf1_resize(image)) for image in images(arrays)]
    pooled = np.stack([output[0] for output in network.features_of_inputs(inputs)])
    assert_rows(pooled, arrays["inception_fid_pool"])
    assert_rows(network.project(pooled), arrays["inception_fid_logits_unbiased"])


def test_efficientnet_recognises_a_cat_and_an_espresso():
    import skimage.data
    from PIL import Image

    network, _ = efficientnet_lite0.load(CPU)
    module, _ = efficientnet_lite0.package_module(CPU)
    for name, label in (("chelsea", 285), ("coffee", 967)):
        picture = Image.fromarray(getattr(skimage.data, name)()).resize((224, 224), Image.Resampling.BICUBIC)
        features = torch.from_numpy(network.embed([np.asarray(picture)]))
        assert int(module._fc(features).argmax()) == label


@pytest.mark.parametrize("size", [(224, 224), (256, 128), (128, 128), (96, 160)])
def test_folded_efficientnet_equals_the_package(size):
    module, _ = efficientnet_lite0.package_module(CPU)
    folded = efficientnet_lite0.EfficientNetLite0(module)
    inputs = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, *size)).astype(np.float32))
    with torch.inference_mode():
        expected = module.extract_features(inputs).mean(dim=(2, 3))
        np.testing.assert_allclose(
            folded.embedding(inputs)[0], expected, atol=1e-4
        )  # float32 through 50 layers
        x = module._swish(module._bn0(module._conv_stem(inputs)))
        taps = iter(folded.taps(inputs))
        for index, block in enumerate(module._blocks):
            x = block(x)
            if index in efficientnet_lite0.TAP_BLOCKS:
                np.testing.assert_allclose(next(taps), x, atol=1e-3)  # block outputs reach 30


def test_features_do_not_depend_on_the_batch_or_its_order():
    network, _ = efficientnet_lite0.load(CPU)
    frames = list(np.random.default_rng(0).integers(0, 255, (5, 64, 64, 3), dtype=np.uint8))
    together = network.embed(frames)
    np.testing.assert_array_equal(together[3:], network.embed(frames[3:]))
    np.testing.assert_array_equal(together[::-1], network.embed(frames[::-1]))


def test_fixed_device_batches_are_padded_and_cut(monkeypatch):
    seen = []

    def forward(inputs):
        seen.append(len(inputs))
        return (inputs.mean(dim=(1, 2, 3)),)

    identity = Identity("toy", "mean", ("toy.pth",), None, "none", "none", "here")
    network = Network(identity, WeightFile(None, "f" * 64), lambda levels: levels, forward, CPU)
    network._device = torch.device("meta")  # any device but the CPU
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *a, **k: self)
    frames = [np.full((2, 2, 3), value, np.uint8) for value in range(40)]
    assert [float(out[0]) for out in network.features(frames)] == list(range(40))
    assert seen == [32, 32]


def test_missing_and_wrong_weights(tmp_path, monkeypatch):
    identity = Identity("toy", "none", ("toy.pth",), "abcd", "none", "none", "the toy shop")
    with pytest.raises(MissingWeightsError, match=r"put toy.pth into .* --weights-dir FOLDER .*toy shop"):
        find_weights(identity, tmp_path)
    (tmp_path / "toy.pth").write_bytes(b"other")
    with pytest.raises(UserError, match=r"toy.pth: sha256 begins with .* expected abcd"):
        find_weights(identity, tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        weights_folder(tmp_path / "toy.pth")
    monkeypatch.setenv("IPER_BENCH_WEIGHTS", str(tmp_path))
    assert weights_folder(None) == tmp_path
    monkeypatch.delenv("IPER_BENCH_WEIGHTS")
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path))
    assert weights_folder(None) == tmp_path / "weights"
    assert len(check_weights(Identity("t", "", (), None, "", "", ""), tmp_path / "toy.pth").sha256) == 64
