"""``prepare`` on little trees in the published layouts, read back through the adapters; resuming; damage."""

from __future__ import annotations

import errno
import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from iper_bench.body.recovery.small import NETWORK, SmallHmr, SmallHmrConfig
from iper_bench.body.recovery.weights import METADATA_KEY
from iper_bench.data import prepared_folder
from iper_bench.data.av_video import AvVideo
from iper_bench.data.box_file import write_boxes
from iper_bench.data.dataset import DATASETS
from iper_bench.data.track_file import read_track
from iper_bench.errors import UserError
from iper_bench.tasks.prepare import PrepareReport, PrepareRequest, prepare
from tests.data.layouts.trees import (
    bodies,
    make_fashionvideo,
    make_folder,
    make_iper,
    make_motionsynthetic,
    make_youtube,
    matte,
    picture,
    write_pickle,
    write_video,
)

SIZE = 32


def run(name: str, root: Path, **options: object) -> PrepareReport:
    return prepare(PrepareRequest(name, str(root), **{"size": SIZE, "workers": 1, **options}))


def iper(root: Path, **options: object) -> Path:
    """iPER with points that span the middle half of every frame."""
    make_iper(root, **options)
    points = np.zeros((4, 19, 2))
    points[:, 0], points[:, 1], points[:, 2] = -0.5, 0.5, (0.5, -0.5)
    for path in root.rglob("kps.pkl"):
        write_pickle(path, {"kps": points})
    return root


def opened(name: str, root: Path):
    return DATASETS.get(name)(root=str(root))


def stamps(root: Path) -> dict[str, int]:
    return {
        path.relative_to(root).as_posix(): path.stat().st_mtime_ns
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("layout", ["iccv", "tpami"])
def test_iper_comes_back_as_it_was(tmp_path, layout) -> None:
    """Whole square frames at their own size: the prepared copy is the data set itself."""
    root = iper(tmp_path / "iPER", layout=layout)
    before = opened("iper", root)
    published = {clip.name: (clip.frames(range(4)), clip.track, clip.frame_names) for clip in before.clips()}
    report = run("iper", root)
    assert (report.failures, report.without_track, report.notes) == ([], [], [])
    assert (report.frames, len(report.prepared), report.kept) == (16, 4, 0)
    assert report.splits == {"train": 2, "val": 2}
    assert (root / "prepared" / "train.txt").read_text() == "001/1/1\n002/1/2\n"
    after = opened("iper", root)
    assert after.image_size == SIZE
    assert after.clip_names("val") == before.clip_names("val")
    for clip in after.clips():
        frames, track, names = published[clip.name]
        assert frames.shape[1] == 512  # the adapter's own default
        expected = np.stack([picture(clip.name, at) for at in range(4)])
        np.testing.assert_array_equal(clip.frames(range(4)), expected)
        np.testing.assert_allclose(clip.track.cams, track.cams, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(clip.track.poses, track.poses)
        assert [Path(name).stem for name in clip.frame_names] == [Path(name).stem for name in names]
        masks = clip.masks(range(4))
        if layout == "tpami":
            np.testing.assert_array_equal(masks, [matte(at) for at in range(4)])
        else:
            assert masks is None


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("motionsynthetic", make_motionsynthetic),
        ("fashionvideo", make_fashionvideo),
        ("youtube-dancer18", make_youtube),
        ("folder", make_folder),
    ],
)
def test_every_data_set_is_prepared(tmp_path, name, make) -> None:
    root = make(tmp_path / "raw")
    before = opened(name, root)
    report = run(name, root, out=tmp_path / "copy", factor=0.0)
    assert report.failures == []
    assert sorted(each.name for each in report.prepared) == before.clip_names()
    copy = opened(name, tmp_path / "copy")
    for clip_name in before.clip_names():
        clip = copy.clip(clip_name)
        frames = len(before.clip(clip_name))
        expected = np.stack([picture(clip_name, at) for at in range(frames)])
        np.testing.assert_array_equal(clip.frames(range(frames)), expected)
        assert len(clip.track) == frames


