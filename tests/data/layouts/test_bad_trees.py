"""What is wrong on the disk is said in one line that names clip, file and frame, and what to do."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.image_io import encode_png
from iper_bench.data.layouts.fashionvideo import open_fashionvideo
from iper_bench.data.layouts.folder import open_folder_dataset
from iper_bench.data.layouts.iper import open_iper
from iper_bench.data.layouts.motionsynthetic import open_motionsynthetic
from iper_bench.data.layouts.tree_clip import TreeClip
from iper_bench.errors import UserError
from tests.data.layouts.trees import (
    SIZE,
    bodies,
    make_fashionvideo,
    make_folder,
    make_iper,
    make_motionsynthetic,
    picture,
    write_pickle,
    write_processed,
    write_splits,
)

CLIP = "001/1/1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_iper(tmp_path, {"train": [CLIP], "val": ["002/1/1"]}, frames=12)


def clip(root: Path) -> TreeClip:
    return open_iper(root=str(root), size=SIZE).clip(CLIP)


def refused(act: Callable[[], object], *words: str) -> str:
    """Run ``act``; its message, one line, holds all ``words``."""
    with pytest.raises(UserError) as caught:
        act()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


def test_track_shorter_than_the_video(root: Path) -> None:
    path = write_pickle(root / "smpls" / CLIP / "pose_shape.pkl", bodies(CLIP, 9))
    assert len(clip(root)) == 12
    refused(lambda: clip(root).track, CLIP, str(path), "shorter than the video: 9 bodies for 12 frames")
    write_pickle(path, bodies(CLIP, 13))
    refused(lambda: clip(root).track, "longer than the video: 13 bodies for 12 frames")


def test_nan_in_a_track(root: Path) -> None:
    held = bodies(CLIP, 12)
    held["pose"][7, 3] = np.nan
    path = write_pickle(root / "smpls" / CLIP / "pose_shape.pkl", held)
    refused(lambda: clip(root).track, str(path), "field 'pose', frame 7", "finite")


def test_no_track(root: Path) -> None:
    (root / "smpls" / CLIP / "pose_shape.pkl").unlink()
    assert not clip(root).has_track
    command = f"iper-bench data prepare iper --data-root {root} --body-weights FILE"
    refused(lambda: clip(root).track, f"clip '{CLIP}'", "no body track", "pose_shape.pkl", command)


def test_missing_split_files(root: Path) -> None:
    (root / "train.txt").unlink()
    data = open_iper(root=str(root))
    assert data.splits() == ["test", "val"]
    refused(lambda: data.clip_names("train"), "no split 'train'", "no file train.txt", "test, val")
    (root / "val.txt").unlink()
    refused(lambda: open_iper(root=str(root)), str(root), "no split file", "train.txt and val.txt")


def test_clip_in_two_lines_of_a_split(root: Path) -> None:
    write_splits(root, {"val": [CLIP, CLIP]})
    refused(lambda: open_iper(root=str(root)).clip_names("val"), f"'{CLIP}'", "lines 1 and 2")


def test_clip_that_leaves_the_root(root: Path, tmp_path: Path) -> None:
    write_splits(root, {"val": ["../../etc"]})
    refused(lambda: open_iper(root=str(root)).clip_names("val"), "val.txt, line 1", "'..'")
    write_splits(root, {"val": ["009/1/1"]})
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (root / "images_HD" / "009").symlink_to(outside)
    refused(lambda: open_iper(root=str(root)).clip("009/1/1"), "leads through a link out of the folder")


def test_links_to_folders_above_or_far_away_are_not_walked(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "mine", ("anna",))
    far = make_folder(tmp_path / "far", ("deep/clip", "deep/walk.mp4"))
    (root / "again").symlink_to(root)
    (root / "far").symlink_to(far)
    (root / "ben").symlink_to(far / "deep")
    data = open_folder_dataset(root=str(root))
    assert data.clip_names() == ["anna", "ben/walk.mp4"]
    refused(lambda: data.clip("ben/walk.mp4"), "leads through a link out of the folder")


def test_a_first_frame_that_cannot_be_used_needs_a_size(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ("anna", "ben"))
    (root / "anna" / "0000.png").write_bytes(b"")
    refused(lambda: open_folder_dataset(root=str(root)).image_size, "0000.png", "an empty file", "--size PX")
    assert open_folder_dataset(root=str(root), size=SIZE).clip("ben").frames([0]).shape[1] == SIZE


def test_commands_can_be_typed_whatever_the_root_is_called(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "my videos; $(x)", ("anna",))
    (root / "anna" / "track.npz").unlink()
    command = f"iper-bench data prepare folder --data-root '{root}' --body-weights FILE"
    refused(lambda: open_folder_dataset(root=str(root)).clip("anna").track, command)


def test_folder_of_all_frames_may_be_a_link(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}-disk"
    (root / "images_HD").rename(elsewhere)
    (root / "images_HD").symlink_to(elsewhere)
    np.testing.assert_array_equal(clip(root).frames([2])[0], picture(CLIP, 2))


def test_listed_clips_without_folders(root: Path) -> None:
    write_splits(root, {"val": ["002/1/1", "007/1/1", "007/1/2", "008/1/1"]})
    data = open_iper(root=str(root))
    assert data.missing_names() == ["007/1/1", "007/1/2", "008/1/1"]
    expected = str(root / "images_HD" / "007/1/2")
    refused(
        lambda: data.clip("007/1/2"), "'007/1/2' is listed but not there", "2 more listed clips", expected
    )
    assert len(data.clip("002/1/1")) == 12


def test_unknown_clip(root: Path) -> None:
    refused(lambda: open_iper(root=str(root)).clip("001/1/2"), "unknown clip '001/1/2'", CLIP)


@pytest.mark.parametrize("index", [-1, 12])
def test_no_such_frame(root: Path, index: int) -> None:
    refused(lambda: clip(root).frames([0, index]), f"clip '{CLIP}'", f"no frame {index}", "0 to 11")
    refused(lambda: clip(root).recipe([index]), f"no frame {index}")


def test_gap_in_the_frames(root: Path) -> None:
    (root / "images_HD" / CLIP / "07.jpg").unlink()
    one = clip(root)
    assert one.findings() == ["number 7 is missing"]
    assert len(one) == 11
    np.testing.assert_array_equal(one.frames([7])[0], picture(CLIP, 8))


def test_mixed_widths_of_numbers(root: Path) -> None:
    folder = root / "images_HD" / CLIP
    (folder / "07.jpg").rename(folder / "7.jpg")
    one = clip(root)
    assert one.frame_names[-1] == "7.jpg"  # the released order: that of text
    assert any("'7.jpg' is written in another way" in text for text in one.findings())


def test_files_that_are_no_frames(root: Path) -> None:
    folder = root / "images_HD" / CLIP
    for name in ("00.txt", ".00.jpg", "Thumbs.db", "kps.pkl"):
        (folder / name).write_bytes(b"?")
    (folder / "05_folder").mkdir()
    assert clip(root).frame_names == tuple(f"{index:02d}.jpg" for index in range(12))


@pytest.mark.parametrize("content", [b"", b"not a picture", encode_png(picture("x", 0))[:90]])
def test_broken_picture(root: Path, content: bytes) -> None:
    path = root / "images_HD" / CLIP / "03.jpg"
    path.write_bytes(content)
    refused(lambda: clip(root).frames([2, 3]), f"clip '{CLIP}', frame 3", str(path))
    assert clip(root).frames([2]).shape == (1, SIZE, SIZE, 3)


def test_frame_that_vanished(root: Path) -> None:
    one = clip(root)
    assert len(one.frame_names) == 12
    (root / "images_HD" / CLIP / "03.jpg").unlink()
    refused(lambda: one.frames([3]), f"clip '{CLIP}', frame 3", "03.jpg", "No such file")


def test_frames_that_are_not_square(tmp_path: Path) -> None:
    make_folder(tmp_path, ["anna"])
    (tmp_path / "anna" / "0001.png").write_bytes(encode_png(picture("anna", 1, SIZE, 2 * SIZE)))
    one = open_folder_dataset(root=str(tmp_path)).clip("anna")
    assert one.frames([0]).shape == (1, SIZE, SIZE, 3)
    command = f"iper-bench data prepare folder --data-root {tmp_path}"
    refused(
        lambda: one.frames([0, 1]), "clip 'anna', frame 1", f"{2 * SIZE}x{SIZE} pixels", "square", command
    )


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_broken_video(tmp_path: Path, share: float) -> None:
    make_fashionvideo(tmp_path, {"val": ["a.mp4"]}, layout="videos", frames=8)
    path = tmp_path / "videos" / "a.mp4"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)] + b"\0" * 20)
    data = open_fashionvideo(root=str(tmp_path), size=SIZE)
    assert data.clip_names("val") == ["a.mp4"]  # opening reads no video
    refused(lambda: data.clip("a.mp4").frames([0]), str(path), "no video")


def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    make_folder(tmp_path, ["anna"])
    frame = os.fsencode(tmp_path / "anna") + b"/x\xff.png"
    with open(frame, "wb") as stream:
        stream.write(encode_png(picture("anna", 0)))
    data = open_folder_dataset(root=str(tmp_path), size=SIZE)
    refused(lambda: data.clip("anna").frame_names, r"the name 'x\xff.png' is not UTF-8", "anna")
    assert data.fingerprint  # names and sizes are known all the same
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    refused(lambda: open_folder_dataset(root=str(tmp_path)).clip_names(), r"'caf\xe9' is not UTF-8")


def test_empty_folders(root: Path, tmp_path: Path) -> None:
    for path in (root / "images_HD" / CLIP).iterdir():
        path.unlink()
    refused(lambda: len(clip(root)), str(root / "images_HD" / CLIP), "no picture")
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(lambda: open_iper(root=str(empty)), str(empty), "holds no dataset 'iper'", "images_HD")
    refused(lambda: open_folder_dataset(root=str(empty)).clip_names(), "no video and no frames")
    (empty / "0.png").write_bytes(encode_png(picture("x", 0)))
    refused(lambda: open_folder_dataset(root=str(empty)).clip_names(), "frames of one clip", "above")


def test_folder_that_may_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A superuser may read everything, so the system's answer is given by hand."""

    def deny(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    one = clip(root)
    monkeypatch.setattr(os, "scandir", deny)
    refused(lambda: len(one), str(root / "images_HD" / CLIP), "Permission denied")
    refused(lambda: open_iper(root=str(root)), str(root), "Permission denied")


def test_missing_matte(tmp_path: Path) -> None:
    make_fashionvideo(tmp_path, {"val": ["a.mp4"]})
    path = tmp_path / "processed/val/a.mp4/pred_masks/mask_frame_00000002.png"
    path.unlink()
    one = open_fashionvideo(root=str(tmp_path), size=SIZE).clip("a.mp4")
    assert one.masks([1]) is not None
    refused(lambda: one.masks([1, 2]), "clip 'a.mp4', frame 2", str(path), "a matte for every frame")


def test_preprocessing_with_fewer_bodies(tmp_path: Path) -> None:
    """Frames are named by the mattes; the pickle has to list the same."""
    make_motionsynthetic(tmp_path)
    name = "MG_125611487366942_0_0017"
    folder = tmp_path / "primitives" / name / "processed"
    (folder / "parse" / "frame_00000004_alpha.png").unlink()
    one = open_motionsynthetic(root=str(tmp_path), size=SIZE).clip(name)
    assert len(one) == 9
    refused(lambda: one.track, "vid_info.pkl")


def test_frames_that_the_preprocessing_dropped(tmp_path: Path) -> None:
    """A frame without a matte belongs to no clip, and the bodies of the others stay theirs."""
    write_splits(tmp_path, {"val": ["a_0_0001"]})
    folder = tmp_path / "primitives/a_0_0001/processed"
    names = ["frame_00000000.png", "frame_00000002.png"]
    write_processed(folder, "a", names)
    (folder / "images" / "frame_00000001.png").write_bytes(encode_png(picture("a", 9)))
    one = open_motionsynthetic(root=str(tmp_path), size=SIZE).clip("a_0_0001")
    assert list(one.frame_names) == names
    assert len(one.track) == 2
    np.testing.assert_array_equal(one.frames([1])[0], picture("a", 1))


def test_track_of_another_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPER_BENCH_BODY", raising=False)
    make_folder(tmp_path, ["anna"])
    arrays = dict(np.load(tmp_path / "anna/track.npz"))
    np.savez(tmp_path / "anna/track.npz", **arrays, body=np.array("open-mid"))
    data = open_folder_dataset(root=str(tmp_path))
    refused(lambda: data.clip("anna").track, "'open-mid'", "open-coarse", "IPER_BENCH_BODY=open-mid")
    monkeypatch.setenv("IPER_BENCH_BODY", "open-mid")
    data = open_folder_dataset(root=str(tmp_path))
    assert data.body == "open-mid"
    assert len(data.clip("anna").track) == 4


def test_track_of_frames_that_were_not_square(tmp_path: Path) -> None:
    make_folder(tmp_path, ["anna"])
    arrays = dict(np.load(tmp_path / "anna/track.npz"))
    np.savez(tmp_path / "anna/track.npz", **arrays, frame=np.array([32, 64]))
    one = open_folder_dataset(root=str(tmp_path)).clip("anna")
    assert one.track_file.frame == (32, 64)  # preparing the clip needs it
    refused(lambda: one.track, "64x32", "data prepare folder")


class _Exploit:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.proof}",)


def test_malicious_pickles_do_not_run(root: Path, tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    write_pickle(root / "smpls" / CLIP / "pose_shape.pkl", _Exploit(proof))
    refused(lambda: clip(root).track, "pose_shape.pkl", "system")
    make_folder(tmp_path / "own", ["anna"])
    (tmp_path / "own/anna/track.npz").unlink()
    (tmp_path / "own/anna/track.pkl").write_bytes(pickle.dumps(_Exploit(proof)))
    refused(lambda: open_folder_dataset(root=str(tmp_path / "own")).clip("anna").track, "system")
    assert not proof.exists()
