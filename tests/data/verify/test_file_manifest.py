"""Manifests of one's own: what is written is found again, and every difference is told."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from iper_bench.data.verify.file_manifest import manifest_findings, read_manifest, write_manifest
from iper_bench.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name, content in {"a/0.png": b"zero", "a/1.png": b"", "b c/\u00e9.txt": b"x" * 3000}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / ".hidden").write_bytes(b"h")
    return root


def _differences(path: Path, root: Path) -> list[tuple[str, str]]:
    found = manifest_findings(read_manifest(path, root), root, path)
    return [(finding.kind, finding.file) for finding in found]


def test_sizes_and_digests_are_those_of_the_files(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "files.json"
    assert write_manifest(path, root, "folder") == 3
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content["format"], content["dataset"]) == (1, "folder")
    assert list(content["files"]) == ["a/0.png", "a/1.png", "b c/\u00e9.txt"]
    assert content["files"]["a/0.png"] == {"size": 4, "sha256": hashlib.sha256(b"zero").hexdigest()}
    assert _differences(path, root) == []


def test_a_manifest_in_the_root_does_not_list_itself(root: Path) -> None:
    path = root / "files.json"
    write_manifest(path, root, "folder")
    assert "files.json" not in json.loads(path.read_text(encoding="utf-8"))["files"]
    assert _differences(path, root) == []


def test_each_difference_is_told(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "files.json"
    (root / "a/2.png").write_bytes(b"two")
    write_manifest(path, root, "folder")
    (root / "a/0.png").write_bytes(b"ZERO")
    (root / "a/1.png").write_bytes(b"longer")
    (root / "a/2.png").unlink()
    (root / "a/3.png").write_bytes(b"")
    assert _differences(path, root) == [
        ("changed_file", "a/0.png"),
        ("changed_file", "a/1.png"),
        ("missing_file", "a/2.png"),
        ("unexpected_file", "a/3.png"),
    ]


def test_links_that_lead_out_are_left_out(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "in").symlink_to(root / "a/0.png")
    (root / "around").symlink_to(root)
    write_manifest(tmp_path / "files.json", root, "folder")
    files = json.loads((tmp_path / "files.json").read_text(encoding="utf-8"))["files"]
    assert sorted(files) == ["a/0.png", "a/1.png", "b c/\u00e9.txt", "in"]


def test_a_file_that_is_there_is_not_overwritten(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "files.json"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="is there already"):
        write_manifest(path, root, "folder")
    assert path.read_text(encoding="utf-8") == "mine"


def test_names_that_are_not_utf8_are_refused(root: Path, tmp_path: Path) -> None:
    (root / os.fsdecode(b"a/\xff.png")).write_bytes(b"")
    with pytest.raises(UserError, match="not UTF-8"):
        write_manifest(tmp_path / "files.json", root, "folder")
    assert not (tmp_path / "files.json").exists()


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not a manifest"),
        ("[" * 100_000, "not a manifest"),
        ("[]", "no 'files'"),
        ('{"format": 2, "files": {}}', "format 2"),
        ('{"format": 1, "files": []}', "no 'files'"),
        ('{"format": 1, "files": {"a": 1, "a": 2}}', "'a' stands there twice"),
        ('{"format": 1, "files": {"a": {"size": 1}}}', "no record"),
        (f'{{"format": 1, "files": {{"a": {{"size": -1, "sha256": "{DIGEST}"}}}}}}', "size -1"),
        ('{"format": 1, "files": {"a": {"size": 1, "sha256": "abc"}}}', "sha256 'abc'"),
        (f'{{"format": 1, "files": {{"../a": {{"size": 1, "sha256": "{DIGEST}"}}}}}}', "'../a'"),
        (f'{{"format": 1, "files": {{"/etc/passwd": {{"size": 1, "sha256": "{DIGEST}"}}}}}}', "absolute"),
    ],
)
def test_bad_manifests_are_refused_with_file_and_field(
    tmp_path: Path, root: Path, content: str, words: str
) -> None:
    path = tmp_path / "files.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_manifest(path, root)
    assert words in str(caught.value)
    assert "files.json" in str(caught.value)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json: cannot read the file"):
        read_manifest(tmp_path / "none.json", tmp_path)
    with pytest.raises(UserError, match=r"/dev/zero: is not a regular file"):  # it has no end
        read_manifest(Path("/dev/zero"), tmp_path)