def test_videos_become_the_frames_that_the_adapter_decodes(tmp_path) -> None:
    root = iper(tmp_path / "iPER", layout="video", clips={"val": ["001/1/1"]})
    before = opened("iper", root)
    direct = DATASETS.get("iper")(root=str(root), size=SIZE).clip("001/1/1").frames(range(4))
    report = run("iper", root)
    assert (report.failures, report.frames) == ([], 4)
    clip = opened("iper", root).clip("001/1/1")
    np.testing.assert_array_equal(clip.frames(range(4)), direct)
    assert [Path(name).stem for name in clip.frame_names] == ["0", "1", "2", "3"]
    np.testing.assert_allclose(clip.track.cams, before.clip("001/1/1").track.cams, rtol=1e-6, atol=1e-6)
    record = json.loads((root / "prepared/clips/001/1/1/clip.json").read_text())
    assert record["fps"] == 25.0
    assert record["source"] == "iPER_256_video_release/001_1_1.mp4"


def test_finished_clips_are_kept_and_the_rest_is_done(tmp_path) -> None:
    root = iper(tmp_path / "iPER")
    first = run("iper", root, limit=1)
    assert (len(first.prepared), first.splits) == (1, {"train": 1})
    assert opened("iper", root).clip("001/1/1").frames([0]).shape == (1, SIZE, SIZE, 3)
    with pytest.raises(UserError, match=r"not finished.*try: iper-bench data prepare iper --data-root"):
        opened("iper", root).clip("002/1/2")
    clip = root / "prepared" / "clips" / "001" / "1" / "1"
    before = stamps(clip)
    second = run("iper", root)
    assert (second.kept, len(second.prepared), second.failures) == (1, 3, [])
    assert stamps(clip) == before
    third = run("iper", root)
    assert (third.kept, third.prepared, third.exit_status) == (4, [], 0)
    # a clip that lost a file is not finished
    next((clip / "images").iterdir()).unlink()
    assert len(run("iper", root).prepared) == 1


def test_other_settings_need_to_be_said(tmp_path) -> None:
    root = iper(tmp_path / "iPER")
    run("iper", root)
    for options, words in (
        ({"size": 24}, "size 32, not 24"),
        ({"factor": 1.3}, r"factor 0\.0, not 1\.3"),
        ({"smooth": False}, "smooth True, not False"),
    ):
        with pytest.raises(UserError, match=f"holds clips made with {words}; try: --overwrite") as caught:
            run("iper", root, **options)
        assert "\n" not in str(caught.value)
    report = run("iper", root, size=24, split="val", overwrite=True)
    assert (len(report.prepared), report.splits) == (2, {"val": 2})
    assert opened("iper", root).clip("003/1/1").frames([0]).shape == (1, 24, 24, 3)
    # those of the other size do not count any more
    with pytest.raises(UserError, match="not finished"):
        opened("iper", root).clip("001/1/1")
    with pytest.raises(UserError, match="holds clips made with dataset iper, not folder"):
        run("folder", root / "images_HD", out=root / "prepared")


def test_other_files_need_to_be_said(tmp_path) -> None:
    root = iper(tmp_path / "iPER")
    run("iper", root)
    track = root / "smpls/001/1/1/pose_shape.pkl"
    size = track.stat().st_size
    found = bodies("001/1/1")
    write_pickle(track, found | {"pose": found["pose"][::-1].copy()})
    assert track.stat().st_size == size  # what is fitted anew has the same shapes
    report = run("iper", root)
    assert (report.kept, report.exit_status) == (3, 3)
    assert "clip 001/1/1: " in report.failures[0]
    assert "prepared from other files than are there now; try: --overwrite" in report.failures[0]
    assert len(run("iper", root, overwrite=True).prepared) == 1


def test_a_bad_clip_does_not_end_the_others(tmp_path) -> None:
    root = iper(tmp_path / "iPER")
    frame = root / "images_HD" / "001" / "1" / "1" / "2.jpg"
    frame.write_bytes(frame.read_bytes()[:-30])
    shape = bodies("002/1/2")
    shape["pose"][1, 5] = np.nan
    write_pickle(root / "smpls/002/1/2/pose_shape.pkl", shape)
    write_pickle(root / "smpls/003/1/1/pose_shape.pkl", bodies("003/1/1", 3))
    report = run("iper", root)
    assert report.exit_status == 3
    assert [each.name for each in report.prepared if each.error is None] == ["001/2/1"]
    cut, not_finite, short = sorted(report.failures)
    assert "2.jpg: cut" in cut
    assert "clip 002/1/2: " in not_finite
    assert "frame 1" in not_finite
    assert "3 bodies for 4 frames" in short
    assert not any("\n" in line for line in report.failures)
    assert report.splits == {"val": 1}


