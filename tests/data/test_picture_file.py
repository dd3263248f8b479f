"""Picture files that people hand in: exact where they can be used, refused with the reason where not."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pil

from iper_bench.data.frame_name import frame_ids, printable
from iper_bench.data.image_io import MOST_PIXELS, encode_png
from iper_bench.data.picture_file import FrameError, read_picture_file
from iper_bench.data.video_io import read_image
from iper_bench.errors import UserError

SIDE = (20, 30)


def colours() -> np.ndarray:
    rng = np.random.default_rng(0)
    return cv2.GaussianBlur(rng.integers(0, 256, (*SIDE, 3), dtype=np.uint8), (0, 0), 1)


def saved(path: Path, image: np.ndarray, mode: str | None = None, **options: object) -> Path:
    picture = Pil.fromarray(image)
    (picture if mode is None else picture.convert(mode)).save(path, **options)
    return path


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    """A whole PNG of a few bytes that says it is larger."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.jpg", "a.webp"])
def test_rgb_pixels_are_those_of_opencv(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, colours())
    picture = read_picture_file(path)
    assert np.array_equal(picture.image, read_image(path))
    assert picture.image.dtype == np.uint8
    assert picture.notes == ()
    assert picture.lossy == (name in ("a.jpg", "a.webp"))
    if not picture.lossy:
        assert np.array_equal(picture.image, colours())


def test_lossless_webp_is_not_lossy(tmp_path: Path) -> None:
    picture = read_picture_file(saved(tmp_path / "a.webp", colours(), lossless=True))
    assert not picture.lossy
    assert np.array_equal(picture.image, colours())


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_exif_turns_are_those_of_opencv(tmp_path: Path, turn: int, name: str) -> None:
    exif = Pil.Exif()
    exif[0x0112] = turn
    path = saved(tmp_path / name, colours(), exif=exif)
    picture = read_picture_file(path)
    assert picture.image.shape[:2] == (SIDE if turn < 5 else SIDE[::-1])
    assert np.array_equal(picture.image, read_image(path))
    assert bool(picture.notes) == (turn != 1)


def test_palette_becomes_rgb_exactly(tmp_path: Path) -> None:
    few = np.repeat(np.repeat(colours()[:5, :5], 4, axis=0), 6, axis=1)
    path = tmp_path / "a.png"
    Pil.fromarray(few).quantize(25, dither=Pil.Dither.NONE, method=Pil.Quantize.FASTOCTREE).save(path)
    with Pil.open(path) as opened:
        assert opened.mode == "P"
        palette = np.array(opened.getpalette("RGB")).reshape(-1, 3)
        expected = palette[np.array(opened)]
    assert np.array_equal(read_picture_file(path).image, expected)


def test_grey_is_repeated_with_a_note(tmp_path: Path) -> None:
    grey = colours()[..., 0]
    picture = read_picture_file(saved(tmp_path / "a.png", grey))
    assert np.array_equal(picture.image, np.stack([grey] * 3, -1))
    assert "grey" in picture.notes[0]


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    bits = np.zeros((8, 8), np.uint8)
    bits[::2] = 255
    picture = read_picture_file(saved(tmp_path / "a.png", bits, "1"))
    assert np.array_equal(picture.image[..., 1], bits)


@pytest.mark.parametrize("levels", [1, 3])
def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path: Path, levels: int) -> None:
    colour = colours()[..., :levels]
    alpha = np.full((*SIDE, 1), 255, np.uint8)
    opaque = read_picture_file(saved(tmp_path / "a.png", np.concatenate([colour, alpha], -1)))
    assert np.array_equal(opaque.image, np.broadcast_to(colour, (*SIDE, 3)))
    assert "opaque alpha channel dropped" in opaque.notes
    alpha[3, 4] = 254
    with pytest.raises(FrameError, match="transparent"):
        read_picture_file(saved(tmp_path / "b.png", np.concatenate([colour, alpha], -1)))


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_transparent_palette_and_colour_key_are_refused(tmp_path: Path, mode: str) -> None:
    picture = Pil.fromarray(colours()).convert(mode)
    picture.save(tmp_path / "a.png", transparency=picture.getpixel((0, 0)))
    with pytest.raises(FrameError, match="transparent"):
        read_picture_file(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_refused_and_not_scaled(tmp_path: Path, name: str, channels: int) -> None:
    image = colours().astype(np.uint16) * 257
    path = tmp_path / name
    assert cv2.imwrite(str(path), image if channels == 3 else image[..., 0])
    with pytest.raises(FrameError, match="16 bits per channel; expected 8-bit"):
        read_picture_file(path)


def test_float_tiff_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="expected 8-bit"):
        read_picture_file(saved(tmp_path / "a.tif", colours()[..., 0].astype(np.float32)))


def test_cmyk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="CMYK; expected RGB"):
        read_picture_file(saved(tmp_path / "a.jpg", colours(), "CMYK"))


