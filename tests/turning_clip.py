"""A clip that needs no renderer: a body with a smooth colour per place turns on a plain background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from iper_bench.body import load_body
from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.lwg.inputs import InputBuilder, InputOptions


def turning_track(count: int) -> BodyTrack:
    """A full turn in ``count`` frames with slightly lowered arms."""
    poses = np.zeros((count, 72), np.float32)
    for k in range(count):
        root = Rotation.from_euler("x", np.pi) * Rotation.from_euler("y", 2 * np.pi * k / count)
        poses[k, :3] = root.as_rotvec()
        poses[k, 16 * 3 + 2], poses[k, 17 * 3 + 2] = -0.9, 0.9
    cams = np.tile(np.array([[0.9, 0.0, 0.35]], np.float32), (count, 1))
    return BodyTrack(np.zeros(10, np.float32), poses, cams)


@dataclass
class TurningClip(Clip):
    """See the module."""

    name: str = "turning"
    subject: str = "turner"
    side: int = 64
    count: int = 8
    plain: int = 200
    _frames: Images = field(init=False, repr=False)
    _mattes: Images = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.size = (self.side, self.side)
        self.track = turning_track(self.count)
        body = load_body("open-coarse")
        builder = InputBuilder(body, self.side, InputOptions())
        maps = builder.maps(self.track.betas, self.track.poses, self.track.cams, visibility=False)
        inside = (maps.fim >= 0).numpy()
        places = body.template[body.faces].numpy()
        point = (places[maps.fim.clamp(min=0).numpy()] * maps.wim.numpy()[..., None]).sum(-2)
        colour = 127.5 + 100.0 * np.sin(4.0 * point + np.array([0.0, 1.0, 2.0]))
        self._frames = np.where(inside[..., None], colour, self.plain).round().astype(np.uint8)
        self._mattes = (inside * 255).astype(np.uint8)

    def frames(self, indices: Sequence[int]) -> Images:
        return self._frames[list(indices)]

    def masks(self, indices: Sequence[int]) -> Images:
        return self._mattes[list(indices)]

    def backgrounds(self, indices: Sequence[int]) -> Images:
        return np.full((len(indices), self.side, self.side, 3), self.plain, np.uint8)
