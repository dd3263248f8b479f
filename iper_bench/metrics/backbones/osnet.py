"""OSNet, the re-identification network behind Body-CS and Body-FD of the `paper` and `standard` profiles.

From: Zhou et al. 2019 (omni-scale feature learning) as package torchreid has it (extra ``reid``), the code of
KaiyangZhou/deep-person-reid. ``instance_norm`` is the IBN variant of the evaluator (its first stages
normalise per instance).
Must agree with: ``backbones.npz``, ``osnet_x1_0`` and ``osnet_ibn_x1_0``.
"""

from __future__ import annotations

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.backbones.normalisation import imagenet
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.weights import Identity, MissingWeightsError, WeightFile

PLACES = ("reid/models/osnet.py", "models/osnet.py")  # in the package of PyPI, in that of its authors
CLASSIFIER = "classifier."  # unused at test time; its size depends on the training set

_ZOO = "the model zoo of KaiyangZhou/deep-person-reid"
PAPER_IDENTITY = Identity(
    name="osnet_ibn_x1_0_imagenet",
    architecture="OSNet-IBN x1.0, 512-d after fully connected layer, batch norm and ReLU",
    files=("osnet_ibn_x1_0_imagenet.pth",),
    sha256=None,
    preprocessing="ImageNet mean and standard deviation",
    licence="MIT (code); weights unstated",
    source=f"the evaluator's cloud folder, or {_ZOO}",
)
STANDARD_IDENTITY = Identity(
    name="osnet_x1_0_reid",
    architecture="OSNet x1.0, 512-d after fully connected layer, batch norm and ReLU",
    files=(
        "osnet_x1_0_msmt17_combineall_256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10_softmax_labelsmooth_flip_jitter.pth",
        "osnet_x1_0_msmt17.pth",
    ),
    sha256=None,
    preprocessing="ImageNet mean and standard deviation",
    licence="MIT (code); weights for research",
    source=_ZOO,
    url="https://huggingface.co/kaiyangzhou/osnet/resolve/main/"
    "osnet_x1_0_msmt17_combineall_256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10_softmax_labelsmooth_flip_jitter.pth",
)


def graph(*, instance_norm: bool) -> Any:
    """OSNet x1.0 of torchreid without its classifier: float32 (B, 3, H, W) normalised to (B, 512), not
    negative in eval mode.

    Raises MissingWeightsError without the package.
    """
    library = _library()
    build = library.osnet_ibn_x1_0 if instance_norm else library.osnet_x1_0
    module = build(num_classes=1, pretrained=False)
    module.classifier = torch.nn.Identity()
    return module


def _library() -> ModuleType:
    """The one file of torchreid that holds the network: it needs torch alone, whereas the package imports
    gdown and TensorBoard, and warns.
    """
    package = find_spec("torchreid")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for place in PLACES:
            spec = spec_from_file_location("torchreid_osnet", Path(folder, place))
            if spec and spec.loader and Path(folder, place).is_file():
                library = module_from_spec(spec)
                spec.loader.exec_module(library)
                return library
    raise MissingWeightsError("OSNet needs the package torchreid; try: pip install 'iper-bench[reid]'")


def load_paper(file: WeightFile, device: torch.device) -> Network:
    """OSNet-IBN with the weights of ``file``, its classifier apart. Raises UserError when they do not fit,
    MissingWeightsError without torchreid.
    """
    return _load(file, PAPER_IDENTITY, device, instance_norm=True)


def load_standard(file: WeightFile, device: torch.device) -> Network:
    """OSNet with the weights of ``file``, its classifier apart. Raises UserError when they do not fit,
    MissingWeightsError without torchreid.
    """
    return _load(file, STANDARD_IDENTITY, device, instance_norm=False)


def _load(file: WeightFile, identity: Identity, device: torch.device, *, instance_norm: bool) -> Network:
    network = load_network(
        graph(instance_norm=instance_norm),
        identity,
        file.path,
        device,
        without=CLASSIFIER,
        interleaved=not instance_norm,  # instance norms are slower then
    )
    return Network(identity, file, imagenet, lambda inputs: (network(inputs),), device)
