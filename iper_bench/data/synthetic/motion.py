"""How actors move: a turn in A-pose, then random action as smooth curves through key poses.

Modelled on iPER and MotionSynthetic, where every actor turns around in A-pose and then moves freely (arXiv
2011.09055, section 5.1). Poses are SMPL axis-angle with the half turn about x in the root rotation, see
:class:`iper_bench.data.clip.BodyTrack`.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from iper_bench.data.synthetic.blending import Floats

JOINTS = 24
KEY_PERIOD = 12  # frames between key poses: 0.4 s at 30 frames per second
JOINT_LIMIT = 2.2  # radians per axis that a spline may reach
# SMPL joints, left; the right one follows.
HIP, KNEE, ANKLE, SHOULDER, ELBOW = 1, 4, 7, 16, 18
SPINE, NECK, HEAD = (3, 6, 9), 12, 15


def root_rotations(yaws: Floats) -> Floats:
    """(T, 3) axis-angle roots of bodies turned by ``yaws`` (T,) radians about their own vertical axis; 0
    faces the camera.
    """
    # The product of the unit quaternions i (half turn about x) and cos(yaw/2) + j sin(yaw/2): a half turn
    # about this axis.
    half = 0.5 * np.asarray(yaws, np.float64)
    axes = np.stack([np.cos(half), np.zeros_like(half), np.sin(half)], axis=-1)
    return (np.pi * axes).astype(np.float32)


def a_pose(random: np.random.Generator) -> Floats:
    """An A-pose (24, 3): arms hang 45 to 60 degrees under the horizontal. The root is left zero."""
    pose = np.zeros((JOINTS, 3), np.float32)
    arm, leg, bend = random.uniform(0.80, 1.08), random.uniform(0.04, 0.10), random.uniform(0.05, 0.25)
    for side, sign in ((0, 1.0), (1, -1.0)):
        pose[SHOULDER + side] = (0.0, 0.0, -sign * arm)
        pose[ELBOW + side] = (0.0, -sign * bend, 0.0)
        pose[HIP + side] = (0.0, 0.0, sign * leg)
    return pose


def turn(random: np.random.Generator, base: Floats, count: int) -> tuple[Floats, Floats]:
    """One turn of 360 degrees: poses (T, 24, 3) that sway a little around ``base``, and yaws (T,) that start
    at the front.
    """
    share = np.arange(count) / count
    yaws = (2.0 * np.pi * share).astype(np.float32)
    poses = np.repeat(base[None], count, axis=0)
    step = random.uniform(0.04, 0.09)
    phase = random.uniform(0.0, 2.0 * np.pi)
    swing = np.sin(2.0 * np.pi * 2.0 * share + phase)
    for side, sign in ((0, 1.0), (1, -1.0)):
        poses[:, HIP + side, 0] += sign * step * swing
        poses[:, KNEE + side, 0] += step * (1.0 + sign * swing)
        poses[:, SHOULDER + side, 2] += 0.03 * sign * np.sin(2.0 * np.pi * share + phase)
    return poses, yaws


def _key_pose(random: np.random.Generator) -> Floats:
    """One random pose (24, 3): arms anywhere but behind the back, legs standing, stepping or squatting."""
    pose = np.zeros((JOINTS, 3), np.float32)
    for side, sign in ((0, 1.0), (1, -1.0)):
        lift, forward = random.uniform(-1.30, 0.75), random.uniform(-1.2, 0.4)
        reach = 1.0 if lift > -0.85 else 0.3  # hanging arms do not cross the trunk
        pose[SHOULDER + side] = (random.normal(0.0, 0.2), sign * forward * reach, sign * lift)
        pose[ELBOW + side] = (
            random.normal(0.0, 0.15),
            -sign * random.uniform(0.0, 1.6),
            sign * random.normal(0.0, 0.12),
        )
    _key_legs(random, pose)
    for joint, spread in ((SPINE[0], 0.08), (SPINE[1], 0.10), (SPINE[2], 0.07), (NECK, 0.10), (HEAD, 0.11)):
        pose[joint] = np.clip(random.normal(0.0, spread, 3), -2.0 * spread, 2.0 * spread)
    return pose


def _key_legs(random: np.random.Generator, pose: Floats) -> None:
    choice = random.random()
    if choice < 0.35:  # a step or a kick
        side = int(random.integers(2))
        pose[HIP + side] = (-random.uniform(0.2, 0.95), 0.0, (1 - 2 * side) * random.uniform(0.0, 0.3))
        pose[KNEE + side] = (random.uniform(0.1, 1.0), 0.0, 0.0)
    elif choice < 0.6:  # a squat: heels stay below the hips
        depth = random.uniform(0.2, 0.8)
        for side, sign in ((0, 1.0), (1, -1.0)):
            pose[HIP + side] = (-depth, 0.0, 0.15 * sign)
            pose[KNEE + side] = (1.7 * depth, 0.0, 0.0)
            pose[ANKLE + side] = (-0.7 * depth, 0.0, 0.0)
    else:  # a stance
        for side, sign in ((0, 1.0), (1, -1.0)):
            pose[HIP + side] = (0.0, 0.0, sign * random.uniform(0.02, 0.32))


def action(random: np.random.Generator, base: Floats, count: int) -> tuple[Floats, Floats]:
    """Random action that leaves ``base`` (24, 3) smoothly: poses (T, 24, 3) and yaws (T,)."""
    keys = count // KEY_PERIOD + 3
    poses = np.stack([base, *(_key_pose(random) for _ in range(keys - 1))])
    yaws = np.concatenate([[0.0], np.cumsum(random.normal(0.0, 0.6, keys - 1))])
    times = np.arange(keys) * KEY_PERIOD
    frames = np.arange(1, count + 1)
    smooth = CubicSpline(times, poses.reshape(keys, -1))(frames)
    smooth = np.clip(smooth, -JOINT_LIMIT, JOINT_LIMIT).astype(np.float32)
    return smooth.reshape(count, JOINTS, 3), CubicSpline(times, yaws)(frames).astype(np.float32)


def draw_motion(random: np.random.Generator, turn_frames: int, action_frames: int) -> Floats:
    """Poses (T, 72) float32 of a turn followed by action; either may have no frames."""
    base = a_pose(random)
    parts: list[tuple[Floats, Floats]] = []
    if turn_frames:
        parts.append(turn(random, base, turn_frames))
    if action_frames:
        parts.append(action(random, base, action_frames))
    poses = np.concatenate([pose for pose, _ in parts]).astype(np.float32)
    poses[:, 0] = root_rotations(np.concatenate([yaws for _, yaws in parts]))
    return poses.reshape(len(poses), 3 * JOINTS)
