"""Training of a body estimator: its samples are true, its loss falls, a stopped run resumes exactly."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.body.camera import project
from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.recovery.estimate import RecoveredBodies
from iper_bench.body.recovery.joint_error import mpjpe
from iper_bench.body.recovery.small import SmallHmr, SmallHmrConfig, normalised
from iper_bench.body.recovery.small_joints import JointBody
from iper_bench.body.recovery.spin import Estimate
from iper_bench.body.recovery.weights import load_estimator
from iper_bench.body.rotations import axis_angles
from iper_bench.data.clip import BodyTrack
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.training import body_regressor_error, body_regressor_samples
from iper_bench.training.body_regressor import (
    BodyRegressorRequest,
    BodyRegressorSettings,
    train_body_regressor,
)
from iper_bench.training.body_regressor_error import clip_errors, mean_error, track_error
from iper_bench.training.body_regressor_loss import BodyLossWeights, body_loss
from iper_bench.training.body_regressor_samples import BodySampler, mirrored
from tests.training.conftest import TwoClips
from tests.turning_clip import TurningClip, turning_track

SETTINGS = BodyRegressorSettings(
    network=SmallHmrConfig(side=32, widths=(4, 8), grid=2, squeezed=4, hidden=16),
    steps=6,
    batch=4,
    rate=3e-3,
    warm_up=1,
    ema=0.9,
)

BODY, WEIGHTS = load_body("open-coarse"), BodyLossWeights()


@pytest.fixture(autouse=True)
def _two_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPER_BENCH_DEVICE", "cpu")
    monkeypatch.setattr(DATASETS, "get", lambda name: lambda root, size: TwoClips(size))


@pytest.fixture(scope="module")
def sampler() -> BodySampler:
    return BodySampler([TurningClip()], BODY, 64, seed=3)


def asked(out: Path, **changes: Any) -> BodyRegressorRequest:
    return BodyRegressorRequest("two-clips", out, size=64, log_every=1, **changes)


def test_bodies_of_samples_are_where_the_image_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jittered, enlarged and mirrored: the posed body fills what is white in frames that are mattes."""
    monkeypatch.setattr(body_regressor_samples, "GAIN", 0.0)
    monkeypatch.setattr(body_regressor_samples, "OFFSET", 0.0)
    clip, body = TurningClip(), BODY
    clip._frames = np.repeat(clip._mattes[..., None], 3, axis=-1)
    batch = BodySampler([clip], body, 64, seed=3).batch(0, 16)
    poses = axis_angles(batch.rotations).flatten(1)
    image = project(body.pose(batch.betas, poses).vertices, batch.cams)
    corners = (torch.cat([image[..., :2].amin(1), image[..., :2].amax(1)], 1) + 1) * 32
    heights = set()
    for pixels, corner in zip(batch.images, corners, strict=True):
        person = pixels[0] > 0.5
        rows, columns = person.any(1).nonzero().flatten(), person.any(0).nonzero().flatten()
        seen = torch.tensor([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=torch.float32)
        # thin ends of hands and feet cover less than half of a pixel of the clip, which is one of the patch
        torch.testing.assert_close(seen, corner.clamp(0, 64), rtol=0, atol=2.0)
        heights.add(round(float(corner[3] - corner[1])))
    assert len(heights) > 4  # boxes are jittered


def test_samples_depend_on_seed_and_step_alone(sampler: BodySampler) -> None:
    first = sampler.batch(5, 4)
    sampler.batch(6, 4)
    again = sampler.batch(5, 4)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first.images, sampler.batch(6, 4).images)
    other = BodySampler([TurningClip()], BODY, 64, seed=4)
    assert not torch.equal(first.images, other.batch(5, 4).images)


def test_mirrored_bodies_are_mirrored() -> None:
    rng = np.random.default_rng(0)
    poses = torch.from_numpy(rng.normal(0, 0.5, (24, 3)).astype(np.float32))
    rotations = rotation_matrices(poses).numpy()
    assert np.array_equal(mirrored(mirrored(rotations)), rotations)
    body = JointBody(BODY)
    both = torch.from_numpy(np.stack([rotations, mirrored(rotations)]))
    joints = body.joints(torch.zeros(2, 10), both).numpy()
    joints -= joints[:, :1]
    there = joints[0, list(body_regressor_samples.MIRRORED)] * [-1.0, 1.0, 1.0]
    np.testing.assert_allclose(joints[1], there, atol=0.02)  # the open body is symmetric to a centimetre


