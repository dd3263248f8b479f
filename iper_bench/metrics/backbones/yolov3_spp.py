"""YOLOv3-SPP, the person detector of the `paper` profile.

From: Redmon and Farhadi 2018 with the spatial pyramid block; reads the Darknet file ``yolov3-spp.weights`` of
the evaluator. Input RGB in [0, 1] at native size, no letterbox; output rows in pixels of the input.
Must agree with: the parameter count of the evaluator's network, 62 998 749, and Darknet's plan of the network
run layer by layer on seeded weights (``tests/metrics/darknet.py``); its trained weights were not at hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from iper_bench.metrics.backbones.network import Image, frozen, grey_levels
from iper_bench.metrics.backbones.normalisation import unit
from iper_bench.metrics.backbones.weight_loading import read_floats
from iper_bench.metrics.person_boxes import largest_person
from iper_bench.metrics.weights import Identity, WeightFile

CLASSES = 80  # COCO
BOX_VALUES = 5  # x, y, width, height, objectness
STAGES = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))  # Darknet-53: width, residual blocks
POOLS = (13, 9, 5)  # spatial pyramid, in the order of concatenation
ANCHORS = (  # pixels of the input, per head from coarse to fine
    ((116.0, 90.0), (156.0, 198.0), (373.0, 326.0)),
    ((30.0, 61.0), (62.0, 45.0), (59.0, 119.0)),
    ((10.0, 13.0), (16.0, 30.0), (33.0, 23.0)),
)
STRIDES = (32, 16, 8)
SLOPE = 0.1  # leaky ReLU
FILL = 0.5
HEADER = 5  # int32 values before the weights of a Darknet file

IDENTITY = Identity(
    name="yolov3_spp",
    architecture="YOLOv3-SPP, COCO, 62 998 749 parameters",
    files=("yolov3-spp.weights",),
    sha256=None,
    preprocessing="RGB in [0, 1], 512x512",
    licence="public domain (Darknet)",
    source="pjreddie.com/darknet/yolo",
    url="https://pjreddie.com/media/files/yolov3-spp.weights",
)


class _Convolution(nn.Module):
    """Convolution, batch norm, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), SLOPE)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_Convolution(width, width // 2, 1), _Convolution(width // 2, width, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class _Pyramid(nn.Module):
    """Max pools of several windows beside the input, stride 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([*(F.max_pool2d(x, size, 1, size // 2) for size in POOLS), x], dim=1)


def _pair(inputs: int, width: int) -> list[nn.Module]:
    return [_Convolution(inputs, width, 1), _Convolution(width, 2 * width, 3)]


class YoloV3Spp(nn.Module):
    """The network. Modules are registered in the order of the Darknet file."""

    def __init__(self) -> None:
        super().__init__()
        outputs = len(ANCHORS[0]) * (BOX_VALUES + CLASSES)
        self.stem = _Convolution(3, 32, 3)
        width = 32
        stages = []
        for wider, blocks in STAGES:
            stages.append(
                nn.Sequential(_Convolution(width, wider, 3, 2), *(_Residual(wider) for _ in range(blocks)))
            )
            width = wider
        self.stages = nn.ModuleList(stages)
        self.neck1 = nn.Sequential(
            *_pair(1024, 512),
            _Convolution(1024, 512, 1),
            _Pyramid(),
            *_pair(2048, 512),
            _Convolution(1024, 512, 1),
        )
        self.head1 = nn.Sequential(_Convolution(512, 1024, 3), nn.Conv2d(1024, outputs, 1))
        self.lateral2 = _Convolution(512, 256, 1)
        self.neck2 = nn.Sequential(*_pair(768, 256), *_pair(512, 256), _Convolution(512, 256, 1))
        self.head2 = nn.Sequential(_Convolution(256, 512, 3), nn.Conv2d(512, outputs, 1))
        self.lateral3 = _Convolution(256, 128, 1)
        self.neck3 = nn.Sequential(*_pair(384, 128), *_pair(256, 128), _Convolution(256, 128, 1))
        self.head3 = nn.Sequential(_Convolution(128, 256, 3), nn.Conv2d(256, outputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, n, 85): centre, size in pixels, objectness, class scores."""
        x = self.stem(x)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        coarse = self.neck1(levels[4])
        middle = self.neck2(torch.cat([_doubled(self.lateral2(coarse)), levels[3]], dim=1))
        fine = self.neck3(torch.cat([_doubled(self.lateral3(middle)), levels[2]], dim=1))
        raw = (self.head1(coarse), self.head2(middle), self.head3(fine))
        return torch.cat(
            [
                decoded(level, stride, anchors)
                for level, stride, anchors in zip(raw, STRIDES, ANCHORS, strict=True)
            ],
            dim=1,
        )


def fill_from_darknet(network: nn.Module, path: Path) -> None:
    """Fill the convolutions of ``network``, in order of registration, from a Darknet file.

    Per convolution: norm bias, weight, running mean, running variance, or else its own bias; then its weight.
    Raises UserError when the length of the file is not that of the network, or values are not finite.
    """
    targets: list[torch.Tensor] = []
    for module in network.modules():
        if isinstance(module, _Convolution):
            norm = module.norm
            buffers = (cast(torch.Tensor, norm.running_mean), cast(torch.Tensor, norm.running_var))
            targets += [norm.bias, norm.weight, *buffers, module.conv.weight]
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            targets += [module.bias, module.weight]
    count = sum(tensor.numel() for tensor in targets)
    values = read_floats(IDENTITY, path, header=HEADER, count=count)
    parts = np.split(values, np.cumsum([tensor.numel() for tensor in targets])[:-1])
    for tensor, part in zip(targets, parts, strict=True):
        tensor.data.copy_(torch.from_numpy(part.copy()).view_as(tensor))


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def decoded(raw: torch.Tensor, stride: int, anchors: tuple[tuple[float, float], ...]) -> torch.Tensor:
    """One head's output (B, anchors * 85, h, w) to rows (B, anchors * h * w, 85) in pixels of the input."""
    batch, _, height, width = raw.shape
    rows = raw.view(batch, len(anchors), BOX_VALUES + CLASSES, height, width).permute(0, 1, 3, 4, 2)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    cells = torch.stack([x, y], dim=-1).to(raw)
    sizes = torch.tensor(anchors).to(raw)[None, :, None, None]
    centres = (torch.sigmoid(rows[..., :2]) + cells) * stride
    return torch.cat(
        [centres, torch.exp(rows[..., 2:4]) * sizes, torch.sigmoid(rows[..., 4:])], dim=-1
    ).reshape(batch, -1, BOX_VALUES + CLASSES)


class PaperPersonDetector:
    """The evaluator's person detector, up to its box. Raises UserError when the weights of ``file`` do not
    fit.
    """

    def __init__(self, file: WeightFile, device: torch.device) -> None:
        module = YoloV3Spp()
        fill_from_darknet(module, file.path)
        self._net = frozen(module, device)
        self._device = device
        self.label = IDENTITY.label(file.sha256)

    def raw(self, image: Image) -> npt.NDArray[np.float32]:
        """The network's rows (n, 85) for a uint8 (H, W, 3) image, in its pixels.

        Sides that are no multiples of 32 are filled up to the right and below with the grey of Darknet.
        """
        height, width = (-side % STRIDES[0] for side in image.shape[:2])
        inputs = F.pad(unit(grey_levels(image)), (0, width, 0, height), value=FILL)
        with torch.inference_mode():
            rows = self._net(inputs[None].to(self._device))[0]
        return np.asarray(rows.cpu().numpy(), dtype=np.float32)

    def largest(self, image: Image) -> npt.NDArray[np.float32] | None:
        """Box (4,) of the largest person in pixels of a uint8 (H, W, 3) frame, or ``None``.

        The evaluator's scaling by side / 416 is no part of it: ``person_boxes.person_box``.
        """
        return largest_person(self.raw(image))
