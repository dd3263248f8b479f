"""The two Inception networks that give different FIDs.

`paper`: torchvision's ``inception_v3`` with ImageNet weights, 2048-d after global pooling, input in [-1, 1].
`standard`: the FID graph of 2015-12-05 (1008 classes) as torch-fidelity has it: average pools that leave
padding out of the mean, and a max pool in the last block; (x - 128) / 128; logits without bias serve the
inception score.
Must agree with: ``backbones.npz``, ``inception_torchvision_pool``, ``inception_fid_pool``,
``inception_fid_logits_unbiased``.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from iper_bench.metrics.backbones.network import Features, Network
from iper_bench.metrics.backbones.normalisation import centred, signed
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.weights import Identity, WeightFile

FID_OFFSET = 128.0
LAYERS = (  # in either graph; a max pool stands between the groups
    ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"),
    ("Conv2d_3b_1x1", "Conv2d_4a_3x3"),
    (
        *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
        *("Mixed_7a", "Mixed_7b", "Mixed_7c"),
    ),
)
AUXILIARY = "AuxLogits."  # the training-time head; not in every file

PAPER_IDENTITY = Identity(
    name="inception_v3_torchvision",
    architecture="torchvision inception_v3, 2048-d global average, without transform_input",
    files=("inception_v3_google-1a9a5a14.pth", "inception_v3_google-0cc3c7bd.pth"),
    sha256=None,
    preprocessing="2x - 1",
    licence="BSD-3-Clause (torchvision)",
    source="download.pytorch.org/models",
    url="https://download.pytorch.org/models/inception_v3_google-1a9a5a14.pth",
    hash_in_name=True,
)
STANDARD_IDENTITY = Identity(
    name="inception_fid_2015_12_05",
    architecture="FID graph of 2015-12-05, 2048-d pool3 and 1008 logits",
    files=("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth"),
    sha256="6726825d",
    preprocessing="(x - 128) / 128",
    licence="Apache-2.0 (TensorFlow)",
    source="the release assets of toshas/torch-fidelity or mseitzer/pytorch-fid",
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
)


def torchvision_graph() -> Any:
    """torchvision's untrained network without its auxiliary head."""
    from torchvision.models import inception_v3

    net = inception_v3(weights=None, init_weights=False, transform_input=False)
    net.AuxLogits = None
    return net


def fid_graph() -> Any:
    """torch-fidelity's untrained graph, made without the download and the unpickling of its constructor: that
    is handed an empty file.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Graph(FeatureExtractorInceptionV3):
        def load_state_dict(
            self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
        ) -> Any:
            return super().load_state_dict(state_dict, strict and bool(state_dict), assign)

    empty = BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    return Graph("inception_fid", ["2048"], feature_extractor_weights_path=empty)


def pooled(net: Any, x: torch.Tensor) -> torch.Tensor:
    """Inputs (B, 3, 299, 299) to features (B, 2048) by the layers of either graph, whose own forward passes
    resize or classify.
    """
    for number, names in enumerate(LAYERS):
        if number:
            x = F.max_pool2d(x, 3, stride=2)
        for name in names:
            x = getattr(net, name)(x)
    return x.mean(dim=(2, 3))


def load_paper(file: WeightFile, device: torch.device) -> Network:
    """torchvision's network with the weights of ``file``. Raises UserError when they do not fit."""
    net = load_network(torchvision_graph(), PAPER_IDENTITY, file.path, device, without=AUXILIARY)
    return Network(PAPER_IDENTITY, file, signed, lambda inputs: (pooled(net, inputs),), device)


fid_input = centred(FID_OFFSET, FID_OFFSET)


def load_standard(file: WeightFile, device: torch.device) -> Network:
    """The FID graph with the weights of ``file``; ``project`` gives logits (n, 1008) without bias.

    Raises UserError when the weights do not fit.
    """
    net = load_network(fid_graph(), STANDARD_IDENTITY, file.path, device, without=AUXILIARY)
    classes = net.fc.weight.T.double().cpu().numpy()

    def project(features: Features) -> Features:
        # in float64, so that a row's logits do not depend on the rows beside it
        return np.asarray(features.astype(np.float64) @ classes, dtype=np.float32)

    return Network(
        STANDARD_IDENTITY,
        file,
        fid_input,
        lambda inputs: (pooled(net, inputs),),
        device,
        project=project,
    )
