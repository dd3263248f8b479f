"""InceptionResnetV1 (VGGFace2), the face network of the `paper` and `standard` profiles.

From: facenet-pytorch 2.5.3, whose forward pass always L2-normalises; Face-FD needs the embedding before that,
so it is taken at the last batch norm. Face-CS does not change by it.
Must agree with: ``backbones.npz``, ``facenet_unnormalized``. Input: face of 160x160, (x - 127.5) / 128.
"""

from __future__ import annotations

from typing import Any

import torch

from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.backbones.normalisation import centred
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.weights import Identity, WeightFile

MEAN, DEVIATION = 127.5, 128.0  # facenet-pytorch's fixed_image_standardization
CLASSIFIER = "logits."

IDENTITY = Identity(
    name="facenet_vggface2",
    architecture="InceptionResnetV1, 512-d after the last batch norm, not normalised",
    files=("20180402-114759-vggface2.pt", "20180402-114759-vggface2-features.pt"),
    sha256=None,
    preprocessing="uint8 RGB face 160x160, (x - 127.5) / 128",
    licence="MIT (code); weights trained on VGGFace2, research",
    source="the release assets of timesler/facenet-pytorch",
    url="https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt",
)


normalise = centred(MEAN, DEVIATION)


def embedding_module() -> Any:
    """InceptionResnetV1 without weights and without its classifier, returning unnormalised (B, 512)
    embeddings.
    """
    from facenet_pytorch import InceptionResnetV1

    module = InceptionResnetV1(pretrained=None, classify=True, num_classes=1)
    # classify=True returns what follows the last batch norm without normalising it
    module.logits = torch.nn.Identity()
    return module


def load(file: WeightFile, device: torch.device) -> Network:
    """The network with the weights of ``file``. Raises UserError when they do not fit."""
    module = load_network(embedding_module(), IDENTITY, file.path, device, without=CLASSIFIER)
    return Network(IDENTITY, file, normalise, lambda inputs: (module(inputs),), device)
