"""``PipBench`` and ``SeededBench``: networks for golden values, the same on every machine.

Most networks of `standard`, `paper` and `legacy` have weights that are not ours to pass on. Their graphs can
be checked all the same: with weights drawn from a rule the numbers mean nothing, but they are the same
wherever the network, its crop and its arithmetic are the same.
Rule: every tensor draws up to 99,991 numbers g from numpy's RandomState (frozen since numpy 1.17), seeded
with the CRC-32 of its name, and repeats them: running_mean 0.1 g; running_var 0.75 + 0.25 tanh(g); two or
more dimensions g sqrt(2 / fan_in); other weights 1 + 0.1 g; biases 0.05 g.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from iper_bench.hashing import content_hash
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.weights import Identity, MissingWeightsError, WeightFile

RULE_VERSION = 1
State = dict[str, torch.Tensor]

MOST_DRAWN = 99_991  # numbers of one tensor; a larger one repeats them (a prime: rows differ)

#: parts of names -> factor. Norms that close a residual branch are made small, so that sums do not grow from
#: block to block; last layers so that features, logits and boxes stay in the range of real ones
OSNET_SHARES = {"conv3.bn.weight": 0.1}
BOTTLENECK_SHARES = {"bn3.weight": 0.3}
PRE_ACTIVATION_SHARES = {"conv3.weight": 0.3, "fc3.weight": 0.05}
INCEPTION_SHARES = {"Mixed_7c": 0.05, "fc.weight": 4.0}
DETECTOR_SHARES = {
    "bn3.weight": 0.1,
    "rpn.head.bbox_pred.weight": 0.01,
    "box_predictor.bbox_pred.weight": 0.02,
    "box_predictor.cls_score.weight": 0.05,
}
YOLO_SHARES = {
    "layers.1.norm.weight": 0.3,
    "head1.1.weight": 0.0015,
    "head2.1.weight": 0.001,
    "head3.1.weight": 0.0005,
}
PERSON_LOGIT = 7.0  # of the person class: nearly everything is a person
OBJECT_LOGIT = 0.5  # of YOLO: sure of some places, not of all


class PipBench(Bench):
    """Knows only weights that pip brings."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(weights_dir=None, device=device)

    def weights(self, identity: Identity) -> WeightFile:
        """Always raises MissingWeightsError, whatever lies in the user's folder of weights."""
        raise MissingWeightsError(f"{identity.name} has no weights from pip")


class SeededBench(Bench):
    """Every network has seeded weights. They pass through the loaders of real ones: a file is written for
    each and removed by :meth:`close`.
    """

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(weights_dir=None, device=device)
        self._temporary = TemporaryDirectory(prefix="iper-bench-seeded-")

    def __enter__(self) -> SeededBench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files."""
        self._temporary.cleanup()

    def weights(self, identity: Identity) -> WeightFile:
        """A file with seeded weights. Raises MissingWeightsError for a network without a rule."""
        return self.once(f"seeded/{identity.name}", lambda: self._written(identity))

    def _written(self, identity: Identity) -> WeightFile:
        if identity.name not in _WRITERS:
            raise MissingWeightsError(f"{identity.name} has no seeded weights")
        path = Path(self._temporary.name, identity.files[0])
        _WRITERS[identity.name](path)
        return WeightFile(path, content_hash({"rule": RULE_VERSION, "network": identity.name}, 64))


def seeded_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Weights of one tensor by the rule above, float32."""
    count = math.prod(shape)
    few = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(min(count, MOST_DRAWN))
    drawn = np.resize(few, shape)
    if name.endswith("running_mean"):
        drawn = 0.1 * drawn
    elif name.endswith("running_var"):
        drawn = 0.75 + 0.25 * np.tanh(drawn)
    elif len(shape) >= 2:
        drawn = drawn * math.sqrt(2 / math.prod(shape[1:]))
    elif name.endswith("weight"):
        drawn = 1 + 0.1 * drawn
    else:
        drawn = 0.05 * drawn
    return torch.from_numpy(np.asarray(drawn, dtype=np.float32))


def seeded_state(build: Callable[[], Any], shares: Mapping[str, float] | None = None) -> State:
    """Seeded weights for all floating tensors of the module that ``build`` makes, and zeros for its counters.

    ``shares``: parts of names -> factor, the first that fits.
    """
    with torch.device("meta"):  # names and shapes are all that is needed
        module = build()
    state: State = {}
    for name, value in module.state_dict().items():
        shape = tuple(value.shape)
        if not value.is_floating_point():
            state[name] = torch.zeros(shape, dtype=value.dtype)
            continue
        factor = next((share for part, share in (shares or {}).items() if part in name), 1.0)
        state[name] = seeded_tensor(name, shape) * factor
    return state