def test_boxes_and_keypoints_of_every_clip(tmp_path) -> None:
    root = make_folder(tmp_path / "raw")
    boxes = tmp_path / "boxes"
    for name in ("anna", "ben/walk"):
        (boxes / name).parent.mkdir(parents=True, exist_ok=True)
        write_boxes(boxes / f"{name}.npz", np.tile(np.array([8, 16, 8, 20], np.float32), (4, 1)))
    report = run("folder", root, boxes=boxes)
    assert report.failures == []
    record = json.loads((root / "prepared/clips/ben/walk/clip.json").read_text())
    # 12 high times 1.3 = 15.6, centred at (12, 14)
    assert record["crop_box"] == [4, 19, 6, 21]
    assert (root / "prepared/clips/ben/walk/track.npz").is_file()
    (boxes / "anna.npz").unlink()
    failed = run("folder", root, boxes=boxes, overwrite=True).failures
    assert len(failed) == 1
    assert "holds nothing for clip 'anna'" in failed[0]
    one = boxes / "ben" / "walk.npz"
    failed = run("folder", root, boxes=one, overwrite=True).failures
    assert len(failed) == 2
    assert "is one file for several clips" in failed[0]
    assert run("folder", root, boxes=one, clips=("anna",), overwrite=True).failures == []


def test_boxes_of_one_clip_do_not_concern_the_others(tmp_path) -> None:
    root = make_folder(tmp_path / "raw", clips=("anna", "ben"))
    files = {name: tmp_path / f"{name}.npz" for name in ("anna", "ben")}
    for place, (name, path) in enumerate(files.items()):
        write_boxes(path, np.tile(np.array([8, 16 + place, 8, 20], np.float32), (4, 1)))
        assert run("folder", root, boxes=path, clips=(name,)).failures == []
    write_boxes(files["ben"], np.tile(np.array([9, 17, 8, 20], np.float32), (4, 1)))
    assert run("folder", root, boxes=files["anna"], clips=("anna",)).kept == 1
    failed = run("folder", root, boxes=files["ben"], clips=("ben",)).failures
    assert "clip 'ben': was prepared from other files than are there now" in failed[0]


def test_points_that_merely_lay_there_may_be_of_another_form(tmp_path) -> None:
    root = make_motionsynthetic(tmp_path / "raw", layout="videos")
    name = "MG_125611487366942_0_0017"
    points = write_pickle(root / "poses" / name / "kps.pkl", {"joints": np.zeros((10, 25, 3))})
    report = run("motionsynthetic", root)
    assert (report.failures, len(report.prepared), report.without_track) == ([], 2, [])
    assert f"clip {name}: its points are left out: " in report.notes[0]
    assert "no field 'kps'" in report.notes[0]
    assert not (root / "prepared/clips" / name / "keypoints.npz").exists()
    # where they decide on the crop, or were asked for, they have to be right
    for options in ({"factor": 1.3}, {"keypoints": points, "clips": (name,)}):
        failed = run("motionsynthetic", root, out=tmp_path / f"{len(options)}", **options).failures
        assert len(failed) == 1
        assert "no field 'kps'" in failed[0]


def test_pipes_are_not_waited_for(tmp_path) -> None:
    root = make_folder(tmp_path / "raw", clips=("anna",))
    given = tmp_path / "given"
    given.mkdir()
    os.mkfifo(given / "anna.npz")
    for option in ("boxes", "keypoints"):
        (failed,) = run("folder", root, **{option: given}).failures
        assert "holds nothing for clip 'anna'" in failed
    with pytest.raises(UserError, match="no regular file"):
        run("folder", root, weights=given / "anna.npz")
    (root / "anna" / "masks").mkdir()
    os.mkfifo(root / "anna" / "masks" / "0000.png")
    (failed,) = run("folder", root).failures
    assert "0000.png: not a regular file" in failed


