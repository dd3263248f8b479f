"""YOLOv3-SPP: size, file layout, decoding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.metrics.backbones import yolov3_spp as yolo

EVALUATOR_PARAMETERS = 62_998_749


def test_the_network_has_the_evaluators_size_and_grid():
    with torch.device("meta"):
        network = yolo.YoloV3Spp()
    assert sum(parameter.numel() for parameter in network.parameters()) == EVALUATOR_PARAMETERS
    # three anchors in each cell of three grids of a 64 px input: 4, 16, 64 cells
    rows = yolo.YoloV3Spp().eval()(torch.rand(1, 3, 64, 64)).detach()
    assert rows.shape == (1, 3 * (4 + 16 + 64), 85)
    assert bool(torch.isfinite(rows).all())


def test_darknet_files_are_read_in_order_and_in_full(tmp_path):
    network = torch.nn.Sequential(yolo._Convolution(2, 3, 1), torch.nn.Conv2d(3, 1, 1))
    values = np.arange(5 + 4 * 3 + 6 + 1 + 3, dtype=np.float32) - 5
    values.tofile(tmp_path / "tiny.weights")
    yolo.fill_from_darknet(network, tmp_path / "tiny.weights")
    norm = network[0].norm
    found = [norm.bias, norm.weight, norm.running_mean, norm.running_var, network[0].conv.weight]
    found += [network[1].bias, network[1].weight]
    np.testing.assert_array_equal(torch.cat([t.detach().ravel() for t in found]), values[5:])
    values[:-1].tofile(tmp_path / "short.weights")
    with pytest.raises(UserError, match=r"short.weights: 21 values; expected 22"):
        yolo.fill_from_darknet(network, tmp_path / "short.weights")


def test_decoding_known_answer():
    raw = torch.zeros(1, 85, 2, 3)
    raw[0, 2, 1, 2] = np.log(2)
    rows = yolo.decoded(raw, 8, ((10.0, 20.0),))
    assert rows.shape == (1, 6, 85)
    np.testing.assert_allclose(rows[0, 5, :5], [2.5 * 8, 1.5 * 8, 20, 20, 0.5], rtol=1e-6)
    np.testing.assert_allclose(rows[0, 0, :5], [4, 4, 10, 20, 0.5], rtol=1e-6)
