"""Where the predictions of a clip are looked for, and what is said when they are not there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.image_io import encode_png
from iper_bench.data.prediction_folder import find_clips, holds_frames, list_clips, unused_entries
from iper_bench.errors import UserError

NAMES = ["actor000/outfit0", "actor001/outfit0", "actor001/outfit1"]


def put(root: Path, *clips: str) -> Path:
    """Folders with one frame, or files where a clip has an ending."""
    for clip in clips:
        path = root / clip
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"video")
        else:
            path.mkdir(parents=True)
            (path / "0.png").write_bytes(encode_png(np.zeros((2, 2, 3), np.uint8)))
    return root


@pytest.mark.parametrize(
    "clips",
    [
        NAMES,
        ["actor000_outfit0", "actor001_outfit0", "actor001_outfit1"],
        ["actor000/outfit0.mp4", "actor001_outfit0.mkv", "actor001/outfit1"],
    ],
)
def test_every_spelling_is_found(tmp_path: Path, clips: list[str]) -> None:
    found = find_clips(put(tmp_path, *clips), NAMES)
    assert list(found) == NAMES
    assert sorted(found.values()) == sorted(tmp_path / clip for clip in clips)
    assert unused_entries(tmp_path, found) == []


def test_what_is_not_there_is_left_out_and_what_is_more_is_named(tmp_path: Path) -> None:
    put(tmp_path, "actor001_outfit0", "actor002_outfit0", "actor000_outfit0_new.mp4")
    put(tmp_path, ".hidden")
    found = find_clips(tmp_path, NAMES)
    assert found == {"actor001/outfit0": tmp_path / "actor001_outfit0"}
    assert unused_entries(tmp_path, found) == ["actor000_outfit0_new", "actor002_outfit0"]


def test_nothing_found_says_what_was_looked_for_and_what_is_near(tmp_path: Path) -> None:
    put(tmp_path, "actr000_outfit0")
    with pytest.raises(UserError) as caught:
        find_clips(tmp_path, NAMES)
    for word in ("none of the 3 clips", "actor001_outfit1", "rename actr000_outfit0 to actor000_outfit0"):
        assert word in str(caught.value)


def test_empty_absent_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder of frames"):
        find_clips(tmp_path, NAMES)
    (tmp_path / "a").touch()
    for name in ("a", "b"):
        with pytest.raises(UserError, match="not a folder"):
            find_clips(tmp_path / name, NAMES)


def test_two_places_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "actor000/outfit0", "actor000_outfit0.mp4")
    with pytest.raises(UserError, match="lies in 2 places"):
        find_clips(tmp_path, NAMES)


def test_a_folder_that_may_be_two_clips_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a_b_c")
    with pytest.raises(UserError, match="may be clip"):
        find_clips(tmp_path, ["a/b_c", "a_b/c"])


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "outside", "frames")
    root = put(tmp_path / "root", "actor000_outfit0")
    (root / "actor001_outfit0").symlink_to(tmp_path / "outside/frames")
    with pytest.raises(UserError, match="out of the folder"):
        find_clips(root, NAMES)
    (root / "actor001_outfit0").unlink()
    (root / "actor001_outfit0").symlink_to(root / "actor000_outfit0")
    assert set(find_clips(root, NAMES)) == set(NAMES[:2])


def test_a_ring_of_links_ends(tmp_path: Path) -> None:
    put(tmp_path, "actor000/outfit0")
    (tmp_path / "actor000/up").symlink_to(tmp_path)
    assert list(find_clips(tmp_path, NAMES)) == NAMES[:1]


def test_an_empty_clip_is_found_so_that_it_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "actor000_outfit0").mkdir()
    assert list(find_clips(tmp_path, NAMES)) == NAMES[:1]


def test_listing_of_references(tmp_path: Path) -> None:
    put(tmp_path, "a/b", "c.mp4", "d")
    assert list(list_clips(tmp_path)) == ["a/b", "c", "d"]
    put(tmp_path, "d.mkv")
    with pytest.raises(UserError, match="'d' is 2 things"):
        list_clips(tmp_path)


def test_one_clip_or_several(tmp_path: Path) -> None:
    put(tmp_path, "a/b", "c.mp4")
    assert [holds_frames(tmp_path / name) for name in ("", "a", "a/b", "c.mp4")] == [False, False, True, True]
    with pytest.raises(UserError, match="no such file"):
        holds_frames(tmp_path / "absent")


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    put(tmp_path, os.fsdecode(b"clip\xff"))
    with pytest.raises(UserError, match=r"clip\\xff"):
        find_clips(tmp_path, NAMES)
    put(tmp_path, "actor000_outfit0")
    found = find_clips(tmp_path, NAMES)
    assert unused_entries(tmp_path, found) == [os.fsdecode(b"clip\xff")]
