"""SPIN: SMPL parameters from one image of a person.

From: Kolotouros et al., "Learning to Reconstruct 3D Human Pose and Shape via Model-fitting in the Loop"
(2019); iPERCore's copy returns 85 numbers per image, the original rotation matrices. Must agree with the
``hmr_spin_*`` oracles to 1e-4, and has the state dict of both. The three initial estimates are zero until a
checkpoint fills them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from iper_bench.body.recovery.resnet import FEATURES, ResNetTrunk
from iper_bench.body.rotations import axis_angles, matrices_from_six

INPUT_SIDE = 224  # pixels
PIXEL_MEAN = (0.485, 0.456, 0.406)  # RGB of ImageNet, images in [0, 1]
PIXEL_STD = (0.229, 0.224, 0.225)
SIX_POSE, SHAPE, CAM = 144, 10, 3
HIDDEN = 1024
ITERATIONS = 3


class Estimate(NamedTuple):
    """What SPIN says of N images, float32: ``rotations`` (N, 24, 3, 3), ``betas`` (N, 10) and ``cams`` (N, 3)
    ``[s, tx, ty]`` with the image as [-1, 1].
    """

    rotations: Tensor
    betas: Tensor
    cams: Tensor

    def vector(self) -> Tensor:
        """(N, 85): camera 3, axis-angle pose 72, shape 10, as iPERCore returns it; no NaN."""
        pose = torch.nan_to_num(axis_angles(self.rotations)).flatten(1)
        return torch.cat([self.cams, pose, self.betas], dim=1)


class Spin(ResNetTrunk):
    """ResNet-50 and an iterative linear regressor (no activation between its layers)."""

    init_pose: Tensor
    init_shape: Tensor
    init_cam: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(FEATURES + SIX_POSE + SHAPE + CAM, HIDDEN)
        self.drop1 = nn.Dropout()
        self.fc2 = nn.Linear(HIDDEN, HIDDEN)
        self.drop2 = nn.Dropout()
        self.decpose = nn.Linear(HIDDEN, SIX_POSE)
        self.decshape = nn.Linear(HIDDEN, SHAPE)
        self.deccam = nn.Linear(HIDDEN, CAM)
        self.register_buffer("init_pose", torch.zeros(1, SIX_POSE))
        self.register_buffer("init_shape", torch.zeros(1, SHAPE))
        self.register_buffer("init_cam", torch.zeros(1, CAM))

    def regress(self, features: Tensor, iterations: int = ITERATIONS) -> Estimate:
        """Correct the mean body ``iterations`` times by what the regressor reads from features (N, 2048)."""
        count = len(features)
        pose = self.init_pose.expand(count, -1)
        shape = self.init_shape.expand(count, -1)
        cam = self.init_cam.expand(count, -1)
        for _ in range(iterations):
            x = self.drop1(self.fc1(torch.cat([features, pose, shape, cam], dim=1)))
            x = self.drop2(self.fc2(x))
            pose, shape, cam = pose + self.decpose(x), shape + self.decshape(x), cam + self.deccam(x)
        return Estimate(matrices_from_six(pose.reshape(count, -1, 6)), shape, cam)

    def forward(self, images: Tensor) -> Estimate:
        """Bodies in images (N, 3, 224, 224) RGB, normalised with PIXEL_MEAN and PIXEL_STD."""
        return self.regress(self.features(images))
