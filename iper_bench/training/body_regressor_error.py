"""What a body estimator is worth on clips whose bodies are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from iper_bench.body import load_body
from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.model import JOINT_COUNT, BodyModel
from iper_bench.body.open_body import open_body_names
from iper_bench.body.recovery.estimate import (
    BodyEstimator,
    RecoveredBodies,
    estimate_bodies,
    joined_bodies,
    mean_bodies,
)
from iper_bench.body.recovery.joint_error import mpjpe, pa_mpjpe, reprojection
from iper_bench.body.recovery.small import SmallHmr
from iper_bench.body.recovery.small_joints import JointBody
from iper_bench.body.recovery.weights import load_estimator
from iper_bench.data.clip import BodyTrack, Clip
from iper_bench.data.dataset import DATASETS
from iper_bench.device import compute_device
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.progress import track
from iper_bench.training.body_regressor_samples import person_boxes
from iper_bench.training.validation import spread

MEAN_BODY = "mean body"
_FRAMES = 64  # decoded at once


@dataclass(frozen=True)
class BodyError:
    """Means over frames.

    Attributes
    ----------
    mpjpe, pa_mpjpe: millimetres, see :mod:`iper_bench.body.recovery.joint_error`.
    reprojection: distance of projected joints over the frame's side; pixels: the same in pixels of the frame.
    frames: that entered. unseen: frames left out, because their matte shows nobody.
    """

    mpjpe: float
    pa_mpjpe: float
    reprojection: float
    pixels: float
    frames: int
    unseen: int


@dataclass(frozen=True)
class BodyErrors:
    """Errors by clip, of all frames of all clips (``mean``), and of the constant mean body of the same
    estimator (``baseline``), which looks at nothing.
    """

    dataset: str
    split: str
    fingerprint: str
    weights_sha256: str
    clips: Mapping[str, BodyError]
    mean: BodyError
    baseline: BodyError

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; a clip that shows nobody has ``null`` for its numbers."""
        return _without_nan(asdict(self))

    def table(self) -> list[tuple[str, ...]]:
        """Rows of text with a heading."""
        rows: list[tuple[str, ...]] = [
            ("clip", "frames", "MPJPE mm", "PA-MPJPE mm", "reprojection px", "of the side")
        ]
        for name, one in (*self.clips.items(), ("mean", self.mean), (MEAN_BODY, self.baseline)):
            numbers = (
                f"{one.mpjpe:.1f}",
                f"{one.pa_mpjpe:.1f}",
                f"{one.pixels:.2f}",
                f"{one.reprojection:.4f}",
            )
            rows.append((name, str(one.frames), *numbers))
        return rows


@dataclass(frozen=True)
class BodyErrorRequest:
    """What to measure.

    Attributes
    ----------
    weights: of any estimator that ``load_estimator`` knows. dataset: registry name; split of it.
    data_root, size: of the dataset, ``None`` = its defaults. limit: clips that are measured, spread evenly
        over the split; ``None`` = all.
    """

    weights: Path
    dataset: str
    split: str
    data_root: str | None = None
    size: int | None = None
    limit: int | None = None


def body_errors(request: BodyErrorRequest) -> BodyErrors:
    """Measure an estimator on the clips of a split.

    The person is looked for where the matte, else the true body is. Estimated parameters are read as those
    of the dataset's body model, whatever SPIN and HMR mean by them. The shape is the mean over the clip, as
    in body recovery.

    Raises
    ------
    UserError for unknown names, weights that do not fit or were trained for another kind of body, frames that
    are not square, an empty split, or clips that show nobody.
    """
    network = load_estimator(request.weights).to(compute_device())
    dataset = DATASETS.get(request.dataset)(root=request.data_root, size=request.size)
    names = dataset.clip_names(request.split)
    if not names:
        raise UserError(f"the split '{request.split}' is empty", where=f"dataset '{dataset.name}'")
    chosen = [names[place] for place in spread(len(names), request.limit or len(names))]
    body = load_body(dataset.body)
    _require_body(network, body, request.weights)
    found: dict[str, BodyError] = {}
    blind: list[BodyError] = []
    for name in track(chosen, "measuring bodies"):
        found[name], baseline = clip_errors(network, dataset.clip(name), body)
        blind.append(baseline)
    mean = mean_error(list(found.values()))
    if mean.frames == 0:
        raise UserError("shows nobody in any frame", where=f"split '{request.split}' of '{dataset.name}'")
    return BodyErrors(
        dataset.name,
        request.split,
        dataset.fingerprint,
        file_sha256(request.weights),
        found,
        mean,
        mean_error(blind),
    )


