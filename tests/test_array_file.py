"""Array files of strangers: what numpy wrote is read, and nothing asks for more memory than it has bytes."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from iper_bench import array_file
from iper_bench.array_file import ALONE, npy_array, npz_arrays, read_arrays
from iper_bench.errors import UserError

ARRAYS = {
    "c": np.arange(24.0).reshape(2, 3, 4),
    "f": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "big": np.arange(3, dtype=">f4"),
    "none": np.empty((0, 3), np.float32),
    "text": np.array("open-coarse"),
    "scalar": np.float64(2.5),
}


def stored(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def claiming(shape: str, *, objects: bool = False) -> bytes:
    """A ``.npy`` of 64 bytes that says to be larger."""
    kind = "|O" if objects else "<f8"
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + b"\0" * 64


def packed(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


@pytest.mark.parametrize("name", ARRAYS)
def test_agrees_with_numpy(name: str) -> None:
    found = npy_array(stored(ARRAYS[name]))
    np.testing.assert_array_equal(found, ARRAYS[name])
    assert found.dtype == np.asarray(ARRAYS[name]).dtype
    assert found.flags.writeable


def test_only_what_was_asked_for_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(packed(a=stored([1, 2]), b=b"no array"))
    found, others = npz_arrays((tmp_path / "a.npz").read_bytes(), ("a", "c"), largest=10_000)
    assert (list(found), others) == (["a"], ["b"])
    read = read_arrays(tmp_path / "a.npz", ("a", "c"), what="bad", expected="good")
    assert read["a"].tolist() == [1, 2]
    np.save(tmp_path / "b.npy", [3])
    assert read_arrays(tmp_path / "b.npy", ("a",), what="bad", expected="good")[ALONE].tolist() == [3]


@pytest.mark.parametrize(
    "shape", ["(1000000000000, 3)", "(9,)", "(-1, -8)", "(7,)", "(1208925819614629174706176,)"]
)
def test_announced_shapes_are_compared_with_the_bytes(shape: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        npy_array(claiming(shape))


def test_what_is_no_plain_array() -> None:
    for content in (
        b"",
        b"\x93NUMPY",
        claiming("(8,)")[:40],
        claiming("(8,)", objects=True),
        b"\x93NUMPY\x09",
    ):
        with pytest.raises(ValueError, match=r"\w"):
            npy_array(content)
    for archive in (b"", b"PK\x03\x04", packed(a=stored([1.0]))[:-30], packed(a=claiming("(9,)"))):
        with pytest.raises(ValueError, match=r"\w"):
            npz_arrays(archive, ("a",), largest=10_000)


def test_a_bomb_is_refused_by_what_it_announces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.npz"
    path.write_bytes(packed(other=b"\0" * 4_000_000, a=stored([1.0])))
    assert path.stat().st_size < 10_000
    assert read_arrays(path, ("a",), what="bad", expected="good")["a"].tolist() == [1.0]
    monkeypatch.setattr(array_file, "LARGEST", 1_000_000)
    with pytest.raises(UserError, match=r"bomb\.npz: bad; expected good"):
        read_arrays(path, ("a",), what="bad", expected="good")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    for name, reason in (("pipe.npz", "not a regular file"), ("no.npz", "No such file")):
        with pytest.raises(UserError, match=rf"{name}: .*{reason}.*; expected good"):
            read_arrays(tmp_path / name, ("a",), what="bad", expected="good")