def test_a_copy_in_the_root_adds_no_clips(tmp_path) -> None:
    root = make_folder(tmp_path / "raw", clips=("anna",))
    run("folder", root, out=root / "copies" / "small")
    assert opened("folder", root).clip_names() == ["anna"]


def test_a_killed_program_leaves_nothing_in_the_way(tmp_path) -> None:
    """Killed before ``prepared.json`` was whole."""
    root = make_folder(tmp_path / "raw", clips=("anna",))
    (root / "prepared").mkdir()
    (root / "prepared" / ".prepared.json.abc.part").write_bytes(b"{")
    assert run("folder", root).failures == []


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    config = SmallHmrConfig()
    state = {key: value.contiguous() for key, value in SmallHmr(config).state_dict().items()}
    save_file(state, path, {METADATA_KEY: json.dumps({"network": NETWORK, "config": config.to_json()})})
    return path


def test_bodies_are_found_where_there_is_no_track(tmp_path, weights) -> None:
    root = make_folder(tmp_path / "raw", clips=("anna", "ben"), frames=2)
    (root / "ben" / "track.npz").unlink()
    without = run("folder", root, factor=0.0)
    assert without.without_track == ["ben"]
    assert ("no track", "1 clip: ben; --body-weights FILE finds one") in without.lines()
    assert opened("folder", root).clip("ben").frames([1]).shape == (1, SIZE, SIZE, 3)
    report = run("folder", root, factor=0.0, weights=weights)  # does what the summary said
    assert (report.failures, report.without_track, report.kept) == ([], [], 1)
    found = read_track(root / "prepared/clips/ben/track.npz")
    assert found.body == "open-coarse"
    assert len(found.track) == 2
    record = json.loads((root / "prepared/clips/ben/clip.json").read_text())
    assert "track.npz" in record["sha256"]
    # the given track is not estimated anew
    given = read_track(root / "anna" / "track.npz").track
    np.testing.assert_array_equal(read_track(root / "prepared/clips/anna/track.npz").track.poses, given.poses)
    # with or without the option again both are finished; bodies of other weights are not mixed in
    assert [run("folder", root, factor=0.0, **one).kept for one in ({}, {"weights": weights})] == [2, 2]
    other = tmp_path / "other.safetensors"
    other.write_bytes(weights.read_bytes() + b" ")
    failed = run("folder", root, factor=0.0, weights=other).failures
    assert ["has bodies of another estimator; try: --overwrite" in line for line in failed] == [True]


