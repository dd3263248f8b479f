"""The `offline` profile's LPIPS against the ``lpips`` package, which also knows a distance without heads."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageFilter

from iper_bench.metrics.backbones import efficientnet_lite0, lpips_trunks
from iper_bench.metrics.backbones.network import grey_levels
from iper_bench.metrics.lpips import plain_distance, unit_maps
from iper_bench.metrics.suite import FrameSet, MetricSuite
from tests.metrics.seeded_weights import seeded

# the packages warn of their own use of deprecated arguments when they are imported and called
pytestmark = pytest.mark.filterwarnings("ignore")


def test_reference_on_a_seeded_trunk():
    """``LPIPS(lpips=False)``: the sum over taps of what the mean is taken of here."""
    import lpips

    judge = lpips.LPIPS(net="alex", lpips=False, pnet_rand=True, verbose=False)
    trunk = lpips_trunks.trunk_module("alex")
    trunk.load_state_dict(seeded(trunk))
    trunk.eval()
    convolutions = [layer for layer in judge.net.modules() if isinstance(layer, torch.nn.Conv2d)]
    own = [layer for layer in trunk if isinstance(layer, torch.nn.Conv2d)]
    for theirs, ours in zip(convolutions, own, strict=True):
        theirs.load_state_dict(ours.state_dict())
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    taps = lpips_trunks.TRUNKS["alex"].taps
    with torch.inference_mode():
        signed = torch.from_numpy(frames.transpose(0, 3, 1, 2)).float() / 127.5 - 1
        expected = float(judge(signed[:1], signed[1:])) / len(taps)
        maps = [
            [
                tap[0].numpy()
                for tap in lpips_trunks.tap_outputs(
                    trunk, taps, lpips_trunks.NORMALISE["signed"](grey_levels(frame))[None]
                )
            ]
            for frame in frames
        ]
    assert expected > 0.01
    assert plain_distance(*(unit_maps(side) for side in maps)) == pytest.approx(expected, rel=1e-5)


def test_reference_of_the_whole_distance():
    """Frames to number: the package's own EfficientNet, read by hooks, and the functions of ``lpips``."""
    import lpips

    module, _ = efficientnet_lite0.package_module(torch.device("cpu"))
    taps: list[torch.Tensor] = []
    for number in efficientnet_lite0.TAP_BLOCKS:
        module._blocks[number].register_forward_hook(lambda block, inputs, output: taps.append(output))
    truth = np.ascontiguousarray(skimage.data.astronaut()[60:156, 170:266])
    blurred = [np.asarray(Image.fromarray(truth).filter(ImageFilter.GaussianBlur(s))) for s in (1, 4)]
    expected = []
    for frame in blurred:
        pair = torch.from_numpy(np.stack([frame, truth]).transpose(0, 3, 1, 2)).float()
        taps.clear()
        with torch.inference_mode():
            module.extract_features((pair - 127) / 128)
            unit = [lpips.normalize_tensor(tap) for tap in taps]
            each = [
                lpips.spatial_average(((tap[:1] - tap[1:]) ** 2).sum(dim=1, keepdim=True)) for tap in unit
            ]
        expected.append(float(torch.cat(each).mean()))
    assert len(taps) == 5
    suite = MetricSuite(["offline"], metrics=["LPIPS"])
    pair = FrameSet([np.stack(blurred)], truths=[np.stack([truth, truth])])
    (value,) = suite.measure(pair, "self").values
    found = value.per_frame
    assert found == pytest.approx(expected, rel=1e-4)  # folded norms, fifty layers of float32
    assert 0 < found[0] < found[1]
