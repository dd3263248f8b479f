"""``iper-bench body recover`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from iper_bench.body.recovery.small import NETWORK, SmallHmr, SmallHmrConfig
from iper_bench.body.recovery.weights import METADATA_KEY
from iper_bench.data.image_io import encode_png
from iper_bench.data.track_file import TrackFile, read_track, write_track
from tests.cli.command_line import assert_one_line, run_line
from tests.turning_clip import turning_track

SIDE = 48
COUNT = 3


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``frames/``, a first estimate ``first.npz``, OpenPose's ``openpose/`` with the nose and the wrists."""
    root = tmp_path_factory.mktemp("files")
    (root / "frames").mkdir()
    (root / "openpose").mkdir()
    for number in range(COUNT):
        grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
        (root / "frames" / f"{number:03d}.png").write_bytes(encode_png(grey))
        points = np.zeros((25, 3))
        points[[0, 4, 7]] = [[24, 8, 0.9], [14, 22, 0.9], [34, 22, 0.9]]
        content = {"people": [{"pose_keypoints_2d": points.reshape(-1).tolist()}]}
        (root / "openpose" / f"{number:03d}_keypoints.json").write_text(json.dumps(content))
    write_track(root / "first.npz", TrackFile(turning_track(8).take(range(COUNT)), "open-coarse"))
    return root


def test_a_track_is_refined_and_written(capsys, files, tmp_path) -> None:
    out = tmp_path / "track.npz"
    outcome = run_line(
        capsys,
        *("body", "recover", str(files / "frames"), "--track", str(files / "first.npz")),
        *("--keypoints", str(files / "openpose"), "--temporal", "--out", str(out)),
        *("--overlay", str(tmp_path / "look.mp4")),
    )
    assert outcome.status == 0, outcome.err
    lines = dict(line.split(maxsplit=1) for line in outcome.out.strip().splitlines())
    assert lines["frames"] == "3"
    first, refined = (float(part.split()[0]) for part in lines["reprojection"].split(", "))
    assert refined < first / 2
    assert (lines["track"], lines["overlay"]) == (str(out), str(tmp_path / "look.mp4"))
    assert (tmp_path / "look.mp4").stat().st_size > 0
    assert len(read_track(out).track) == COUNT


def test_no_refine_keeps_the_first_estimate(capsys, files, tmp_path) -> None:
    out = tmp_path / "track.npz"
    outcome = run_line(
        capsys,
        *("body", "recover", str(files / "frames"), "--track", str(files / "first.npz")),
        *("--keypoints", str(files / "openpose"), "--no-refine", "--out", str(out)),
    )
    assert outcome.status == 0, outcome.err
    assert "refined" not in outcome.out
    np.testing.assert_array_equal(read_track(out).track.poses, read_track(files / "first.npz").track.poses)


def test_an_estimator_finds_bodies_inside_the_masks(capsys, files, tmp_path) -> None:
    """A small network as a file, its mean body facing the camera; twice the mask is twice the scale."""
    torch.manual_seed(0)
    config = SmallHmrConfig()
    network = SmallHmr(config)
    network.init_cam.copy_(torch.tensor([[0.9, 0.0, 0.3]]))
    told = json.dumps({"network": NETWORK, "config": config.to_json()})
    save_file(network.state_dict(), tmp_path / "small.safetensors", metadata={METADATA_KEY: told})
    scales = []
    for height in (20, 40):
        masks, out = tmp_path / f"masks{height}", tmp_path / f"track{height}.npz"
        masks.mkdir()
        for number in range(COUNT):
            matte = np.zeros((SIDE, SIDE), np.uint8)
            matte[24 - height // 2 : 24 + height // 2, 20:28] = 255
            (masks / f"{number:03d}.png").write_bytes(encode_png(matte))
        outcome = run_line(
            capsys,
            *("body", "recover", str(files / "frames"), "--masks", str(masks), "--out", str(out)),
            *("--body-weights", str(tmp_path / "small.safetensors")),
        )
        assert outcome.status == 0, outcome.err
        assert "reprojection" not in outcome.out
        scales.append(read_track(out).track.cams[:, 0])
    # the frames are grey all over, so the network says the same of both patches
    np.testing.assert_allclose(scales[1], 2 * scales[0], rtol=1e-3)


def test_mistakes_are_one_line(capsys, files, tmp_path) -> None:
    frames, out = str(files / "frames"), str(tmp_path / "track.npz")
    first = ("--track", str(files / "first.npz"))
    for typed, words in (
        ((frames, "--out", out), ["nothing says where the body is", "--body-weights FILE"]),
        ((frames, *first), ["--out"]),
        ((frames, "--out", out, *first, "--refine"), ["--refine", "--keypoints FILE"]),
        ((frames, "--out", out, *first, "--keypoints", "no/"), ["no", "no such file or folder"]),
        ((frames, "--out", out, "--body-weights", "spin.pth"), ["spin.pth", "no such file"]),
        ((frames, "--out", "track.txt", *first), ["track.txt", ".npz"]),
        ((frames, "--out", out, *first, "--optimizer", "adam"), ["--optimizer", "--optimiser"]),
    ):
        assert_one_line(run_line(capsys, "body", "recover", *typed), *words)
    assert not Path(out).exists()
