"""The embedded dataset in the MotionSynthetic layout: same pixels and bodies, exact truth, resumable."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import iper_bench.data.synthetic.export as export_module
from iper_bench.body import load_body
from iper_bench.body.camera import project
from iper_bench.body.heading import heading_and_tilt
from iper_bench.body.rasteriser import rasterise
from iper_bench.data.decoding import frame_stream
from iper_bench.data.layouts.motionsynthetic import open_motionsynthetic
from iper_bench.data.layouts.pose_shape import read_pose_shape
from iper_bench.data.layouts.processed_video import read_processed
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticDataset
from iper_bench.data.synthetic.export_clip import VIEWS, front_and_back, headings, portable_pickle
from iper_bench.data.synthetic.make import make_synthetic
from iper_bench.data.synthetic.motion import root_rotations
from iper_bench.data.video_io import VideoFootage, read_image
from iper_bench.errors import UserError
from iper_bench.plain_pickle import read_plain_pickle
from tests.cli.command_line import assert_one_line, run_line

SMALL = SyntheticConfig(
    size=48, train_actors=1, test_actors=1, outfits=1, outfit_actors=0, turn_frames=16, action_frames=4
)
CLIP, NAME = "actor000/outfit0", "actor000_outfit0_0002"
FRAMES = range(8 + 4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both clips of SMALL."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPER_BENCH_HOME", str(home))
        return make_synthetic(home / "made", SMALL, layout="motionsynthetic")


@pytest.fixture
def dataset(home: Path) -> SyntheticDataset:
    return SyntheticDataset(SMALL)


def poses_of(made: Path) -> dict[str, Any]:
    content: dict[str, Any] = read_plain_pickle(made / "poses" / NAME / "pose_shape.pkl")
    return content


def test_split_files_and_readme(made: Path) -> None:
    assert (made / "train.txt").read_text() == "actor001_outfit0_0001\n"
    assert (made / "val.txt").read_text() == f"{NAME}\n"
    readme = (made / "README.txt").read_text()
    written = {path.name for path in made.rglob("*") if path.is_file()} - {"README.txt"}
    missing = {name for name in written if name not in readme and not name.startswith("frame_")}
    assert missing == {"actor001_outfit0_0001.mp4", f"{NAME}.mp4"}
    for key in (*poses_of(made), *read_plain_pickle(made / "poses" / NAME / "kps.pkl")):
        assert key in readme, key


def test_pixels_and_bodies_are_those_of_the_dataset(made: Path, dataset: SyntheticDataset) -> None:
    clip = dataset.clip(CLIP)
    order = json.loads((made / "truth" / NAME / "clip.json").read_text())["order"]
    assert order[8:] == [16, 17, 18, 19]
    video = read_processed(made / "primitives" / NAME / "processed")
    assert len(video) == len(FRAMES)
    assert video.alphas is not None
    masks = clip.masks(order)
    assert np.array_equal([read_image(path) for path in video.images], clip.frames(order))
    assert np.array_equal([read_image(path, grey=True) for path in video.alphas], masks)
    true_masks = sorted((made / "truth" / NAME / "masks").iterdir())
    assert np.array_equal([read_image(path, grey=True) for path in true_masks], masks)
    assert np.array_equal(read_image(made / "truth" / NAME / "background.png"), clip.backgrounds([0])[0])
    wanted = clip.track.take(order)
    stored = poses_of(made)
    for track in (video.track.poses, stored["pose"]):
        assert np.array_equal(track, wanted.poses)
    for cams in (video.track.cams, stored["cams"]):
        assert np.array_equal(cams, wanted.cams)
    assert np.array_equal(stored["shape"], wanted.betas[None])
    assert np.array_equal(video.track.betas, wanted.betas)
    footage = VideoFootage(made / "videos" / f"{NAME}.mp4")
    assert (len(footage), footage.fps) == (len(FRAMES), 30.0)
    decoded = np.stack(list(footage.stream(FRAMES)))
    # MPEG-4 at 48 px: measured 3.6 grey levels in the mean; another frame's picture is off by more than 10
    assert np.abs(decoded.astype(float) - clip.frames(order)).mean() < 6.0


def test_dataset_of_the_layout_reads_it(made: Path, dataset: SyntheticDataset) -> None:
    opened = open_motionsynthetic(root=str(made), size=SMALL.size)
    assert opened.clip_names("train") == ["actor001_outfit0_0001"]
    assert opened.clip_names("val") == opened.clip_names("test") == [NAME]
    clip, wanted = opened.clip(NAME), dataset.clip(CLIP)
    order = json.loads((made / "truth" / NAME / "clip.json").read_text())["order"]
    assert (len(clip), clip.subject) == (len(order), wanted.subject)
    assert np.array_equal(clip.frames(FRAMES), wanted.frames(order))
    assert np.array_equal(clip.masks(FRAMES), wanted.masks(order))
    streamed = np.concatenate(list(frame_stream(clip, FRAMES, batch=5, workers=0)))
    assert np.array_equal(streamed, wanted.frames(order))
    poses = read_pose_shape(made / "poses" / NAME / "pose_shape.pkl")
    for track in (clip.track, poses):
        for field in ("betas", "poses", "cams"):
            assert np.array_equal(getattr(track, field), getattr(wanted.track.take(order), field)), field


def test_first_frames_show_the_views(made: Path) -> None:
    stored = poses_of(made)
    assert stored["views"] == [0, 45, 315, 90, 180, 135, 225, 270]
    found, tilt = heading_and_tilt(stored["pose"][:8, :3])
    apart = (found - np.array(stored["views"]) + 180.0) % 360.0 - 180.0
    assert np.abs(apart).max() < 1e-3  # float32 root rotations: 1e-5 radians at most
    assert tilt.max() < 1e-5
    assert (stored["ft_ids"], stored["bk_ids"]) == ([0, 1, 2, 3], [4, 5, 6, 7])
    video = read_processed(made / "primitives" / NAME / "processed")
    assert (video.front, video.back) == ((0, 1, 2, 3, 4, 5, 6, 7), (4, 5, 6, 7, 0, 1, 2, 3))
    assert stored["offsets"].shape == (load_body(SMALL.body).vertex_count, 3)
    assert not stored["offsets"].any()


def test_index_points_into_the_folder(made: Path) -> None:
    """iPERCore follows the absolute paths of the index and lists its folders."""
    processed = made / "primitives" / NAME / "processed"
    index = read_plain_pickle(processed / "vid_info.pkl")
    folders = [
        Path(index[key]) for key in ("out_img_dir", "out_parse_dir", "out_bg_dir", "out_actual_bg_dir")
    ]
    assert all(folder.is_dir() and folder.parent == processed.absolute() for folder in folders)
    assert [len(list(folder.iterdir())) for folder in folders] == [len(FRAMES), len(FRAMES), 0, 0]
    assert Path(index["input_info"]["meta_input"]["path"]) == made / "videos" / f"{NAME}.mp4"
    assert Path(index["input_info"]["vid_info_path"]) == processed / "vid_info.pkl"


def test_heading_is_the_protocols(dataset: SyntheticDataset) -> None:
    roots = root_rotations(np.random.default_rng(0).uniform(0, 2 * np.pi, 50).astype(np.float32))
    expected, _ = heading_and_tilt(roots)
    assert np.abs((headings(roots) - expected + 180.0) % 360.0 - 180.0).max() < 1e-3


def test_front_and_back_follow_the_body_not_the_place() -> None:
    """A clip that begins with the back: the ids follow. Yaw turns the other way than the heading."""
    roots = root_rotations(-np.radians([180.0, 0.0, 135.0, 45.0, 225.0, 315.0, 200.0, 20.0]))
    assert front_and_back(roots) == ([1, 7, 3, 5], [0, 6, 2, 4])


def test_truth_is_the_surface_that_is_seen(made: Path, dataset: SyntheticDataset) -> None:
    """The body with its offsets has the silhouette of the mattes; flow and joints are the scene's."""
    clip, body = dataset.clip(CLIP), load_body(SMALL.body)
    order = json.loads((made / "truth" / NAME / "clip.json").read_text())["order"]
    with np.load(made / "truth" / NAME / "body.npz", allow_pickle=False) as truth:
        stored = {key: torch.from_numpy(truth[key]) for key in truth.files if key != "body"}
        assert str(truth["body"]) == SMALL.body
    posed = body.pose(stored["betas"], stored["poses"], stored["offsets"])
    # mattes are the mean of four samples a pixel
    seen, _ = rasterise(project(posed.vertices, stored["cams"]), body.faces, 2 * SMALL.size)
    samples = (seen.numpy() >= 0).reshape(len(order), SMALL.size, 2, SMALL.size, 2)
    assert np.array_equal(np.floor(samples.mean((2, 4)) * 255 + 0.5), clip.masks(order))
    assert torch.allclose(stored["joints3d"], posed.joints, atol=1e-5)  # float64 against float32, metres
    assert torch.allclose(stored["joints2d"], project(posed.joints, stored["cams"])[..., :2], atol=1e-5)
    for place in (0, 4, 11):
        path = made / "truth" / NAME / "flow" / f"frame_{place:08d}.npz"
        with np.load(path, allow_pickle=False) as content:
            assert np.array_equal(content["flow"], clip.true_flow(order[0], order[place]))
    points = read_plain_pickle(made / "poses" / NAME / "kps.pkl")
    assert points["kps"].shape == (len(FRAMES), 19, 2)
    assert (len(points["kps_names"]), len(points["joint_names"])) == (19, 24)
    same = [
        (points["kps_names"].index(name), place)
        for place, name in enumerate(points["joint_names"])
        if name in points["kps_names"]
    ]
    assert len(same) == 13
    for ours, smpl in same:
        assert np.array_equal(points["kps"][:, ours], points["joints2d"][:, smpl])
    # seen from the front the person's left is on the image's right
    left = points["kps"][0, points["kps_names"].index("left_shoulder"), 0]
    assert left > points["kps"][0, points["kps_names"].index("right_shoulder"), 0]
    top = points["kps"][0, points["kps_names"].index("head_top"), 1]
    assert top < points["kps"][0, :, 1][points["kps_names"].index("nose")]


