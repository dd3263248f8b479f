"""Names of strangers stay inside their root."""

from __future__ import annotations

from pathlib import Path

import pytest

from iper_bench.data.safe_path import inside
from iper_bench.errors import UserError


@pytest.mark.parametrize(
    "name",
    [
        "001/9/1",
        "91M3UFSKn8S.mp4",
        "A1+-b.mp4",
        "PeopleSnapshot_female-1_0_0016",
        "café/frame_00000000.png",
        "..a/b..",
        "images_HD",
        "ab: c",
        "-rf",
    ],
)
def test_names_of_the_datasets_pass(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name, where="train.txt line 1") == tmp_path / name


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "is empty"),
        ("/etc/passwd", "absolute"),
        ("//server/share", "absolute"),
        ("C:/windows", "absolute"),
        ("c:evil", "absolute"),
        ("../x", "'..'"),
        ("a/../../x", "'..'"),
        ("a/..", "'..'"),
        (".", "'.'"),
        ("a/./b", "'.'"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        ("..\\x", "backslash"),
        ("a\x00.png", "control"),
        ("a\nb", "control"),
        ("a\x1b[31mb", "control"),
        ("a\x7f", "control"),
        ("caf\udce9", "UTF-8"),
        ("x" * 256, "too long"),
        ("x/" * 3000 + "x", "too long"),
    ],
)
def test_names_that_could_leave_are_refused_in_one_line(tmp_path: Path, name: str, word: str) -> None:
    with pytest.raises(UserError, match=r"^train\.txt line 3: name '") as caught:
        inside(tmp_path, name, where="train.txt line 3")
    assert word in str(caught.value)
    assert str(caught.value).isprintable()
    str(caught.value).encode("utf-8")
    assert len(str(caught.value)) < 300


def test_links_that_lead_out_are_refused_and_others_pass(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "deep").mkdir(parents=True)
    outside.mkdir()
    (root / "away").symlink_to(outside)
    (root / "up").symlink_to("..")
    (root / "within").symlink_to("deep")
    (root / "file").symlink_to(outside / "not there yet")
    (root / "circle").symlink_to("circle")
    assert inside(root, "within/x.png", where="here") == root / "within/x.png"
    for name in ("away/x.png", "away", "up/outside/x", "file"):
        with pytest.raises(UserError, match="leads through a link out of"):
            inside(root, name, where="here")
    with pytest.raises(UserError, match="cannot be followed"):
        inside(root, "circle/x", where="here")


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to("real")
    assert inside(tmp_path / "root", "a/b", where="here") == tmp_path / "root/a/b"