def _inception_torchvision(path: Path) -> None:
    from iper_bench.metrics.backbones import inception

    torch.save(seeded_state(inception.torchvision_graph, INCEPTION_SHARES), path)


def _inception_fid(path: Path) -> None:
    from iper_bench.metrics.backbones import inception

    torch.save(seeded_state(inception.fid_graph, INCEPTION_SHARES), path)


def _osnet(path: Path, *, instance_norm: bool) -> None:
    from iper_bench.metrics.backbones import osnet

    torch.save(seeded_state(lambda: osnet.graph(instance_norm=instance_norm), OSNET_SHARES), path)


def _facenet(path: Path) -> None:
    from iper_bench.metrics.backbones import facenet

    torch.save(seeded_state(facenet.embedding_module), path)


def _trunk(path: Path, name: str) -> None:
    from iper_bench.metrics.backbones import lpips_trunks

    state = seeded_state(lambda: lpips_trunks.trunk_module(name))
    torch.save({f"{lpips_trunks.TRUNK_PREFIX}{key}": value for key, value in state.items()}, path)


def _pcb(path: Path) -> None:
    from iper_bench.metrics.backbones import pcb

    state = seeded_state(pcb.graph, BOTTLENECK_SHARES)
    torch.save({f"{pcb.TRUNK_PREFIX}{key}": value for key, value in state.items()}, path)


def _hmr(path: Path) -> None:
    from iper_bench.body.recovery.hmr_iccv import HmrIccv

    torch.save(seeded_state(HmrIccv, PRE_ACTIVATION_SHARES), path)


def _faster_rcnn(path: Path) -> None:
    from torchvision.models.detection import fasterrcnn_resnet50_fpn_v2

    from iper_bench.metrics.backbones.person_detector import PERSON

    state = seeded_state(
        lambda: fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None), DETECTOR_SHARES
    )
    state["roi_heads.box_predictor.cls_score.bias"][PERSON] = PERSON_LOGIT
    torch.save(state, path)


def _yolo(path: Path) -> None:
    from iper_bench.metrics.backbones import yolov3_spp

    with torch.device("meta"):
        network = yolov3_spp.YoloV3Spp()
    state = seeded_state(lambda: network, YOLO_SHARES)
    names: list[str] = []
    for place, module in network.named_modules():  # the order of a Darknet file
        if hasattr(module, "norm") and hasattr(module, "conv"):
            norm = ("bias", "weight", "running_mean", "running_var")
            names += [*(f"{place}.norm.{one}" for one in norm), f"{place}.conv.weight"]
        elif isinstance(module, torch.nn.Conv2d) and module.bias is not None:
            names += [f"{place}.bias", f"{place}.weight"]
            boxes = state[f"{place}.bias"].view(-1, yolov3_spp.BOX_VALUES + yolov3_spp.CLASSES)
            boxes[:, yolov3_spp.BOX_VALUES - 1] += OBJECT_LOGIT
            boxes[:, yolov3_spp.BOX_VALUES] += PERSON_LOGIT  # the first class is the person
    with path.open("wb") as file:
        np.zeros(yolov3_spp.HEADER, dtype=np.int32).tofile(file)
        for name in names:
            state[name].numpy().tofile(file)


_WRITERS: Mapping[str, Callable[[Path], None]] = {
    "inception_v3_torchvision": _inception_torchvision,
    "inception_fid_2015_12_05": _inception_fid,
    "osnet_x1_0_reid": lambda path: _osnet(path, instance_norm=False),
    "osnet_ibn_x1_0_imagenet": lambda path: _osnet(path, instance_norm=True),
    "facenet_vggface2": _facenet,
    "lpips_alex": lambda path: _trunk(path, "alex"),
    "lpips_vgg": lambda path: _trunk(path, "vgg"),
    "lpips_squeeze": lambda path: _trunk(path, "squeeze"),
    "pcb_market1501": _pcb,
    "hmr_iccv": _hmr,
    "fasterrcnn_resnet50_fpn_v2": _faster_rcnn,
    "yolov3_spp": _yolo,
}
