"""A second YOLOv3-SPP: Darknet's own description of the network, run layer by layer from the weight file.

The plan below is ``cfg/yolov3-spp.cfg`` of Darknet in short form, with its relative layer numbers. It shares
nothing with ``iper_bench.metrics.backbones.yolov3_spp``, which is written as modules.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

EPSILON = 1e-5  # of Darknet's batch norm
ANCHORS = np.array(
    "10,13 16,30 33,23 30,61 62,45 59,119 116,90 156,198 373,326".replace(",", " ").split(), dtype=np.float32
).reshape(9, 2)

# cF/K/S: convolution of F filters, kernel K, stride S, with norm and leaky ReLU; lF: linear 1x1 convolution;
# +N: add layer N; mK: max pool of stride 1; rA,B: concatenate layers; u: twice the size; yA,B,C: boxes
RESIDUAL = "c{half}/1/1 c{full}/3/1 +-3 "
DETECTIONS = 255
PLAN = (
    "c32/3/1 "
    + "".join(
        f"c{full}/3/2 " + count * RESIDUAL.format(half=full // 2, full=full)
        for full, count in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))
    )
    + "c512/1/1 c1024/3/1 c512/1/1 m5 r-2 m9 r-4 m13 r-1,-3,-5,-6 c512/1/1 c1024/3/1 c512/1/1 c1024/3/1 "
    + f"l{DETECTIONS} y6,7,8 r-4 c256/1/1 u r-1,61 c256/1/1 c512/3/1 c256/1/1 c512/3/1 c256/1/1 c512/3/1 "
    + f"l{DETECTIONS} y3,4,5 r-4 c128/1/1 u r-1,36 c128/1/1 c256/3/1 c128/1/1 c256/3/1 c128/1/1 c256/3/1 "
    + f"l{DETECTIONS} y0,1,2"
).split()


def convolutions() -> list[tuple[int, int, int, bool]]:
    """Inputs, filters, kernel and whether there is a norm, in the order of the file."""
    widths: list[int] = []
    found = []
    for index, word in enumerate(PLAN):
        kind, text = word[0], word[1:]
        width = widths[-1] if widths else 3
        if kind in "cl":
            filters, kernel = (int(part) for part in (f"{text}/1".split("/"))[:2])
            found.append((width, filters, kernel, kind == "c"))
            width = filters
        elif kind == "r":
            width = sum(widths[_absolute(index, part)] for part in text.split(","))
        widths.append(width)
    return found


def _absolute(index: int, part: str) -> int:
    return index + int(part) if int(part) < 0 else int(part)


def rows(values: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Boxes (n, 85) that a Darknet file (its float32 ``values`` without the header) finds in a float32
    (3, H, W) image, computed cell by cell for the boxes.
    """
    outputs: list[torch.Tensor] = []
    boxes: list[np.ndarray] = []
    x, place = torch.from_numpy(image)[None], 0

    def taken(*shape: int) -> torch.Tensor:
        nonlocal place
        count = int(np.prod(shape))
        place += count
        return torch.from_numpy(values[place - count : place]).reshape(shape)

    for index, word in enumerate(PLAN):
        kind, text = word[0], word[1:]
        if kind == "c":
            filters, kernel, stride = (int(part) for part in text.split("/"))
            shift, scale, mean, spread = (taken(filters, 1, 1) for _ in range(4))
            x = F.conv2d(x, taken(filters, x.shape[1], kernel, kernel), stride=stride, padding=kernel // 2)
            x = (x - mean) / torch.sqrt(spread + EPSILON) * scale + shift
            x = torch.where(x > 0, x, 0.1 * x)
        elif kind == "l":
            shift = taken(int(text))
            x = F.conv2d(x, taken(int(text), x.shape[1], 1, 1), shift)
        elif kind == "+":
            x = x + outputs[_absolute(index, text)]
        elif kind == "m":
            x = F.max_pool2d(x, int(text), stride=1, padding=int(text) // 2)
        elif kind == "u":
            x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        elif kind == "r":
            x = torch.cat([outputs[_absolute(index, part)] for part in text.split(",")], dim=1)
        else:
            anchors = ANCHORS[[int(part) for part in text.split(",")]]
            boxes.append(_boxes(x[0].numpy(), image.shape[1] // x.shape[2], anchors))
        outputs.append(x)
    assert place == len(values), (place, len(values))
    return np.concatenate(boxes)


def _boxes(level: np.ndarray, stride: int, anchors: np.ndarray) -> np.ndarray:
    found = []
    for number, (width, height) in enumerate(anchors):
        part = level[85 * number : 85 * (number + 1)].astype(np.float64)
        for row in range(level.shape[1]):
            for column in range(level.shape[2]):
                cell = part[:, row, column]
                half = 1 / (1 + np.exp(-cell))
                centre = [(column + half[0]) * stride, (row + half[1]) * stride]
                found.append([*centre, width * np.exp(cell[2]), height * np.exp(cell[3]), *half[4:]])
    return np.array(found)
