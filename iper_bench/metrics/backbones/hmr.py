"""HMR, the body estimator behind SSPE: a frame to 85 numbers.

From: the network of the ICCV 2019 release (``body/recovery/hmr_iccv.py``), which the official evaluator runs
on frames of 224x224 in [-1, 1].
Must agree with: ``iccv_hmr_regressor_rule`` (the regressor), ``inception_preprocess.npz``, ``sspe_out`` (the
input).
"""

from __future__ import annotations

import torch

from iper_bench.body.recovery.hmr_iccv import BODY_ARRAYS, HmrIccv
from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.backbones.normalisation import signed
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.weights import Identity, WeightFile

IDENTITY = Identity(
    name="hmr_iccv",
    architecture="HMR: pre-activation ResNet-50 and three corrections, camera 3, pose 72, shape 10",
    files=("hmr_tf2pt.pth",),
    sha256=None,
    preprocessing="2x - 1",
    licence="MIT (code); weights of the authors, research",
    source="the evaluator's cloud folder, or the assets of the ICCV 2019 release of svip-lab/impersonator",
)


def load(file: WeightFile, device: torch.device) -> Network:
    """The network with the weights of ``file``, the licensed body's arrays in it apart.

    Features are float32 (85,): camera (s, tx, ty), 24 axis-angle rotations, 10 shape coefficients. Raises
    UserError when the weights do not fit.
    """
    net = load_network(HmrIccv(), IDENTITY, file.path, device, without=BODY_ARRAYS)
    return Network(IDENTITY, file, signed, lambda inputs: (net(inputs),), device)
