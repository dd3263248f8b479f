"""Archives: every kind unpacked and continued; hostile and damaged ones refused, nothing written outside."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from iper_bench.data import archive as archive_module
from iper_bench.data.archive import unpack
from iper_bench.errors import UserError

CONTENT = {
    "images_HD/001/9/1/0000.jpg": os.urandom(3000),
    "images_HD/001/9/1/0001.jpg": b"",
    "train.txt": b"001/9/1\n",
    "PeopleSnapshot_é.bin": os.urandom(70_000),
}


def tar_bytes(
    content: dict[str, bytes], *, mode: str = "w", extra: list[tarfile.TarInfo] | None = None
) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in extra or []:
            archive.addfile(member)
    return stream.getvalue()


def write_tar(path: Path, content: dict[str, bytes], extra: list[tarfile.TarInfo] | None = None) -> Path:
    mode = "w" if path.suffix == ".tar" else "w:gz"
    path.write_bytes(tar_bytes(content, mode=mode, extra=extra))
    return path


def write_zip(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images_HD/", b"")
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def write_any(path: Path, content: dict[str, bytes]) -> Path:
    return write_zip(path, content) if path.suffix == ".zip" else write_tar(path, content)


def cut(path: Path, size: int) -> list[Path]:
    """Cut a file as ``split`` does."""
    data = path.read_bytes()
    parts = []
    for place, at in enumerate(range(0, len(data), size)):
        part = path.with_name(f"{path.name}.{chr(97 + place // 26)}{chr(97 + place % 26)}")
        part.write_bytes(data[at : at + size])
        parts.append(part)
    path.unlink()
    return parts


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz"])
def test_every_kind_is_unpacked_and_continued(tmp_path: Path, name: str) -> None:
    source, out = write_any(tmp_path / name, CONTENT), tmp_path / "out"
    paths = unpack(source, out)
    assert paths == [out / one for one in CONTENT]
    assert files_of(out) == CONTENT
    # what is whole stays, what is missing, shorter or other is written anew
    kept, short, other = out / "PeopleSnapshot_é.bin", out / "train.txt", out / "images_HD/001/9/1/0000.jpg"
    before = kept.stat().st_mtime_ns
    short.write_bytes(b"001")
    other.write_bytes(other.read_bytes()[:-1] + bytes([other.read_bytes()[-1] ^ 1]))
    (out / "images_HD/001/9/1/0001.jpg").unlink()
    assert unpack(source, out) == paths
    assert files_of(out) == CONTENT
    assert kept.stat().st_mtime_ns == before


def test_a_difference_after_the_first_block_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "BLOCK", 4096)
    source, out = write_tar(tmp_path / "a.tar", {"f": CONTENT["PeopleSnapshot_é.bin"]}), tmp_path / "out"
    (file,) = unpack(source, out)
    wrong = bytearray(file.read_bytes())
    wrong[50_000] ^= 1
    file.write_bytes(bytes(wrong))
    unpack(source, out)
    assert file.read_bytes() == CONTENT["PeopleSnapshot_é.bin"]


@pytest.mark.parametrize("name", ["images_HD.tar.gz", "a.tar"])
@pytest.mark.parametrize("given", ["first", "all", "all, shuffled"])
def test_parts_are_joined(tmp_path: Path, name: str, given: str) -> None:
    parts = cut(write_tar(tmp_path / name, CONTENT), 2000)
    assert len(parts) > 26  # so that the second letter runs over: .az, .ba
    (tmp_path / "other.tar.gz.aa").write_bytes(b"not of these")
    asked = parts[0] if given == "first" else parts[::-1] if "shuffled" in given else parts
    unpack(asked, tmp_path / "out")
    assert files_of(tmp_path / "out") == CONTENT


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    parts = cut(write_tar(tmp_path / "a.tar.gz", CONTENT), 5000)
    parts[3].unlink()
    with pytest.raises(UserError, match=r"a\.tar\.gz\.ad: this part of the archive is missing"):
        unpack(parts[0], tmp_path / "out")
    parts[0].unlink()
    with pytest.raises(UserError, match=r"a\.tar\.gz\.aa: this part"):
        unpack(parts[0], tmp_path / "out")
    with pytest.raises(UserError, match="same archive"):
        unpack([parts[1], tmp_path / "b.tar.gz.ac"], tmp_path / "out")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
@pytest.mark.parametrize("lost", [600, 9000, 60_000])
def test_a_cut_tar_is_damaged_and_continues_when_whole(tmp_path: Path, name: str, lost: int) -> None:
    source, out = write_tar(tmp_path / name, CONTENT), tmp_path / "out"
    whole = source.read_bytes()
    source.write_bytes(whole[:-lost] if name.endswith("gz") else whole[: len(whole) - 10240 - lost + 1024])
    with pytest.raises(UserError, match=r"damaged after [0-9]+ files"):
        unpack(source, out)
    assert all(CONTENT[name] == data for name, data in files_of(out).items())  # no half file, no .part
    source.write_bytes(whole)
    unpack(source, out)
    assert files_of(out) == CONTENT


def test_a_tar_that_ends_between_two_members_is_damaged(tmp_path: Path) -> None:
    whole = tar_bytes({"a": b"x" * 512, "b": b"y" * 512})
    (tmp_path / "a.tar").write_bytes(whole[:1024])  # header and content of the first file, nothing more
    with pytest.raises(UserError, match="closing blocks"):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    broken = bytearray(whole)
    broken[1024:1034] = b"\xff" * 10  # the second header: tarfile takes that for the end
    (tmp_path / "a.tar").write_bytes(bytes(broken))
    with pytest.raises(UserError, match="closing blocks"):
        unpack(tmp_path / "a.tar", tmp_path / "out")


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x55
    path.write_bytes(bytes(data))


def test_wrong_bytes_and_checksums_are_found(tmp_path: Path) -> None:
    zipped = write_zip(tmp_path / "a.zip", {"f": CONTENT["PeopleSnapshot_é.bin"]})
    flip(zipped, 30_000)
    with pytest.raises(UserError, match="damaged"):
        unpack(zipped, tmp_path / "out")
    gz = write_tar(tmp_path / "a.tar.gz", CONTENT)
    flip(gz, len(gz.read_bytes()) - 6)  # gzip's checksum, after the last file
    with pytest.raises(UserError, match="damaged after 4 files"):
        unpack(gz, tmp_path / "out2")
    for name in ("b.zip", "b.tar", "b.tgz"):
        (tmp_path / name).write_bytes(b"this is no archive" * 100)
        with pytest.raises(UserError, match="damaged"):
            unpack(tmp_path / name, tmp_path / "out3")
    assert "f" not in files_of(tmp_path / "out")


EVIL = ["../evil", "/tmp/evil", "a/../../evil", "..\\evil", "C:/evil", "a//evil", "x\x1bevil"]


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tar.gz"])
def test_names_that_leave_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    source = write_any(tmp_path / kind, {"good": b"1", name: b"2"})
    with pytest.raises(UserError, match="name '") as caught:
        unpack(source, tmp_path / "deep/out")
    assert str(caught.value).isprintable()
    assert set(files_of(tmp_path)) <= {kind, "deep/out/good"}
    if kind == "a.zip":
        assert not (tmp_path / "deep").exists()  # names are looked at before anything is written


def test_names_that_are_no_utf8_are_refused(tmp_path: Path) -> None:
    data = tar_bytes({"caf-.png": b"1"})
    header = bytearray(data[:512])
    header[3] = 0xE9
    header[148:156] = b"        "
    header[148:155] = f"{sum(header):06o}\0".encode()
    (tmp_path / "a.tar").write_bytes(bytes(header) + data[512:])
    with pytest.raises(UserError, match="not UTF-8"):
        unpack(tmp_path / "a.tar", tmp_path / "out")


def special(kind: bytes, name: str = "link", target: str = "/etc/passwd") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    source = write_tar(tmp_path / "a.tar", {"good": b"1"}, [special(kind)])
    with pytest.raises(UserError, match="'link' is a link, a device or a pipe"):
        unpack(source, tmp_path / "out")
    assert files_of(tmp_path / "out") == {"good": b"1"}


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        member = zipfile.ZipInfo("link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc")
    with pytest.raises(UserError, match="'link' is a link"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_link_in_the_folder_is_not_followed_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "out/images").symlink_to(tmp_path / "outside")
    for kind in ("a.zip", "a.tar"):
        with pytest.raises(UserError, match="leads through a link"):
            unpack(write_any(tmp_path / kind, {"images/x": b"1"}), tmp_path / "out")
    assert not list((tmp_path / "outside").iterdir())


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for data in (b"1", b"2"):
            member = tarfile.TarInfo("f")
            member.size = 1
            archive.addfile(member, io.BytesIO(data))
    (tmp_path / "a.tar").write_bytes(stream.getvalue())
    with pytest.raises(UserError, match="'f' is in the archive twice"):
        unpack(tmp_path / "a.tar", tmp_path / "out")


def test_folders_are_named_as_tar_does(tmp_path: Path) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/f").write_bytes(b"1")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "in", arcname=".")
    assert unpack(tmp_path / "a.tar", tmp_path / "out") == [tmp_path / "out/sub/f"]


def giant_tar(name: str = "f", size: int = 2**50) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


def long_name_tar() -> bytes:
    """A header that says: the next name has 64 MiB."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 26
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 26)


