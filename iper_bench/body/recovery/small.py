"""A body estimator of SPIN's class that is small enough to be trained on a CPU in minutes.

From: Kolotouros et al. (SPIN, 2019) for the regressor: 6D rotations of 24 joints, shape and camera, corrected
three times from the mean body. Differs: a residual trunk of basic blocks (He et al., 2016) with few channels
in the place of ResNet-50; the last stage is averaged over a grid of positions, not over all of them, because
few channels alone do not keep where a limb is; the regressor's layers are activated, as HMR's are and SPIN's
are not; no dropout, so that a training depends on its samples only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from iper_bench.body.recovery.spin import CAM, PIXEL_MEAN, PIXEL_STD, SHAPE, SIX_POSE, Estimate
from iper_bench.body.rotations import matrices_from_six
from iper_bench.errors import UserError

NETWORK = "small-hmr"  # its name in the metadata of a weight file
LARGEST = 4096  # of any size in a configuration: a file must not ask for all memory


@dataclass(frozen=True)
class SmallHmrConfig:
    """Sizes of the network.

    Attributes
    ----------
    side: of the square input image, pixels; a multiple of 2 to the power of the number of stages.
    widths: channels of the stages; every stage halves the image, the first one by its stem.
    blocks: basic blocks of every stage.
    grid: positions per side over which the last stage is averaged; divides its side.
    squeezed: channels at every position that the regressor reads.
    hidden: width of the regressor. iterations: corrections of the mean body.

    Raises
    ------
    ValueError for sizes that do not go together.
    """

    side: int = 64
    widths: tuple[int, ...] = (16, 32, 64, 128)
    blocks: int = 1
    grid: int = 4
    squeezed: int = 64
    hidden: int = 256
    iterations: int = 3

    def __post_init__(self) -> None:
        numbers = (self.side, self.blocks, self.grid, self.squeezed, self.hidden, self.iterations)
        whole = all(type(one) is int and 0 < one <= LARGEST for one in (*numbers, *self.widths))
        stride = 2 ** len(self.widths)
        if not whole or not 0 < len(self.widths) <= 8 or self.side % (stride * self.grid):
            raise ValueError(
                f"{self}: expected whole numbers of 1 to {LARGEST}, side divisible by the strides"
            )

    def to_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: object, where: str) -> SmallHmrConfig:
        """The configuration in the metadata of a weight file. Raises UserError naming ``where``."""
        names = [field.name for field in fields(cls)]
        try:
            if not isinstance(content, Mapping) or sorted(content) != sorted(names):
                raise ValueError(f"{content!r:.80}")
            return cls(**{**content, "widths": tuple(content["widths"])})
        except (TypeError, ValueError) as error:
            raise UserError(
                "no usable configuration of the network in the metadata",
                where=where,
                expected=f"whole numbers {', '.join(names)}",
                hint="train it again",
            ) from error


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, each with batch normalisation, beside a shortcut."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, out, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class SmallHmr(nn.Module):
    """See the module. The mean body (``init_pose`` (1, 144), ``init_shape`` (1, 10), ``init_cam`` (1, 3)) is
    a person upright before the camera until a training fills in that of its data. ``body``: name of the body
    model that the weights were trained for, ``None`` = nobody says.
    """

    init_pose: Tensor
    init_shape: Tensor
    init_cam: Tensor

    def __init__(self, config: SmallHmrConfig) -> None:
        super().__init__()
        self.config = config
        self.body: str | None = None
        first = config.widths[0]
        self.stem = nn.Conv2d(3, first, 5, stride=2, padding=2, bias=False)
        self.bn = nn.BatchNorm2d(first)
        stages: list[nn.Module] = []
        channels = first
        for number, width in enumerate(config.widths):
            for block in range(config.blocks):
                stages.append(BasicBlock(channels, width, 2 if number and block == 0 else 1))
                channels = width
        self.stages = nn.Sequential(*stages)
        self.squeeze = nn.Conv2d(channels, config.squeezed, 1)
        features = config.squeezed * config.grid**2
        self.fc1 = nn.Linear(features + SIX_POSE + SHAPE + CAM, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.hidden)
        self.decpose = nn.Linear(config.hidden, SIX_POSE)
        self.decshape = nn.Linear(config.hidden, SHAPE)
        self.deccam = nn.Linear(config.hidden, CAM)
        for layer in (self.decpose, self.decshape, self.deccam):
            nn.init.xavier_uniform_(layer.weight, gain=0.01)  # as HMR: start at the mean body
            nn.init.zeros_(layer.bias)
        pose = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]).repeat(SIX_POSE // 6)
        pose[3] = -1.0  # the root holds the half turn about x of the y-down camera frame
        self.register_buffer("init_pose", pose[None])
        self.register_buffer("init_shape", torch.zeros(1, SHAPE))
        self.register_buffer("init_cam", torch.tensor([[0.9, 0.0, 0.0]]))

    def features(self, images: Tensor) -> Tensor:
        """(N, 3, side, side) normalised images -> (N, squeezed grid²)."""
        x = F.relu(self.bn(self.stem(images)))
        x = F.relu(self.squeeze(self.stages(x)))
        return F.avg_pool2d(x, x.shape[-1] // self.config.grid).flatten(1)

    def regress(self, features: Tensor, iterations: int | None = None) -> Estimate:
        """Correct the mean body ``iterations`` times (``None``: as configured; 0 = the mean body itself)."""
        count = len(features)
        pose = self.init_pose.expand(count, -1)
        shape = self.init_shape.expand(count, -1)
        cam = self.init_cam.expand(count, -1)
        for _ in range(self.config.iterations if iterations is None else iterations):
            x = F.relu(self.fc1(torch.cat([features, pose, shape, cam], dim=1)))
            x = F.relu(self.fc2(x))
            pose, shape, cam = pose + self.decpose(x), shape + self.decshape(x), cam + self.deccam(x)
        return Estimate(matrices_from_six(pose.reshape(count, -1, 6)), shape, cam)

    def forward(self, images: Tensor) -> Estimate:
        """Bodies in images (N, 3, side, side) RGB, normalised with PIXEL_MEAN and PIXEL_STD of SPIN."""
        return self.regress(self.features(images))


def normalised(pixels: Tensor) -> Tensor:
    """Images (N, 3, H, W) RGB in [0, 1] as SPIN and this network want them."""
    mean, std = (pixels.new_tensor(values).reshape(1, 3, 1, 1) for values in (PIXEL_MEAN, PIXEL_STD))
    return (pixels - mean) / std
