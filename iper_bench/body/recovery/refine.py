"""``refine_track``: a first estimate of a body track drawn to the 2-D points that a detector found.

From: SMPLify (Bogo et al. 2016) in the way of SPIN's fitting and iPERCore's preprocessing: robust distance of
projected points weighted by the squared confidence, a pose that stays near the first estimate, one call of
L-BFGS with at most 20 inner iterations, step 1 and strong Wolfe, or 100 steps of Adam with 0.01; the camera
stays; a temporal term for driving videos.
Differs: one shape per clip; the prior is the distance from the first estimate and not a learned mixture,
which is not free; rotations are corrected by R exp(d), so that no angle wraps and an exact estimate comes
back unchanged; distances are metres at the body, so that weights mean the same for a person of any size.

With d (T, 24, 3) the corrections, x the projected points and u the found ones, the sum that is minimised is

    sum c^2 rho(|x - u| / s0) + pose_weight sum w_j |d_j|^2 + shape_weight T |beta - beta0|^2
        + temporal_weight (sum |J_(t+1) - J_t|^2 + 0.1 sum |R_(t+1) - R_t|^2)

where s0 is the scale of the first camera, J are the joints relative to the root and rho is Geman-McClure's
r^2 S^2 / (r^2 + S^2) or Huber's function, S the robust radius.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.model import JOINT_COUNT, BodyModel
from iper_bench.body.recovery.estimate import RecoveredBodies
from iper_bench.body.recovery.keypoint_joints import JOINTS, PointBody
from iper_bench.body.rotations import axis_angles

Floats = NDArray[np.float32]

OPTIMISERS: dict[str, tuple[int, float]] = {"lbfgs": (20, 1.0), "adam": (100, 0.01)}  # iterations, step
ROBUST = ("geman-mcclure", "huber")
SHAPE_FRAMES = 64  # frames, evenly spaced, from which the shape of a longer clip is found
MARGIN = 8  # frames that a window sees beyond its own, so that the temporal term joins windows smoothly
ROTATION_SHARE = 0.1  # of the temporal weight, per squared distance of rotation matrices
#: how much stiffer than a limb a joint is: 2-D points say little about the twist of spine, hands and feet
STIFFNESS = {
    "spine1": 4.0, "spine2": 4.0, "spine3": 4.0, "neck": 4.0, "head": 4.0, "left_collar": 8.0,
    "right_collar": 8.0, "left_foot": 16.0, "right_foot": 16.0, "left_wrist": 8.0, "right_wrist": 8.0,
    "left_hand": 16.0, "right_hand": 16.0,
}  # fmt: skip


@dataclass(frozen=True)
class RefineOptions:
    """How a track is refined.

    Attributes
    ----------
    optimiser: ``lbfgs`` (released default) or ``adam`` (released alternative).
    iterations, step: of it; ``None`` = the released ones, see :data:`OPTIMISERS`.
    robust: ``geman-mcclure`` or ``huber``. radius: metres at the body up to which a distance counts in full.
    pose_weight, shape_weight: how strongly pose and shape stay near the first estimate.
    temporal_weight: how strongly neighbouring frames resemble each other; 0 = every frame for itself.
    camera: refine the cameras too (the released code does not).
    window: frames that are refined together; bounds the memory.
    """

    optimiser: Literal["lbfgs", "adam"] = "lbfgs"
    iterations: int | None = None
    step: float | None = None
    robust: Literal["geman-mcclure", "huber"] = "geman-mcclure"
    radius: float = 0.2
    pose_weight: float = 3e-3
    shape_weight: float = 1e-4
    temporal_weight: float = 0.0
    camera: bool = False
    window: int = 128

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS or self.robust not in ROBUST:
            raise ValueError(f"optimiser {self.optimiser}, robust {self.robust}")
        if min(self.pose_weight, self.shape_weight, self.temporal_weight) < 0 or self.radius <= 0:
            raise ValueError("weights of 0 or more and a radius above 0 are needed")
        if self.window < 1:
            raise ValueError(f"window {self.window}; expected 1 or more frames")


#: ``temporal_weight`` of driving videos, for which the released code turns the temporal term on
TEMPORAL = 0.05


class Reprojection(NamedTuple):
    """Distances of projected body points from found ones, weighted by confidence, in pixels of the square
    frame: ``mean`` over all frames and ``per_frame`` (T,); NaN where no point counts.
    """

    mean: float
    per_frame: Floats


class RefineReport(NamedTuple):
    """What refinement did.

    ``before`` and ``after``; ``unseen``: frames without a point that counts, which keep the first estimate
    but for the temporal term; ``kept``: frames of windows in which the optimiser found nothing better.
    """

    before: Reprojection
    after: Reprojection
    unseen: tuple[int, ...]
    kept: tuple[int, ...]


def refine_track(
    body: BodyModel,
    track: RecoveredBodies,
    keypoints: NDArray[np.floating],
    layout: str,
    *,
    side: int,
    options: RefineOptions | None = None,
) -> tuple[RecoveredBodies, RefineReport]:
    """Draw a body track to the points of a detector.

    Parameters
    ----------
    track: first estimate; cameras with the square frame as [-1, 1].
    keypoints: (T, J, 3) x, y in pixels of the square frame and confidence in [0, 1]; points of confidence 0
        have no influence.
    layout: of them, a key of ``keypoint_joints.LAYOUTS``.
    side: of the square frame, pixels.

    Returns
    -------
    The refined track and what was achieved. A track whose points fit already comes back unchanged.

    Raises
    ------
    UserError for an unknown layout. ValueError when the shapes do not fit.
    """
    options = options or RefineOptions()
    points = PointBody(body, layout)
    count = len(track.poses)
    if keypoints.shape != (count, len(points.counts), 3) or count == 0:
        raise ValueError(f"keypoints {keypoints.shape}; expected ({count}, {len(points.counts)}, 3), T > 0")
    first = _Window.of(track, keypoints, points, side)
    betas, parts, kept = first.betas, [], []
    if count > options.window:
        rows = torch.from_numpy(np.linspace(0, count - 1, min(SHAPE_FRAMES, options.window)).round()).long()
        alone = replace(options, temporal_weight=0.0)  # the frames are no neighbours
        betas = _solve(points, first.take(rows), alone).betas
    for rows, own in _windows(count, options):
        part = first.take(rows).shaped(betas)
        found = _solve(points, part, options, fixed_shape=count > options.window)
        if found is part:
            kept += rows[own].tolist()
        betas = found.betas
        parts.append((found.corrections[own], found.cams[own]))
    corrections, cams = (torch.cat(column) for column in zip(*parts, strict=True))
    last = replace(first, betas=betas, corrections=corrections, cams=cams)
    return _joined(track, first, last), _report(points, first, last, kept)


def reprojection(
    body: BodyModel, track: RecoveredBodies, keypoints: NDArray[np.floating], layout: str, *, side: int
) -> Reprojection:
    """How far a track lies from the points; the arguments are those of :func:`refine_track`."""
    points = PointBody(body, layout)
    return _distances(points, _Window.of(track, keypoints, points, side))


@dataclass(frozen=True, eq=False)
class _Window:
    """Frames that are refined together, float64.

    ``betas`` and ``betas0`` (10,); ``rotations`` (T, 24, 3, 3) of the first estimate; ``corrections`` (T, 24,
    3), radians; ``cams`` and ``cams0`` (T, 3); ``found`` (T, J, 2) in [-1, 1]; ``confidence`` (T, J), 0 where
    a point does not count.
    """

    betas: Tensor
    betas0: Tensor
    rotations: Tensor
    corrections: Tensor
    cams: Tensor
    cams0: Tensor
    found: Tensor
    confidence: Tensor
    side: int

    @classmethod
    def of(
        cls, track: RecoveredBodies, keypoints: NDArray[np.floating], points: PointBody, side: int
    ) -> _Window:
        device = points.counts.device
        betas, poses, cams, wanted = (
            torch.from_numpy(np.asarray(array, np.float64)).to(device)
            for array in (track.betas, track.poses, track.cams, keypoints)
        )
        rotations = rotation_matrices(poses.reshape(len(poses), JOINT_COUNT, 3))
        confidence = wanted[..., 2] * points.counts
        # a point that was not found may hold any number, also NaN
        found = torch.where(confidence[..., None] > 0, wanted[..., :2] * (2.0 / side) - 1.0, 0.0)
        still = torch.zeros(len(poses), JOINT_COUNT, 3, dtype=torch.float64, device=device)
        return cls(betas, betas, rotations, still, cams, cams, found, confidence, side)

    def take(self, rows: Tensor) -> _Window:
        names = ("rotations", "corrections", "cams", "cams0", "found", "confidence")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def shaped(self, betas: Tensor) -> _Window:
        return replace(self, betas=betas)

    def turned(self) -> Tensor:
        return self.rotations @ rotation_matrices(self.corrections)


def _windows(count: int, options: RefineOptions) -> Iterator[tuple[Tensor, slice]]:
    """Frames of every window and which of them are its own; the cuts are the same from both ends."""
    pieces = -(-count // options.window)
    margin = MARGIN if options.temporal_weight > 0 else 0
    cuts = [(2 * k * count + pieces) // (2 * pieces) for k in range(pieces + 1)]
    for start, stop in pairwise(cuts):
        low, high = max(0, start - margin), min(count, stop + margin)
        yield torch.arange(low, high), slice(start - low, stop - low)


def _solve(
    points: PointBody, window: _Window, options: RefineOptions, *, fixed_shape: bool = False
) -> _Window:
    """``window`` with corrections, cameras and shape at a lower loss, or ``window`` itself."""
    corrections = window.corrections.clone().requires_grad_(True)
    betas = window.betas.clone().requires_grad_(not fixed_shape)
    zoom = torch.zeros_like(window.cams[:, :1]).requires_grad_(options.camera)
    shift = torch.zeros_like(window.cams[:, 1:]).requires_grad_(options.camera)

    def state() -> _Window:
        cams = window.cams
        if options.camera:
            cams = torch.cat([cams[:, :1] * torch.exp(zoom), cams[:, 1:] + shift], dim=1)
        return replace(window, corrections=corrections, betas=betas, cams=cams)

    variables = [value for value in (corrections, betas, zoom, shift) if value.requires_grad]
    with torch.no_grad():
        before = float(_loss(points, window, options))
    _optimise(variables, lambda: _loss(points, state(), options), options)
    with torch.no_grad():
        found = state()
        after = float(_loss(points, found, options))
    if not after < before:
        return window
    return replace(found, corrections=corrections.detach(), betas=betas.detach(), cams=found.cams.detach())


def _optimise(variables: list[Tensor], loss: Callable[[], Tensor], options: RefineOptions) -> None:
    usual, usual_step = OPTIMISERS[options.optimiser]
    iterations = usual if options.iterations is None else options.iterations
    step = usual_step if options.step is None else options.step
    optimiser: torch.optim.Optimizer
    if options.optimiser == "lbfgs":
        optimiser = torch.optim.LBFGS(variables, lr=step, max_iter=iterations, line_search_fn="strong_wolfe")
    else:
        optimiser = torch.optim.Adam(variables, lr=step)

    def closure() -> float:
        optimiser.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    with torch.enable_grad():
        for _ in range(1 if options.optimiser == "lbfgs" else iterations):
            optimiser.step(closure)  # type: ignore[no-untyped-call]


def _loss(points: PointBody, window: _Window, options: RefineOptions) -> Tensor:
    rotations = window.turned()
    posed = points.pose(window.betas, rotations)
    image = window.cams[:, None, :1] * (posed.points[..., :2] + window.cams[:, None, 1:])
    # metres at the body by the FIRST camera: a camera that may change could else shrink the error
    apart = (image - window.found) / window.cams0[:, None, :1]
    squared = (apart * apart).sum(-1)
    data = (window.confidence**2 * _robust(squared, options)).sum()
    stiffness = torch.tensor([STIFFNESS.get(name, 1.0) for name in JOINTS]).to(window.corrections)
    stay = (stiffness * (window.corrections**2).sum(-1)).sum()
    shape = len(rotations) * ((window.betas - window.betas0) ** 2).sum()
    total = data + options.pose_weight * stay + options.shape_weight * shape
    if options.temporal_weight > 0 and len(rotations) > 1:
        joints = posed.joints - posed.joints[:, :1]
        moved = (joints[1:] - joints[:-1]).square().sum()
        turned = (rotations[1:] - rotations[:-1]).square().sum()
        total = total + options.temporal_weight * (moved + ROTATION_SHARE * turned)
    return total


def _robust(squared: Tensor, options: RefineOptions) -> Tensor:
    """rho of squared distances (metres squared); both tend to the squared distance at 0."""
    reach = options.radius**2
    if options.robust == "geman-mcclure":
        return squared * reach / (squared + reach)
    # the root is taken where it is differentiable only
    distance = torch.where(squared > reach, squared, reach).sqrt()
    return torch.where(squared > reach, 2.0 * options.radius * distance - reach, squared)


@torch.no_grad()
def _distances(points: PointBody, window: _Window) -> Reprojection:
    posed = points.pose(window.betas, window.turned())
    image = window.cams[:, None, :1] * (posed.points[..., :2] + window.cams[:, None, 1:])
    pixels = (image - window.found).norm(dim=-1) * (window.side / 2.0)
    weights = window.confidence
    sums, totals = (weights * pixels).sum(1), weights.sum(1)
    per_frame = (sums / totals).cpu().numpy().astype(np.float32)
    return Reprojection(float(sums.sum() / totals.sum()), per_frame)


def _report(points: PointBody, first: _Window, last: _Window, kept: list[int]) -> RefineReport:
    before, after = _distances(points, first), _distances(points, last)
    unseen = tuple(int(row) for row in np.flatnonzero(np.isnan(after.per_frame)))
    return RefineReport(before, after, unseen, tuple(kept))


def _joined(track: RecoveredBodies, first: _Window, last: _Window) -> RecoveredBodies:
    """The result as a track; what did not change keeps the numbers that it had."""
    poses = axis_angles(last.turned()).flatten(1)
    same = (last.corrections == 0).all(-1).repeat_interleave(3, dim=1).cpu().numpy()
    return RecoveredBodies(
        _changed(track.betas, first.betas, last.betas),
        np.where(same, track.poses, poses.cpu().numpy().astype(np.float32)),
        _changed(track.cams, first.cams, last.cams),
    )


def _changed(original: Floats, before: Tensor, after: Tensor) -> Floats:
    return np.where((before == after).cpu().numpy(), original, after.cpu().numpy().astype(np.float32))
