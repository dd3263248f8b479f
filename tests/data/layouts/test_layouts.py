"""Every layout on the disk: names, pixels, mattes, bodies and people as they were written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.dataset import DATASETS
from iper_bench.data.layouts.tree_dataset import TreeDataset
from tests.data.layouts.trees import (
    SIZE,
    bodies,
    make_fashionvideo,
    make_folder,
    make_iper,
    make_motionsynthetic,
    make_youtube,
    matte,
    picture,
)

IPER = {"train": ["001/1/1", "002/1/2"], "val": ["001/2/1", "003/1/1"]}
MG, PS = "MG_125611487366942_0_0017", "PeopleSnapshot_female-1-casual_0_0093"
FASHION = {"train": ["81FyMPk-WIS.mp4"], "val": ["91M3UFSKn8S.mp4"]}
DANCERS = ["2rJvM52eOOc_1.mp4", "9pyCI_intrQ_2.mp4"]
METAPIX = {"test": ["test_1_img", "test_2_img"], "train": ["train_1_img", "train_2_img"]}
#: MPEG-4 of a 32-pixel picture is off by less than half of what tells two frames of a clip apart (37)
LOSSY = 18
#: dataset, layout, maker, words, splits, first clip's people, frame names, mattes, track, exact
CASES = [
    ("iper", "iccv", make_iper, "images_HD with smpls", IPER, "001", "{}.jpg", False, True, True),
    ("iper", "tpami", make_iper, "primitives", IPER, "001", "{}.jpg", True, True, True),
    (
        "iper",
        "video",
        make_iper,
        "iPER_256_video_release with smpls",
        IPER,
        "001",
        "{}.jpg",
        False,
        True,
        False,
    ),
    *(
        (
            "motionsynthetic",
            layout,
            make_motionsynthetic,
            words,
            {"train": [MG], "val": [PS]},
            "MG_125611487366942",
            "frame_{:08d}.png",
            layout == "primitives",
            True,
            layout != "videos",
        )
        for layout, words in [
            ("primitives", "primitives"),
            ("processed", "processed"),
            ("videos", "videos with poses"),
        ]
    ),
    *(
        (
            "fashionvideo",
            layout,
            make_fashionvideo,
            layout,
            FASHION,
            "81FyMPk-WIS.mp4",
            "frame_{:08d}.png",
            layout != "videos",
            layout != "videos",
            layout != "videos",
        )
        for layout in ("primitives", "processed", "videos")
    ),
    (
        "youtube-dancer18",
        "processed",
        make_youtube,
        "processed",
        {"all": DANCERS},
        "2rJvM52eOOc",
        "frame_{:08d}.png",
        False,
        True,
        True,
    ),
]


def opened(name: str, root: Path, size: int | None = SIZE) -> TreeDataset:
    dataset = DATASETS.get(name)(root=str(root), size=size)
    assert isinstance(dataset, TreeDataset)
    return dataset


@pytest.mark.parametrize(
    ("name", "layout", "make", "words", "splits", "person", "pattern", "mattes", "track", "exact"),
    CASES,
    ids=[f"{case[0]}-{case[1]}" for case in CASES],
)
def test_layout(
    tmp_path: Path,
    name: str,
    layout: str,
    make: Callable[..., Path],
    words: str,
    splits: dict[str, list[str]],
    person: str,
    pattern: str,
    mattes: bool,
    track: bool,
    exact: bool,
) -> None:
    dataset = opened(name, make(tmp_path, layout=layout))
    assert (dataset.name, dataset.layout.words, dataset.image_size) == (name, words, SIZE)
    everything = sorted(clip for listed in splits.values() for clip in listed)
    assert dataset.clip_names() == dataset.found_names() == everything
    assert {split: dataset.clip_names(split) for split in splits} == splits
    if "val" in splits:
        assert dataset.splits() == ["test", "train", "val"]
        assert dataset.clip_names("test") == splits["val"]
    clip = dataset.clip(everything[0])
    count = len(clip)
    assert clip.subject == person
    assert list(clip.frame_names) == [pattern.format(index) for index in range(count)]
    expected = np.stack([picture(clip.name, index) for index in (2, 0, 2)])
    difference = np.abs(clip.frames([2, 0, 2]).astype(int) - expected)
    assert difference.max() <= (0 if exact else LOSSY)
    if mattes:
        np.testing.assert_array_equal(clip.masks([3, 1]), np.stack([matte(3), matte(1)]))
    else:
        assert clip.masks([0]) is None
    assert clip.has_track is track
    if track:
        held = bodies(clip.name, count)
        np.testing.assert_array_equal(clip.track.poses, held["pose"].astype(np.float32))
        np.testing.assert_array_equal(clip.track.cams, held["cams"].astype(np.float32))
    assert clip.findings() == []


def test_metapix_folders_are_clips(tmp_path: Path) -> None:
    dataset = opened("youtube-dancer18", make_youtube(tmp_path, layout="metapix"))
    (tmp_path / "notes").mkdir()
    assert {split: dataset.clip_names(split) for split in dataset.splits()} == METAPIX | {
        "all": METAPIX["test"] + METAPIX["train"]
    }
    clip = dataset.clip("train_2_img")
    assert (clip.subject, clip.frame_names[0], clip.has_track) == ("2", "img_00000001.png", False)
    np.testing.assert_array_equal(clip.frames([0])[0], picture("train_2_img", 0))


def test_iper_prefers_the_frames_of_the_evaluator(tmp_path: Path) -> None:
    root = make_iper(tmp_path, {"val": ["001/1/1"]})
    (root / "images_HD").rename(root / "images_256")
    assert opened("iper", root).layout.words == "images_256 with smpls"
    make_iper(root, {"val": ["001/1/1"]}, layout="video")
    assert opened("iper", root).layout.words == "images_256 with smpls"
    (root / "images_256").rename(root / "images")
    assert opened("iper", root).layout.words == "images with smpls"
    (root / "smpls").rename(root / "elsewhere")
    assert opened("iper", root).layout.words == "images"
    assert not opened("iper", root).clip("001/1/1").has_track


def test_names_of_a_video_have_the_digits_of_its_length(tmp_path: Path) -> None:
    root = make_iper(tmp_path, {"val": ["001/1/1"]}, frames=10, layout="video")
    assert opened("iper", root).clip("001/1/1").frame_names[0] == "00.jpg"


def test_fashionvideo_splits_without_split_files(tmp_path: Path) -> None:
    root = make_fashionvideo(tmp_path)
    for split in ("train", "val"):
        (root / f"{split}.txt").unlink()
    assert {split: opened("fashionvideo", root).clip_names(split) for split in FASHION} == FASHION
    (root / "fashion_train.txt").write_text("http://host/a/81FyMPk-WIS.mp4")
    assert opened("fashionvideo", root).splits() == ["train"]


def test_frames_and_mattes_of_another_size_are_resized(tmp_path: Path) -> None:
    """Halving a side by bilinear interpolation is the mean of four pixels; 128 is the rounded mean of 0 and
    255.
    """
    clip = opened("fashionvideo", make_fashionvideo(tmp_path), SIZE // 2).clip("91M3UFSKn8S.mp4")
    assert clip.size == (SIZE // 2, SIZE // 2)
    whole = picture("91M3UFSKn8S.mp4", 1).astype(float)
    mean = whole.reshape(SIZE // 2, 2, SIZE // 2, 2, 3).mean((1, 3))
    np.testing.assert_allclose(clip.frames([1])[0], mean, atol=0.75)  # rounding to a level
    masks = clip.masks([0])
    assert masks is not None
    assert masks[0, :, 0].tolist() == [128] * (SIZE // 2)
    assert not masks[0, :, 1:].any()


def test_default_size_is_that_of_the_released_networks(tmp_path: Path) -> None:
    dataset = opened("iper", make_iper(tmp_path), None)
    assert dataset.image_size == 512
    assert dataset.clip("001/1/1").frames([0]).shape == (1, 512, 512, 3)


def test_own_folder(tmp_path: Path) -> None:
    make_folder(tmp_path, ["anna", "ben/walk", "cora.mp4", "dora/images"])
    (tmp_path / "dora" / "masks").mkdir()
    (tmp_path / "thumbnail.jpg").write_bytes(b"not looked at")
    dataset = opened("folder", tmp_path, None)
    assert (dataset.image_size, dataset.splits()) == (SIZE, ["all"])
    assert dataset.clip_names() == ["anna", "ben/walk", "cora.mp4", "dora"]
    assert [dataset.clip(name).subject for name in dataset.clip_names()] == [
        "anna",
        "ben",
        "cora.mp4",
        "dora",
    ]
    for name, tracked in (("anna", True), ("ben/walk", True), ("cora.mp4", True), ("dora", False)):
        clip = dataset.clip(name)
        assert clip.has_track is tracked
        if tracked:
            np.testing.assert_array_equal(clip.track.cams, bodies(name)["cams"].astype(np.float32))
    assert dataset.clip("cora.mp4").frame_names[0] == "frame_00000000.png"
    np.testing.assert_array_equal(dataset.clip("dora").frames([3])[0], picture("dora/images", 3))


def test_own_folder_counts_and_splits(tmp_path: Path) -> None:
    make_folder(tmp_path, ["anna", "ben/walk"], frames=11)
    for index in range(11):
        (tmp_path / "anna" / f"{index:04d}.png").rename(tmp_path / "anna" / f"f{index}.png")
    (tmp_path / "val.txt").write_text("ben/walk")
    dataset = opened("folder", tmp_path)
    assert dataset.splits() == ["all", "val"]
    assert dataset.clip_names("val") == ["ben/walk"]
    clip = dataset.clip("anna")
    assert clip.frame_names[:3] == ("f0.png", "f1.png", "f2.png")
    np.testing.assert_array_equal(clip.frames([10])[0], picture("anna", 10))
    assert "no leading zeros" in clip.findings()[0]
