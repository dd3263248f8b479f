"""Damage of pictures and videos: seen by the header or by decoding, told and never raised."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from iper_bench.data.image_io import MOST_PIXELS, encode_png
from iper_bench.data.verify.deep_decode import PICTURES, Piece, decode_all, picture_pieces
from iper_bench.data.verify.pictures import decode_pictures, empty_files, picture_header, video_fault


def _noise(seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)


def _jpeg(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(_noise(seed)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def _video(path: Path, frames: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for seed in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_noise(seed), format="rgb24")))
        container.mux(stream.encode(None))


def test_whole_pictures_have_a_size_and_no_fault(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(encode_png(_noise(0)[:20]))
    (tmp_path / "1.jpg").write_bytes(encode_png(_noise(1)))  # PNG data under .jpg, as iPER has it
    (tmp_path / "2.jpg").write_bytes(_jpeg(2))
    seen = decode_pictures(tmp_path, ["0.png", "1.jpg", "2.jpg"])
    assert [(one.name, one.size, one.fault) for one in seen] == [
        ("0.png", (20, 32), ""),
        ("1.jpg", (32, 32), ""),
        ("2.jpg", (32, 32), ""),
    ]
    assert [picture_header(tmp_path / one.name) for one in seen] == seen


@pytest.mark.parametrize("content", [_jpeg(0), encode_png(_noise(0))], ids=["jpeg", "png"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_cut_pictures_are_seen_by_decoding_only(tmp_path: Path, content: bytes, kept: float) -> None:
    (tmp_path / "0").write_bytes(content[: int(len(content) * kept)])
    assert picture_header(tmp_path / "0").fault == ""
    (seen,) = decode_pictures(tmp_path, ["0"])
    assert seen.size is None
    assert seen.fault


@pytest.mark.parametrize("content", [b"", b"<html>", encode_png(_noise(0))[:12]])
def test_headers_that_are_none_are_seen_at_once(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0.png").write_bytes(content)
    assert picture_header(tmp_path / "0.png").fault


@pytest.mark.parametrize("side", [9_000, 10_000, 100_000])  # above our limit, and Pillow's two
def test_sizes_that_would_not_be_decoded_are_seen_at_once(
    tmp_path: Path, side: int, recwarn: pytest.WarningsRecorder
) -> None:
    content = bytearray(encode_png(_noise(0)))
    content[16:24] = side.to_bytes(4, "big") * 2  # of IHDR
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "0.png").write_bytes(content)
    seen = picture_header(tmp_path / "0.png")
    assert seen.size is None
    assert str(MOST_PIXELS) in seen.fault
    assert not recwarn.list


def test_empty_files_are_found_without_opening_them(tmp_path: Path) -> None:
    for name, content in {"0.png": b"x", "1.png": b"", "2.png": b"", "other": b""}.items():
        (tmp_path / name).write_bytes(content)
    assert empty_files(tmp_path, ["2.png", "0.png", "1.png"]) == ["2.png", "1.png"]


def test_a_whole_video_has_no_fault_and_a_cut_one_has(tmp_path: Path) -> None:
    path = tmp_path / "v.avi"
    _video(path, 6)
    assert video_fault(path, deep=True) == video_fault(path, deep=False) == ""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert video_fault(path, deep=True)
    path.write_bytes(b"")
    assert video_fault(path, deep=False)


@pytest.mark.parametrize("jobs", [1, 2])
def test_pieces_come_back_whole_and_in_order(tmp_path: Path, jobs: int) -> None:
    names = [f"{number:03d}.png" for number in range(PICTURES + 3)]
    for name in names:
        (tmp_path / name).write_bytes(encode_png(_noise(0, 8)))
    (tmp_path / names[PICTURES]).write_bytes(b"")
    pieces = [*picture_pieces("c", tmp_path, names), Piece("d", tmp_path / "none.mp4")]
    results = list(decode_all(iter(pieces), jobs))
    assert [piece for piece, _ in results] == pieces
    seen = [one for _, part in results for one in part]
    assert [one.name for one in seen] == [*names, "none.mp4"]
    assert [one.name for one in seen if one.fault] == [names[PICTURES], "none.mp4"]


def test_less_than_one_process_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 processes"):
        list(decode_all([], 0))