def _require_body(network: BodyEstimator, body: BodyModel, weights: Path) -> None:
    """Refuse a small estimator of another kind of body. The open bodies share their parameters."""
    trained = network.body if isinstance(network, SmallHmr) else None
    if trained is not None and (trained in open_body_names()) != (body.name in open_body_names()):
        raise UserError(
            f"was trained for the body '{trained}'",
            where=str(weights),
            expected=f"an estimator of the dataset's body '{body.name}'",
        )


def clip_errors(network: BodyEstimator, clip: Clip, body: BodyModel) -> tuple[BodyError, BodyError]:
    """Error of the estimator and of its mean body on one clip; NaN where the clip shows nobody."""
    seen: list[int] = []
    found: list[RecoveredBodies] = []
    blind: list[RecoveredBodies] = []
    for first in range(0, len(clip), _FRAMES):
        rows = list(range(first, min(first + _FRAMES, len(clip))))
        boxes = person_boxes(clip, body, rows)
        there = np.flatnonzero(np.isfinite(boxes).all(1))
        if len(there):
            frames = clip.frames(rows)[there]
            found.append(estimate_bodies(network, frames, boxes[there]))
            blind.append(mean_bodies(network, frames, boxes[there]))
            seen += [rows[place] for place in there.tolist()]
    unseen = len(clip) - len(seen)
    if not seen:
        nothing = BodyError(float("nan"), float("nan"), float("nan"), float("nan"), 0, unseen)
        return nothing, nothing
    truth, joints = clip.track.take(seen), JointBody(body)
    side = clip.size[0]
    ours, theirs = (
        track_error(joints, BodyTrack(*joined_bodies(one)), truth, side, unseen) for one in (found, blind)
    )
    return ours, theirs


def track_error(body: JointBody, found: BodyTrack, truth: BodyTrack, side: int, unseen: int = 0) -> BodyError:
    """Error of a track against the true one of the same frames of ``side`` pixels; the body on the CPU."""
    ours, theirs = _joints(body, found), _joints(body, truth)
    shares = float(reprojection(ours, theirs, found.cams, truth.cams).mean())
    return BodyError(
        float(mpjpe(ours, theirs).mean()),
        float(pa_mpjpe(ours, theirs).mean()),
        shares,
        shares * side,
        len(truth),
        unseen,
    )


def mean_error(errors: Sequence[BodyError]) -> BodyError:
    """The mean over the frames of all clips."""
    frames, unseen = sum(one.frames for one in errors), sum(one.unseen for one in errors)
    parts = [one for one in errors if one.frames]

    def mean(name: str) -> float:
        return sum(getattr(one, name) * one.frames for one in parts) / frames if frames else float("nan")

    return BodyError(mean("mpjpe"), mean("pa_mpjpe"), mean("reprojection"), mean("pixels"), frames, unseen)


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    return None if isinstance(content, float) and math.isnan(content) else content


def _joints(body: JointBody, bodies: BodyTrack) -> np.ndarray[Any, np.dtype[np.float32]]:
    rotations = rotation_matrices(torch.from_numpy(bodies.poses).reshape(-1, JOINT_COUNT, 3))
    betas = torch.from_numpy(bodies.betas).expand(len(bodies), -1)
    return body.joints(betas, rotations).numpy()
