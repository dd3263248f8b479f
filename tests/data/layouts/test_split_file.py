"""Split files: names as written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from iper_bench.data.layouts.split_file import read_split, read_url_list
from iper_bench.errors import UserError


@pytest.mark.parametrize(
    "content",
    [
        b"001/9/1\n91M3+UFS.mp4\n",
        b"001/9/1\n91M3+UFS.mp4",
        b"\xef\xbb\xbf001/9/1\r\n\r\n  91M3+UFS.mp4  \r\n",
    ],
    ids=["lines", "no last newline", "windows"],
)
def test_names_in_order(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "val.txt"
    path.write_bytes(content)
    assert read_split(path) == ["001/9/1", "91M3+UFS.mp4"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "val.txt: lists no clip"),
        (b"a\nb\n\na\n", "'a' stands there twice, in lines 1 and 4"),
        (b"a\nb\xff\n", "val.txt: line 2 is not UTF-8"),
        (b"a\n../b\n", r"val.txt, line 2: name '../b' has a part '..'"),
        (b"/etc/passwd\n", "val.txt, line 1: name '/etc/passwd' is absolute"),
        (b"a\n001\\9\\1\n", "line 2: name .* holds a backslash"),
        (b"a\x00b\n", "line 1: .* control character"),
    ],
)
def test_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "val.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_split(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"val.txt: cannot read the file"):
        read_split(tmp_path / "val.txt")


def test_link_that_leads_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path)
    (root / "val.txt").write_text("a")
    with pytest.raises(UserError, match="leads through a link out of the folder"):
        read_split(root / "val.txt")


def test_addresses(tmp_path: Path) -> None:
    path = tmp_path / "fashion_test.txt"
    path.write_text("http://host/a/91M3.mp4\nhttps://host/b/8+1-S.mp4?x=1\nhttp://host/91M3.mp4\n")
    assert read_url_list(path) == ["91M3.mp4", "8+1-S.mp4"]
    path.write_text("http://host/\n")
    with pytest.raises(UserError, match="line 1: name '' is empty"):
        read_url_list(path)
