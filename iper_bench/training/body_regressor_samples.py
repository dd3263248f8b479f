"""Patches of people with their bodies, drawn for the training of a body estimator.

Every frame is kept as a patch that is wider than the network's, so that a drawn patch, whose box is jittered,
can be cut out of it. A batch depends on (seed, step) alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.model import JOINT_COUNT, BodyModel
from iper_bench.body.recovery.person_box import boxes_from_bodies, boxes_from_mattes
from iper_bench.body.recovery.small_patch import cameras_in_patch, cut_patch, patch_place
from iper_bench.data.clip import Clip, Floats, Images
from iper_bench.errors import UserError
from iper_bench.progress import track

MEMORY = 1 << 30  # bytes of kept patches; of longer data evenly spaced frames are kept
MARGIN = 1.5  # side of the kept patch over that of the network's
LARGEST_SHIFT = 0.08  # of the box, per axis, over the patch's side
LARGEST_ZOOM = 0.15  # of the box, natural logarithm
GAIN = 0.25  # of every colour channel, as SPIN's noise of channels
OFFSET = 0.1  # of all channels together, image in [0, 1]
_BATCH = 64  # frames decoded at once
#: joint that a joint becomes in the mirror, SMPL's order
MIRRORED = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)


class BodySamples(NamedTuple):
    """N patches and the bodies in them, float32: ``images`` (N, 3, side, side) RGB in [0, 1], ``rotations``
    (N, 24, 3, 3), ``betas`` (N, 10), ``cams`` (N, 3) with the patch as [-1, 1].
    """

    images: Tensor
    rotations: Tensor
    betas: Tensor
    cams: Tensor

    def to(self, device: torch.device) -> BodySamples:
        """The same on ``device``."""
        return BodySamples(*(value.to(device) for value in self))


@dataclass(frozen=True)
class _Kept:
    """Frames of one clip: patches (T, W, W, 3), rotations (T, 24, 3, 3), betas (10,), cams (T, 3) with the
    kept patch as [-1, 1].
    """

    patches: Images
    rotations: Floats
    betas: Floats
    cams: NDArray[np.float64]


class BodySampler:
    """Draws batches from clips of one body model, whose frames are prepared here.

    Parameters
    ----------
    clips: with bodies; their mattes say where the person is, else the projected body does.
    body: model that the tracks refer to. side: of the patches.
    seed: of what is drawn. memory: bytes for kept patches.

    Raises
    ------
    UserError when there are no clips, frames are not square or nobody is seen in any.
    """

    def __init__(
        self, clips: Sequence[Clip], body: BodyModel, side: int, seed: int, memory: int = MEMORY
    ) -> None:
        if not clips:
            raise UserError("no training clips", expected="a dataset whose split 'train' is not empty")
        self.side, self._seed = side, seed
        self._wide = math.ceil(side * MARGIN)
        total = sum(len(clip) for clip in clips)
        stride = max(1, math.ceil(total * self._wide**2 * 3 / memory))
        kept = [_keep(clip, body, side, self._wide, stride) for clip in track(clips, "preparing clips")]
        self._kept = [one for one in kept if len(one.cams)]
        if not self._kept:
            raise UserError("shows nobody in any frame", where="training clips")
        lengths = [len(one.cams) for one in self._kept]
        self._firsts = np.cumsum([0, *lengths])

    def __len__(self) -> int:
        """Number of frames."""
        return int(self._firsts[-1])

    def mean_body(self) -> tuple[Floats, Floats, Floats]:
        """Means over all frames: rotations (24, 3, 3), which are rotations again, betas (10,), and the camera
        (3,) in a patch.
        """
        sums = sum(one.rotations.astype(np.float64).sum(0) for one in self._kept)
        left, _, right = np.linalg.svd(np.asarray(sums))
        left[..., -1] *= np.linalg.det(left @ right)[..., None]
        weights = np.diff(self._firsts)
        betas = np.average([one.betas for one in self._kept], axis=0, weights=weights)
        cams = np.concatenate([one.cams for one in self._kept]) * np.array([self._wide / self.side, 1.0, 1.0])
        return (left @ right).astype(np.float32), betas.astype(np.float32), cams.mean(0).astype(np.float32)

    def batch(self, step: int, count: int) -> BodySamples:
        """The ``count`` samples of a step."""
        rng = np.random.default_rng([self._seed, step])
        rows = rng.integers(len(self), size=count)
        samples = [self._sample(rng, int(row)) for row in rows]
        images = np.stack([one[0] for one in samples]).transpose(0, 3, 1, 2).astype(np.float32) / 255.0
        gains = rng.uniform(1.0 - GAIN, 1.0 + GAIN, (count, 3, 1, 1))
        offsets = rng.uniform(-OFFSET, OFFSET, (count, 1, 1, 1))
        coloured = np.clip(images * gains + offsets, 0.0, 1.0).astype(np.float32)
        rest = (np.stack([one[part] for one in samples]).astype(np.float32) for part in (1, 2, 3))
        return BodySamples(torch.from_numpy(coloured), *(torch.from_numpy(array) for array in rest))

    def _sample(
        self, rng: np.random.Generator, row: int
    ) -> tuple[Images, Floats, Floats, NDArray[np.float64]]:
        """Patch (side, side, 3) uint8, rotations, betas and camera of one frame."""
        which = int(np.searchsorted(self._firsts, row, "right")) - 1
        clip, frame = self._kept[which], row - int(self._firsts[which])
        zoom = math.exp(rng.uniform(-LARGEST_ZOOM, LARGEST_ZOOM))
        shift = rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, 2) * self.side
        mirror = bool(rng.integers(2))
        # the patch's corner in the kept one, pixels
        corner = (self._wide - self.side / zoom) / 2.0 + shift / zoom
        offset = -zoom * corner + (zoom - 1.0) / 2.0
        matrix = np.array([[zoom, 0.0, offset[0]], [0.0, zoom, offset[1]]])
        pixels = cv2.warpAffine(clip.patches[frame], matrix, (self.side, self.side), flags=cv2.INTER_LINEAR)
        scale, tx, ty = clip.cams[frame]
        ratio = zoom * self._wide / self.side
        inner = scale * ratio
        moved = ratio - 1.0 - 2.0 * zoom * corner / self.side
        cam = np.array([inner, tx + moved[0] / inner, ty + moved[1] / inner])
        rotations = clip.rotations[frame]
        if mirror:
            pixels, cam = pixels[:, ::-1], cam * np.array([1.0, -1.0, 1.0])
            rotations = mirrored(rotations)
        return np.asarray(pixels, np.uint8), rotations, clip.betas, cam


def mirrored(rotations: Floats) -> Floats:
    """Rotations (24, 3, 3) of the body in the mirror that exchanges left and right."""
    flip = np.array([-1.0, 1.0, 1.0], np.float32)
    return rotations[list(MIRRORED)] * flip[:, None] * flip


def person_boxes(clip: Clip, body: BodyModel, rows: Sequence[int]) -> Floats:
    """Where the person is in the frames ``rows``: (N, 4) ``x0, x1, y0, y1`` in pixels, from the mattes, else
    from the projected body; NaN where the matte shows nobody. Raises UserError for frames that are not
    square.
    """
    height, width = clip.size
    if height != width:
        raise UserError(f"frames of {width}x{height} pixels", where=clip.name, expected="square frames")
    mattes = clip.masks(rows)
    if mattes is not None:
        return boxes_from_mattes(mattes)
    bodies = clip.track.take(rows)
    return boxes_from_bodies(body, bodies.betas, bodies.poses, bodies.cams, height)


def _keep(clip: Clip, body: BodyModel, side: int, wide: int, stride: int) -> _Kept:
    patches: list[Images] = []
    cams: list[NDArray[np.float64]] = []
    seen: list[int] = []
    every = list(range(0, len(clip), stride))
    for first in range(0, len(every), _BATCH):
        rows = every[first : first + _BATCH]
        boxes, frames = person_boxes(clip, body, rows), clip.frames(rows)
        for row, box, frame in zip(rows, boxes, frames, strict=True):
            if not np.isfinite(box).all():
                continue
            place = patch_place(box, side, clip.size[0], f"{clip.name}, frame {row}")
            place = place._replace(
                start=place.start + (wide - side) / 2.0
            )  # the same middle in a wider patch
            patches.append(cut_patch(frame, place, wide))
            cams.append(cameras_in_patch(clip.track.cams[row : row + 1], place, wide, clip.size[0])[0])
            seen.append(row)
    poses = torch.from_numpy(clip.track.poses[seen]).reshape(-1, JOINT_COUNT, 3)
    return _Kept(
        np.stack(patches) if patches else np.zeros((0, wide, wide, 3), np.uint8),
        rotation_matrices(poses).numpy(),
        clip.track.betas,
        np.stack(cams) if cams else np.zeros((0, 3)),
    )
