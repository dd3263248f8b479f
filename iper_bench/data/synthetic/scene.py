"""``Scene``: one clip before it is rendered: who, in what, doing what, where, under which light and
camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from iper_bench.body import BodyModel, load_body
from iper_bench.data.clip import BodyTrack
from iper_bench.data.synthetic.actor import draw_actor
from iper_bench.data.synthetic.anatomy import Anatomy, measure
from iper_bench.data.synthetic.appearance import Appearance
from iper_bench.data.synthetic.background import draw_room
from iper_bench.data.synthetic.blending import Floats
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.motion import draw_motion
from iper_bench.data.synthetic.outfit import draw_outfit
from iper_bench.data.synthetic.renderer import Images, Surface, one_thread, render
from iper_bench.data.synthetic.seeding import stream

FIGURE = 1.74  # height of the standing person, of 2 = the image
FLOOR_Y = 0.90  # where the soles are, y down in [-1, 1]
MARGIN = 0.97  # the person stays within [-MARGIN, MARGIN]
WANDER = 0.12  # how far the person may step sideways during the action


@dataclass(frozen=True, eq=False)
class Scene:
    """A clip's content. Frames are rendered in blocks by :meth:`render`.

    Attributes
    ----------
    track: the nude body, as a body estimator would want to find it.
    vertices: (T, V, 3) the clothed surface in every frame, y-down camera frame, metres.
    room: (S, S, 3) uint8, the background of all frames.
    lamp: (3,) unit vector towards the light.
    """

    appearance: Appearance
    surface: Surface
    track: BodyTrack
    vertices: Tensor
    room: Images
    lamp: Floats

    def render(self, first: int, last: int) -> tuple[Images, Images]:
        """Frames and mattes ``first`` to ``last`` (not included), see
        :func:`iper_bench.data.synthetic.renderer.render`.
        """
        cams = torch.from_numpy(self.track.cams[first:last])
        return render(self.surface, self.appearance, self.vertices[first:last], cams, self.lamp, self.room)


@dataclass(frozen=True, eq=False)
class Stage:
    """What all clips of one body share."""

    body: BodyModel

    @cached_property
    def anatomy(self) -> Anatomy:
        """Landmarks of the body."""
        return measure(self.body)

    @cached_property
    def surface(self) -> Surface:
        """The mesh with its T-pose."""
        eyes = np.zeros(self.body.face_count, bool)
        eyes[self.body.eye_faces.numpy()] = True
        return Surface(self.body.template.numpy(), self.body.faces, eyes)


@lru_cache(maxsize=4)
def stage(body: str) -> Stage:
    """The stage of the body called ``body``, measured once per process."""
    return Stage(load_body(body))


def motion_of(config: SyntheticConfig, actor: int, take: str) -> Floats:
    """Poses (T, 72) of a clip; a take called ``action0``, ``action1``, ... has no turn."""
    random = stream(config.seed, "motion", actor, take)
    turn_frames = 0 if take.startswith("action") else config.turn_frames
    return draw_motion(random, turn_frames, config.frames - turn_frames)


def build_scene(config: SyntheticConfig, actor: int, outfit: str, take: str) -> Scene:
    """Everything of the clip of ``actor`` in ``outfit``; ``take`` names motion, room and light."""
    ground = stage(config.body)
    person = draw_actor(config.seed, actor)
    appearance = Appearance(person, draw_outfit(config.seed, actor, outfit), ground.anatomy)
    poses = motion_of(config, actor, take)
    with one_thread(), torch.no_grad():
        offsets = torch.from_numpy(appearance.offsets(ground.body))
        vertices = ground.body.pose(torch.from_numpy(person.betas), torch.from_numpy(poses), offsets).vertices
    cams = _cameras(stream(config.seed, "camera", actor, take), vertices.numpy(), config.turn_frames)
    random = stream(config.seed, "light", actor, take)
    lamp = np.array([random.uniform(-0.5, 0.5), random.uniform(-0.75, -0.4), -0.8])
    return Scene(
        appearance=appearance,
        surface=ground.surface,
        track=BodyTrack(person.betas, poses, cams),
        vertices=vertices,
        room=draw_room(stream(config.seed, "room", actor, take), config.size),
        lamp=(lamp / np.linalg.norm(lamp)).astype(np.float32),
    )


def _cameras(random: np.random.Generator, vertices: Floats, turn_frames: int) -> Floats:
    """Cameras (T, 3) that keep the lowest vertex on the floor and the person inside the image."""
    low, high = vertices.min(1), vertices.max(1)
    count = len(vertices)
    reach = np.maximum(np.abs(low[:, 0]), np.abs(high[:, 0])).max()
    tall = (high[:, 1] - low[:, 1]).max()
    stature = high[0, 1] - low[0, 1]
    scale = min(FIGURE / stature, MARGIN / reach, (FLOOR_Y + MARGIN) / tall)
    # A slow sway sideways, as far as the image allows.
    room = max(0.0, MARGIN / scale - reach)
    sway = min(WANDER / scale, room) * np.sin(2.0 * np.pi * (np.arange(count) / 48.0 + random.random()))
    settle = np.clip((np.arange(count) - turn_frames) / 8.0, 0.0, 1.0)
    cams = np.stack([np.full(count, scale), sway * settle, FLOOR_Y / scale - high[:, 1]], axis=1)
    return cams.astype(np.float32)