def zeros_after_the_end() -> bytes:
    return tar_bytes({"f": b"1"}) + bytes(archive_module.LONGEST_END + (1 << 20))


@pytest.mark.parametrize(
    ("make", "word"),
    [(giant_tar, "takes more than"), (long_name_tar, "a header of"), (zeros_after_the_end, "bytes follow")],
)
@pytest.mark.parametrize("kind", ["a.tar", "a.tar.gz"])
def test_bombs_in_a_tar_are_refused(tmp_path: Path, make: Callable[[], bytes], word: str, kind: str) -> None:
    data = make()
    (tmp_path / kind).write_bytes(gzip.compress(data, 1) if kind.endswith("gz") else data)
    with pytest.raises(UserError, match=word):
        unpack(tmp_path / kind, tmp_path / "out")


@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
def test_sizes_are_limited_before_anything_is_written(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_any(tmp_path / kind, {"zeros": bytes(10**6)})
    assert source.stat().st_size < 20_000
    with pytest.raises(UserError, match="takes more than 900000 bytes"):
        unpack(source, tmp_path / "out", largest=900_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=10**6 - 1))
    with pytest.raises(UserError, match="1000000 bytes are to be written, the disk has 999999"):
        unpack(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=10**6))
    unpack(source, tmp_path / "out", largest=10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=0))
    unpack(source, tmp_path / "out")  # all is there: nothing more is needed


def test_a_zip_that_understates_its_sizes_is_damaged(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a.zip", {"zeros": bytes(10**6)})
    data = source.read_bytes().replace((10**6).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    source.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        unpack(source, tmp_path / "out")
    assert files_of(tmp_path / "out") == {}


def test_too_many_members_and_other_methods_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "MOST_MEMBERS", 2)
    with pytest.raises(UserError, match="more than 2 files"):
        unpack(write_tar(tmp_path / "a.tar", CONTENT), tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("f", b"1")
    with pytest.raises(UserError, match="method 12"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.zip: no such file"):
        unpack(tmp_path / "none.zip", tmp_path / "out")
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    with pytest.raises(UserError, match="unknown kind"):
        unpack(tmp_path / "a.rar", tmp_path / "out")
    with pytest.raises(UserError, match="no archive is given"):
        unpack([], tmp_path / "out")