def test_long_data_are_thinned_evenly() -> None:
    clip, body = TurningClip(), BODY
    frame = 48 * 48 * 3  # the kept patch of a side of 32
    assert len(BodySampler([clip], body, 32, 0, memory=8 * frame)) == 8
    assert len(BodySampler([clip], body, 32, 0, memory=4 * frame)) == 4
    assert len(BodySampler([clip], body, 32, 0, memory=7 * frame)) == 4


def test_the_mean_body_is_a_body(sampler: BodySampler) -> None:
    """Of a full turn: arms as in every frame, upright, a camera like that of the drawn samples."""
    rotations, betas, cam = sampler.mean_body()
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (24, 1, 1)), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0, atol=1e-5)
    arm = rotation_matrices(torch.from_numpy(turning_track(1).poses.reshape(24, 3)))[16]
    np.testing.assert_allclose(rotations[16], arm, atol=1e-5)
    assert not betas.any()
    drawn = torch.cat([sampler.batch(step, 16).cams for step in range(8)])
    np.testing.assert_allclose(cam[0], drawn[:, 0].mean(), rtol=0.05)


def test_a_frame_without_a_person_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = TurningClip()
    masks = clip._mattes.copy()
    masks[2] = 0
    monkeypatch.setattr(clip, "_mattes", masks)
    assert len(BodySampler([clip], BODY, 32, 0)) == 7
    monkeypatch.setattr(clip, "_mattes", np.zeros_like(masks))
    with pytest.raises(UserError, match="shows nobody in any frame"):
        BodySampler([clip], BODY, 32, 0)


def test_the_truth_has_no_loss(sampler: BodySampler) -> None:
    batch = sampler.batch(0, 4)
    joints = JointBody(BODY)
    truth = Estimate(batch.rotations, batch.betas, batch.cams)
    total, terms = body_loss(truth, batch, joints, BodyLossWeights())
    assert float(total) < 1e-4  # the root of SMALLEST
    # a camera a tenth of a metre away moves every point by that times its scale
    cams = batch.cams + torch.tensor([0.0, 0.06, 0.08])
    _, terms = body_loss(truth._replace(cams=cams), batch, joints, BodyLossWeights())
    assert float(terms["points"]) == pytest.approx(0.1 * float(batch.cams[:, 0].mean()), rel=1e-4)
    assert float(terms["rotations"]) == 0
    _, terms = body_loss(truth._replace(betas=batch.betas + 1), batch, joints, BodyLossWeights())
    assert float(terms["shape"]) == pytest.approx(1.0)
    taller, true = (joints.joints(betas, batch.rotations) for betas in (batch.betas + 1, batch.betas))
    apart = mpjpe(taller.numpy(), true.numpy()).mean() / 1000  # relative to the pelvis, which moved as well
    assert float(terms["joints"]) == pytest.approx(apart, rel=1e-4)
    assert float((taller - true)[:, 0].norm(dim=-1).min()) > 1e-4


def test_a_batch_is_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same eight samples at every step: the loss falls to a part, and the file holds what was trained."""
    real = BodySampler.batch
    monkeypatch.setattr(BodySampler, "batch", lambda self, step, count: real(self, 0, count))
    network = SmallHmrConfig(side=32, widths=(8, 16), grid=2, squeezed=8, hidden=64)
    settings = replace(SETTINGS, network=network, steps=60, batch=8, rate=5e-3)
    path = train_body_regressor(asked(tmp_path / "out"), settings)
    lines = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    totals = [line["total"] for line in lines]
    assert len(totals) == 60
    assert np.mean(totals[-10:]) < 0.6 * np.mean(totals[:5])
    trained = load_estimator(path)
    assert isinstance(trained, SmallHmr)
    assert trained.config == network
    batch = real(BodySampler([TurningClip(), TurningClip(name="other", plain=60)], BODY, 32, 0), 0, 8)
    with torch.inference_mode():
        terms = [
            body_loss(
                trained.regress(trained.features(normalised(batch.images)), count),
                batch,
                JointBody(BODY),
                WEIGHTS,
            )
            for count in (0, None)
        ]
    assert float(terms[1][0]) < 0.6 * float(terms[0][0])


def test_a_stopped_training_resumes_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while step 3 is drawn; then the time limit; then to the end: the weights of an uninterrupted
    run, byte for byte, and its log.
    """
    real = BodySampler.batch

    def batch(self: BodySampler, step: int, count: int) -> Any:
        if step == 3:
            signal.raise_signal(signal.SIGINT)
        return real(self, step, count)

    cut, whole = tmp_path / "cut", tmp_path / "whole"
    with monkeypatch.context() as patch:
        patch.setattr(BodySampler, "batch", batch)
        with pytest.raises(KeyboardInterrupt):
            train_body_regressor(asked(cut), SETTINGS)
    assert not (cut / "hmr.safetensors").exists()
    assert len((cut / "log.jsonl").read_text().splitlines()) == 4
    train_body_regressor(asked(cut, seconds=1e-9), SETTINGS)  # stops at once, exports what is there
    train_body_regressor(asked(cut, workers=1), SETTINGS)
    train_body_regressor(asked(whole, save_every=2), SETTINGS)
    assert (cut / "hmr.safetensors").read_bytes() == (whole / "hmr.safetensors").read_bytes()
    logs = [[json.loads(line) for line in (f / "log.jsonl").read_text().splitlines()] for f in (cut, whole)]
    for line in (*logs[0], *logs[1]):
        del line["seconds"]
    assert logs[0] == logs[1]