def test_several_pictures_in_one_file_are_refused(tmp_path: Path) -> None:
    more = [Pil.fromarray(255 - colours())]
    for name in ("a.png", "a.tif", "a.webp"):
        Pil.fromarray(colours()).save(tmp_path / name, save_all=True, append_images=more)
        with pytest.raises(FrameError, match="several pictures"):
            read_picture_file(tmp_path / name)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_files_are_refused(tmp_path: Path, suffix: str, share: float) -> None:
    rng = np.random.default_rng(1)
    path = saved(tmp_path / f"a{suffix}", rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FrameError) as caught:
        read_picture_file(path)
    assert str(path) in str(caught.value)
    assert caught.value.reason


def test_png_without_its_end_and_with_a_turned_bit_is_refused(tmp_path: Path) -> None:
    whole = encode_png(colours())
    place = whole.index(b"IDAT") + 60
    turned = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    for number, content in enumerate((whole[:-12], whole[:-1], turned)):
        path = tmp_path / f"{number}.png"
        path.write_bytes(content)
        with pytest.raises(FrameError):
            read_picture_file(path)


def test_what_is_no_picture_file(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "ring.png").symlink_to(tmp_path / "ring.png")
    for name, reason in {
        "empty": "an empty file",
        "text": "not a picture",
        "folder": "a folder where a picture was expected",
        "pipe": "not a regular file",
        "absent": "No such file",
        "ring": "cannot be read whole",
    }.items():
        with pytest.raises(FrameError, match=reason):
            read_picture_file(tmp_path / f"{name}.png")


@pytest.mark.parametrize(("width", "height"), [(1 << 14, 1 << 13), (30000, 30000), (2**31 - 1, 2**31 - 1)])
def test_absurd_sizes_are_refused_before_memory_is_asked_for(tmp_path: Path, width: int, height: int) -> None:
    import resource

    path = tmp_path / "a.png"
    path.write_bytes(png_header(width, height))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FrameError, match=f"{MOST_PIXELS}"):
        read_picture_file(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10  # KiB


@pytest.mark.parametrize("kind", [b"VP8 ", b"VP8L", b"VP8X"])
def test_absurd_webp_is_refused_by_its_header(tmp_path: Path, kind: bytes) -> None:
    side = 0x3FFF
    header = {
        b"VP8 ": b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", side, side),
        b"VP8L": b"\x2f" + struct.pack("<I", (side - 1) | (side - 1) << 14) + bytes(5),
        b"VP8X": bytes(4) + 2 * (side - 1).to_bytes(3, "little"),
    }[kind]
    body = b"WEBP" + kind + struct.pack("<I", len(header)) + header
    path = tmp_path / "a.webp"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with pytest.raises(FrameError, match=f"{side} x {side} pixels"):
        read_picture_file(path)


def test_jpeg_under_the_name_of_a_png_is_found_out(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Pil.fromarray(colours()).save(stream, "JPEG")
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    picture = read_picture_file(tmp_path / "a.png")
    assert picture.lossy
    assert picture.notes == ("holds JPEG data under the ending '.png'",)


def test_links_stay_in_their_folder(tmp_path: Path) -> None:
    outside = saved(tmp_path / "outside.png", colours())
    root = tmp_path / "root"
    root.mkdir()
    inside = saved(root / "inside.png", colours())
    (root / "good.png").symlink_to(inside)
    (root / "bad.png").symlink_to(outside)
    assert np.array_equal(read_picture_file(root / "good.png", root).image, colours())
    with pytest.raises(FrameError, match="out of the folder"):
        read_picture_file(root / "bad.png", root)


def test_a_frame_error_is_one_line_for_users(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_picture_file(tmp_path / "absent\n.png")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("stems", "ids"),
    [
        (["000012", "13"], [12, 13]),
        (["frame_12", "frame_13"], [12, 13]),
        (["take2_0001", "take2_0002", "take2_0010"], [1, 2, 10]),
        (["0001_512x512", "0002_512x512"], [1, 2]),
        (["a1b2", "a3b4"], ["a1b2", "a3b4"]),
        (["take2_0001"], ["take2_0001"]),
        (["cover", "0001"], ["cover", 1]),
        (["1", "01"], [1, 1]),
        (["٣"], ["٣"]),  # a digit, but not of a frame number
        ([], []),
    ],
)
def test_ids_of_names(stems: list[str], ids: list[int | str]) -> None:
    assert frame_ids(stems) == ids


def test_printable_names() -> None:
    assert printable("actor003/outfit1 é") == "actor003/outfit1 é"
    assert printable(os.fsdecode(b"a\xff.png")) == "a\\xff.png"
    assert printable("a\x1b[31m\n") == "a\\x1b[31m\\n"
    assert len(printable("x" * 5000)) < 300
    printable(os.fsdecode(bytes(range(1, 256)))).encode("utf-8")
