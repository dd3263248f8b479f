"""PCB's trunk: reference (torchreid's own PCB), known answer, laws, and the file that it comes in."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.metrics.backbones import pcb
from iper_bench.metrics.backbones.network import grey_levels
from iper_bench.metrics.weights import WeightFile
from tests.metrics.seeded_weights import seeded, transparent

CPU = torch.device("cpu")
HEIGHT, WIDTH = 96, 48  # 384 x 192 in use
CHANNELS, PARTS = 2048, 6
TRUNK_PARAMETERS = 25_557_032 - 2049 * 1000  # torchvision's ResNet-50 without its classifier
SHARES = {"bn3.weight": 0.1}  # or sixteen residual sums grow beyond comparing


def saved(folder: Path, trunk: dict[str, torch.Tensor], **more: torch.Tensor) -> WeightFile:
    """A file as the evaluator's: the trunk under ``model.`` with ImageNet's classifier, six classifiers."""
    state = {f"model.{key}": value for key, value in trunk.items()}
    state |= {"model.fc.weight": torch.zeros(1000, CHANNELS), "model.fc.bias": torch.zeros(1000)}
    for part in range(PARTS):
        state[f"classifier{part}.classifier.0.weight"] = torch.zeros(751, 256)
    torch.save(state | more, folder / "pcb_net_last.pth")
    return WeightFile(folder / "pcb_net_last.pth", "0" * 64)


@pytest.fixture(scope="module")
def trunk():
    return seeded(pcb.graph(), shares=SHARES)


@pytest.fixture(scope="module")
def network(trunk, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    made = pcb.load(saved(folder, trunk), CPU)
    (folder / "pcb_net_last.pth").unlink()
    return made


@pytest.fixture(scope="module")
def images():
    return list(np.random.default_rng(0).integers(0, 256, (3, HEIGHT, WIDTH, 3), dtype=np.uint8))


def torchreids_pcb():
    package = importlib.util.find_spec("torchreid")
    path = Path(package.submodule_search_locations[0], "reid/models/pcb.py")
    spec = importlib.util.spec_from_file_location("torchreid_pcb", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pcb_p6(num_classes=1, pretrained=False).eval()


def test_reference_by_torchreid(network, trunk, images):
    judge = torchreids_pcb()
    unused = judge.load_state_dict(trunk, strict=False)
    assert not unused.unexpected_keys
    assert all(key.startswith(("conv5.", "classifier.")) for key in unused.missing_keys)
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    inputs = torch.from_numpy((np.stack(images) / 255 - mean) / deviation).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        maps = judge.featuremaps(inputs)
        expected = judge.parts_avgpool(maps)[..., 0].numpy()  # (N, 2048, 6)
    assert maps.shape[2:] == (HEIGHT // 16, WIDTH // 16)  # the last stage keeps the resolution
    found = network.embed(images).reshape(-1, CHANNELS, PARTS)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * expected.max())
    bands = maps.numpy().reshape(len(images), CHANNELS, PARTS, -1).mean(axis=-1)
    np.testing.assert_allclose(found, bands, rtol=1e-3, atol=1e-5 * expected.max())


def test_known_answer_of_six_bands():
    # sixteen blocks, each of which adds its input to itself; max pools let the brighter band below win
    net = transparent(pcb.graph())
    assert sum(value.numel() for value in net.parameters()) == TRUNK_PARAMETERS
    levels = torch.arange(1, PARTS + 1).repeat_interleave(32) / 8
    with torch.inference_mode():
        found = net(levels[None, None, :, None].expand(1, 3, -1, 64)).view(CHANNELS, PARTS)
    expected = np.arange(1, PARTS + 1) / 8 * 2**16
    np.testing.assert_allclose(found, np.tile(expected, (CHANNELS, 1)), rtol=1e-5)


def test_features_depend_on_nothing_but_their_image(network, images):
    together = network.embed(images)
    assert together.shape == (3, CHANNELS * PARTS)
    np.testing.assert_array_equal(network.embed(images[::-1]), together[::-1])
    np.testing.assert_array_equal(network.embed(images[1:2]), together[1:2])
    assert np.abs(together[0] - together[1]).max() > 0
    # what is seen in the lowest band stays in the lowest parts, up to the reach of the network
    dark = images[0].copy()
    dark[-HEIGHT // PARTS :] = 0
    moved = np.abs(network.embed([dark])[0] - together[0]).reshape(CHANNELS, PARTS).mean(axis=0)
    assert moved[-1] > 3 * moved[0]


def test_normalisation_is_imagenets(network, images):
    levels = network.normalise(grey_levels(images[0]))
    expected = (images[0][5, 7, 1] / 255 - 0.456) / 0.224
    assert float(levels[1, 5, 7]) == pytest.approx(expected, abs=1e-6)


def test_files_of_another_shape_are_refused(trunk, tmp_path):
    missing = {key: value for key, value in trunk.items() if key != "conv1.weight"}
    with pytest.raises(UserError, match=r"1 of \d+ tensors missing \(model\.conv1\.weight\)"):
        pcb.load(saved(tmp_path, missing), CPU)
    with pytest.raises(UserError, match=r"1 unexpected \(model\.extra\)"):
        pcb.load(saved(tmp_path, trunk, **{"model.extra": torch.zeros(1)}), CPU)