def test_another_training_in_the_folder_is_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    train_body_regressor(asked(out, steps=2), SETTINGS)
    with pytest.raises(UserError, match="another set-up"):
        train_body_regressor(asked(out, steps=2, seed=1), SETTINGS)
    with pytest.raises(UserError, match="has 2 steps behind it already, more than the 1"):
        train_body_regressor(asked(out, steps=1), SETTINGS)
    train_body_regressor(asked(out, steps=1, seed=1, resume=False), SETTINGS)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"is not empty \(thesis.txt\)"):
        train_body_regressor(asked(other), SETTINGS)


def test_a_loss_that_is_no_number_stops_before_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = BodySampler.batch

    def batch(self: BodySampler, step: int, count: int) -> Any:
        made = real(self, step, count)
        return made._replace(images=made.images * float("nan")) if step == 2 else made

    monkeypatch.setattr(BodySampler, "batch", batch)
    with pytest.raises(UserError, match="no number any more at step 3"):
        train_body_regressor(asked(tmp_path / "out"), SETTINGS)


def test_a_perfect_estimator_has_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    clip, body = TurningClip(), BODY

    def perfect(network: object, frames: np.ndarray, boxes: np.ndarray) -> RecoveredBodies:
        rows = [int(np.flatnonzero((clip._frames == one).all((1, 2, 3)))[0]) for one in frames]
        track = clip.track.take(rows)
        return RecoveredBodies(track.betas, track.poses, track.cams)

    masks = clip._mattes.copy()
    masks[5] = 0  # nobody is looked for there
    monkeypatch.setattr(clip, "_mattes", masks)
    monkeypatch.setattr(body_regressor_error, "estimate_bodies", perfect)
    ours, blind = clip_errors(SmallHmr(SETTINGS.network).eval(), clip, body)
    assert (ours.mpjpe, ours.reprojection, ours.frames, ours.unseen) == (0.0, 0.0, 7, 1)
    assert ours.pa_mpjpe < 1e-3  # float32 joints
    assert blind.mpjpe > 50


def test_errors_of_known_tracks() -> None:
    """A camera off by a tenth of the half side, a body too tall: what must change changes, and only that."""
    truth, joints = turning_track(4), JointBody(BODY)
    cams = truth.cams + np.array([0, 0.1, 0], np.float32)
    one = track_error(joints, BodyTrack(truth.betas, truth.poses, cams), truth, 64)
    assert one.mpjpe == 0
    assert one.reprojection == pytest.approx(0.9 * 0.1 / 2, rel=1e-4)
    assert one.pixels == pytest.approx(64 * 0.9 * 0.1 / 2, rel=1e-4)
    turned = truth.poses.copy()
    turned[:, :3] = truth.poses[np.array([2, 3, 0, 1]), :3]
    other = track_error(joints, BodyTrack(truth.betas, turned, truth.cams), truth, 64)
    assert other.mpjpe > 100
    assert other.pa_mpjpe < 1e-3
    mean = mean_error([one, replace(other, frames=12)])
    assert mean.mpjpe == pytest.approx(0.75 * other.mpjpe)
    assert mean.frames == 16