def test_a_variable_rate_is_refused_or_resampled(tmp_path) -> None:
    root = tmp_path / "raw"
    write_video(root / "even.mp4", "even", frames=4)
    with av.open(str(root / "even.mp4")) as source, av.open(str(root / "odd.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for place, packet in enumerate(source.demux(video=0)):
            if packet.size:
                packet.pts = packet.dts = packet.pts + (2 * packet.duration if place > 1 else 0)
                packet.stream = stream
                target.mux(packet)
    found = bodies("odd", 4)
    np.savez(root / "odd.npz", betas=found["shape"][0], poses=found["pose"], cams=found["cams"])
    report = run("folder", root, factor=0.0)
    assert [each.name for each in report.prepared if each.error is None] == ["even.mp4"]
    assert "odd.mp4: the frame rate varies" in report.failures[0]
    assert "--fps" in report.failures[0]
    report = run("folder", root, factor=0.0, fps=25.0, overwrite=True)
    assert report.failures == []
    names = [path.name for path in sorted((root / "prepared/clips/odd.mp4/images").iterdir())]
    # shown at 0, 1, 4, 5 twenty-fifths; the middle two moments go to the nearer frame
    assert names == [f"frame_{place:08d}.png" for place in range(6)]
    frames = opened("folder", root).clip("odd.mp4").frames(range(6))
    direct = opened("folder", root).clip("even.mp4").frames(range(4))
    np.testing.assert_array_equal(frames, direct[[0, 1, 1, 2, 2, 3]])
    poses = opened("folder", root).clip("odd.mp4").track.poses  # every frame has its own body
    np.testing.assert_array_equal(poses, found["pose"][[0, 1, 1, 2, 2, 3]].astype(np.float32))


def test_a_cut_video_is_not_taken_for_one_of_variable_rate(tmp_path) -> None:
    """Where frames are stored out of order, a cut loses some from between the last ones."""
    root = tmp_path / "raw"
    root.mkdir()
    with av.open(str(root / "a.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        packets = []
        for number in range(30):
            packets += stream.encode(av.VideoFrame.from_ndarray(picture("a", number, 64)))
        for packet in [*packets, *stream.encode()]:
            if packet.pts != 12:
                container.mux(packet)
    whole = AvVideo(root / "a.mkv")
    assert (whole.missing, whole.variable_rate) == (0, True)
    content = (root / "a.mkv").read_bytes()
    (root / "a.mkv").write_bytes(content[: len(content) * 2 // 3])
    cut = AvVideo(root / "a.mkv")
    assert cut.missing > 0
    assert cut.variable_rate
    (failed,) = run("folder", root).failures
    assert "can be decoded, frame" in failed
    assert "--fps" not in failed


def test_archives_are_unpacked_when_asked(tmp_path) -> None:
    made = make_motionsynthetic(tmp_path / "made", layout="videos")
    root = tmp_path / "raw"
    root.mkdir()
    for part in ("videos", "poses"):
        with zipfile.ZipFile(root / f"{part}.zip", "w") as archive:
            for path in sorted((made / part).rglob("*")):
                archive.write(path, path.relative_to(made))
    for split in ("train.txt", "val.txt"):
        shutil.copy(made / split, root)
    with pytest.raises(UserError, match="try: --unpack"):
        run("motionsynthetic", root)
    report = run("motionsynthetic", root, unpack=True)
    assert (report.failures, len(report.prepared)) == ([], 2)
    with pytest.raises(UserError, match="no archive to unpack"):
        run("folder", make_folder(tmp_path / "plain"), unpack=True)


def test_two_processes_do_what_one_does(tmp_path) -> None:
    root = make_folder(tmp_path / "raw", clips=("a", "b", "c"))
    (root / "b" / "0002.png").write_bytes(b"no picture")
    one = run("folder", root, out=tmp_path / "one", factor=0.0)
    two = run("folder", root, out=tmp_path / "two", factor=0.0, workers=2)
    assert sorted(one.failures) == sorted(two.failures)
    assert len(one.failures) == 1
    assert one.frames == two.frames == 8
    for path in (tmp_path / "one").rglob("*.*"):
        if path.is_file() and "clips/b/" not in path.as_posix():
            same = tmp_path / "two" / path.relative_to(tmp_path / "one")
            assert same.read_bytes() == path.read_bytes(), path


def test_a_full_disk_ends_the_work_and_keeps_what_is_done(tmp_path, monkeypatch) -> None:
    root = make_folder(tmp_path / "raw", clips=("a", "b", "c"))
    written = Path.write_bytes

    def write(path: Path, content: bytes) -> int:
        if "b/images" in path.as_posix():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return written(path, content)

    monkeypatch.setattr(prepared_folder.Path, "write_bytes", write)
    with pytest.raises(UserError, match=r"clip b: .*no space left on the disk") as caught:
        run("folder", root, factor=0.0)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert (root / "prepared/clips/a/clip.json").is_file()
    assert not (root / "prepared/clips/b/clip.json").exists()
    assert not (root / "prepared/clips/c").exists()
    report = run("folder", root, factor=0.0)
    assert (report.kept, len(report.prepared)) == (1, 2)


def test_an_interrupt_keeps_finished_clips(tmp_path, monkeypatch) -> None:
    root = iper(tmp_path / "iPER")
    real = prepared_folder.ClipWriter.finish

    def finish(self, record) -> None:
        if self.folder.as_posix().endswith("001/2/1"):
            raise KeyboardInterrupt
        real(self, record)

    monkeypatch.setattr(prepared_folder.ClipWriter, "finish", finish)
    with pytest.raises(KeyboardInterrupt):
        run("iper", root)
    monkeypatch.undo()
    # the split files speak of what is there
    assert (root / "prepared/train.txt").read_text() == "001/1/1\n"
    report = run("iper", root)
    assert (report.kept, len(report.prepared), report.splits) == (1, 3, {"train": 2, "val": 2})


def test_wrong_requests_are_refused_in_one_line(tmp_path) -> None:
    root = iper(tmp_path / "iPER")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    for options, words in (
        ({"clips": ("001/1/2",)}, "--clips: unknown clip '001/1/2'; expected a name such as 002/1/2"),
        ({"clips": ("../../x",)}, "unknown clip"),
        ({"split": "vall"}, "unknown split 'vall'"),
        ({"weights": tmp_path / "gone.pth"}, "--body-weights: no such file"),
        ({"boxes": tmp_path / "gone"}, "--boxes: no such file"),
        ({"factor": float("inf")}, "--factor: inf"),
        ({"fps": 0.0}, "--fps: 0.0"),
        ({"out": tmp_path / "full"}, "holds files, but no prepared.json"),
    ):
        with pytest.raises(UserError) as caught:
            run("iper", root, **options)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]
    with pytest.raises(UserError, match="'synthetic' needs no preparation"):
        prepare(PrepareRequest("synthetic"))
    with pytest.raises(UserError, match="there is no such folder"):
        run("iper", tmp_path / "nowhere")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "prepared.json").write_text("{")
    with pytest.raises(UserError, match="not a record of data prepare"):
        run("iper", root, out=tmp_path / "damaged")


def test_one_program_at_a_time(tmp_path) -> None:
    root = iper(tmp_path / "iPER")
    run("iper", root, limit=1)
    settings = prepared_folder.PreparedSettings("iper", SIZE, "open-coarse", 0.0)
    first = prepared_folder.PreparedFolder(root / "prepared", settings)
    with first, pytest.raises(UserError, match="another program prepares into this folder"):
        run("iper", root)
    assert run("iper", root).failures == []
    assert replace(settings, size=1).difference({"size": 1}) is not None


def test_a_copy_made_elsewhere_is_the_same(tmp_path) -> None:
    """No path, time or machine is in it: fingerprints agree."""
    for place in ("here", "there"):
        run("iper", iper(tmp_path / place / "iPER", layout="tpami"))
    one, two = (tmp_path / place / "iPER" / "prepared" for place in ("here", "there"))
    files = sorted(path.relative_to(one) for path in one.rglob("*.*") if path.is_file())
    assert (
        len(files) == 1 + 1 + 2 + 4 * 11
    )  # lock, prepared.json, splits; frames, mattes, track, boxes, record
    for path in files:
        assert (one / path).read_bytes() == (two / path).read_bytes(), path
    found = {opened("iper", tmp_path / place / "iPER").fingerprint for place in ("here", "there")}
    assert len(found) == 1


def test_names_of_mixed_widths_keep_their_order(tmp_path) -> None:
    root = make_folder(tmp_path / "raw", clips=("anna",), frames=11)
    for index in range(11):
        (root / "anna" / f"{index:04d}.png").rename(root / "anna" / f"{index}.png")
    report = run("folder", root, factor=0.0)
    assert report.failures == []
    assert "as text, 10 stands before 2" in report.notes[0]
    clip = opened("folder", root).clip("anna")
    assert list(clip.frame_names) == [f"{index:02d}.png" for index in range(11)]
    np.testing.assert_array_equal(clip.frames(range(11)), [picture("anna", at) for at in range(11)])


def test_a_licensed_body_is_recorded_by_name(tmp_path, monkeypatch) -> None:
    root = make_folder(tmp_path / "raw", clips=("anna",))
    licensed = tmp_path / "SMPL_NEUTRAL.pkl"
    licensed.write_bytes(b"not looked at: the track is there")
    monkeypatch.setenv("IPER_BENCH_BODY", str(licensed))
    assert run("folder", root).failures == []
    assert json.loads((root / "prepared/prepared.json").read_text())["body"] == "smpl"
    assert read_track(root / "prepared/clips/anna/track.npz").body == "smpl"
    copy = opened("folder", root)
    assert copy.body == str(licensed)
    assert len(copy.clip("anna").track) == 4
    monkeypatch.delenv("IPER_BENCH_BODY")
    with pytest.raises(UserError, match="body smpl, not open-coarse"):
        run("folder", root)