def test_interrupted_and_damaged_folders_are_completed(
    tmp_path: Path, home: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "made"
    write, count = export_module.write_bytes, 0

    def stopping(path: Path, content: bytes) -> None:
        nonlocal count
        count += 1
        if count == 60:  # of 54 files of a clip: within the second
            raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(export_module, "write_bytes", stopping)
        with pytest.raises(KeyboardInterrupt):
            make_synthetic(out, SMALL, layout="motionsynthetic")
    assert not (out / "train.txt").exists()
    assert (out / "val.txt").read_text() == f"{NAME}\n"  # what is finished can be used
    assert (out / "truth" / NAME / "clip.json").exists()
    assert not (out / "truth" / "actor001_outfit0_0001" / "clip.json").exists()
    damaged = out / "primitives" / NAME / "processed" / "images" / "frame_00000003.png"
    damaged.write_bytes(b"torn")
    kept = (out / "videos" / f"{NAME}.mp4").stat().st_mtime_ns
    make_synthetic(out, SMALL, layout="motionsynthetic", splits=["train"])
    assert (out / "val.txt").exists()
    assert (out / "videos" / f"{NAME}.mp4").stat().st_mtime_ns == kept
    assert damaged.read_bytes() == b"torn"  # of a split that was not asked for
    make_synthetic(out, SMALL, layout="motionsynthetic")
    names = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    # the index holds the folder's own path
    alike = [name for name in names if name.name not in ("vid_info.pkl", "clip.json")]
    assert all((made / name).read_bytes() == (out / name).read_bytes() for name in alike)


def test_foreign_folders_and_counts_without_views_are_refused(
    tmp_path: Path, home: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "train.txt").write_text("PeopleSnapshot_1_0_0001\n")
    with pytest.raises(UserError, match=r"holds train\.txt of another dataset"):
        make_synthetic(tmp_path / "real", SMALL, layout="motionsynthetic")
    assert (tmp_path / "real" / "train.txt").read_text() == "PeopleSnapshot_1_0_0001\n"
    with pytest.raises(UserError, match="holds another dataset"):
        make_synthetic(made, replace(SMALL, seed=1), layout="motionsynthetic")
    line = ["data", "make-synthetic", "--layout", "motionsynthetic"]
    assert_one_line(run_line(capsys, *line), "--layout motionsynthetic without a folder", "--out")
    line += ["--out", str(tmp_path / "new")]
    assert_one_line(run_line(capsys, *line, "--turn-frames", "12"), "--turn-frames 12", "multiple of 8")
    assert_one_line(run_line(capsys, *line, "--action-clips", "1"), "--action-clips 1")
    assert_one_line(run_line(capsys, *line[:3], "moton", "--out", "x"), "moton", "motionsynthetic")
    assert not (tmp_path / "new").exists()


def test_command_writes_the_layout(
    tmp_path: Path, home: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "typed")
    line = ["data", "make-synthetic", "--layout", "motionsynthetic", "--out", out, "--size", "32"]
    counts = (
        "--train-actors 0 --test-actors 1 --outfits 1 --outfit-actors 0 --turn-frames 8 --action-frames 1"
    )
    outcome = run_line(capsys, *line, *counts.split())
    assert (outcome.status, outcome.out) == (0, f"{out}\n"), outcome.err
    video = read_processed(tmp_path / "typed" / "primitives" / "actor000_outfit0_0001" / "processed")
    assert len(video) == 9
    assert not (tmp_path / "typed" / "train.txt").exists()  # there is no training clip


def test_pickles_can_be_read_by_old_numpy() -> None:
    content = {"cams": np.arange(6, dtype=np.float32).reshape(2, 3), "ft_ids": [0, 1]}
    written = portable_pickle(content)
    assert b"numpy._core" not in written
    assert b"numpy.core.multiarray" in written
    again = pickle.loads(written)
    assert np.array_equal(again["cams"], content["cams"])
    assert again["ft_ids"] == [0, 1]


def test_views_are_the_layouts() -> None:
    assert VIEWS == (0, 45, 315, 90, 180, 135, 225, 270)
