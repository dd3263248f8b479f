"""``read_picture_file``: one picture file that somebody else wrote, decoded strictly or refused with the
reason.

:func:`iper_bench.data.video_io.read_image` takes whatever OpenCV makes of a file, which is right for
photographs that are looked at. Frames that are measured must not be guessed: 16 bits are not scaled,
transparency is not dropped, half a file is no picture. Pillow decodes, because it says when a file is cut;
the pixels of 8-bit RGB files are OpenCV's (tests/data/test_picture_file.py).
"""

from __future__ import annotations

import io
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageOps, UnidentifiedImageError

from iper_bench.data.frame_name import printable
from iper_bench.data.image_io import MOST_PIXELS, Image
from iper_bench.errors import UserError

MOST_BYTES = 1 << 28  # of a file: more than any uncompressed picture of MOST_PIXELS holds
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")

_PNG_END = b"IEND\xaeB`\x82"  # the last chunk and its checksum (PNG specification, 11.2.5)
_PNG_DEPTH = 24  # byte of IHDR that holds the bits per sample (PNG specification, 11.2.2)
_TIFF_BITS, _TIFF_COMPRESSION = 258, ("jpeg", "tiff_jpeg", "webp")  # TIFF 6.0, section 8
_EXIF_ORIENTATION = 0x0112
_GREY, _COLOUR = ("1", "L"), ("RGB",)
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "MPO": (".jpg", ".jpeg"), "TIFF": (".tif", ".tiff")}


class FrameError(UserError):
    """One frame cannot be used; the others are not concerned. ``reason`` says why."""

    @property
    def reason(self) -> str:
        """What is wrong with the frame, in words, without its name."""
        return self.what


@dataclass(frozen=True)
class Picture:
    """A decoded frame.

    Attributes
    ----------
    image: (H, W, 3) uint8 RGB.
    notes: what was done to get there other than decoding, in words.
    lossy: whether the file was compressed with loss, by its content and not its name.
    """

    image: Image
    notes: tuple[str, ...] = ()
    lossy: bool = False


def read_picture_file(path: Path, root: Path | None = None) -> Picture:
    """Decode a PNG, JPEG, BMP, TIFF or WebP file of 8 bits per channel.

    Parameters
    ----------
    root: the folder that links may not leave; ``None`` checks nothing.

    Grey and palette pictures become RGB exactly, an alpha channel is dropped when every pixel is opaque, EXIF
    turns are applied as OpenCV does, colour profiles are ignored as OpenCV does.

    Raises
    ------
    FrameError for everything else: no regular file, a link out of ``root``, empty, cut or damaged, 16 bits,
    transparency, CMYK and other colour spaces, several pictures in one file, more than ``MOST_PIXELS``.
    """
    with _explained(path):
        content = _content(path, root)
        _refuse_absurd_webp(content, path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Pil.DecompressionBombWarning)
            with Pil.open(io.BytesIO(content), formats=FORMATS) as opened:
                _refuse(opened, content, path)
                opened.load()
                return _as_rgb(opened, content, path)


def is_inside(path: Path, root: Path) -> bool:
    """Whether ``path``, links followed, lies in ``root``; a ring of links lies nowhere."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever Pillow's readers raise on damaged files, which is nearly anything, into FrameError."""
    where = printable(str(path))
    try:
        yield
    except FrameError:
        raise
    except (Pil.DecompressionBombError, Pil.DecompressionBombWarning) as error:
        raise FrameError(f"more than {MOST_PIXELS} pixels", where=where) from error
    except UnidentifiedImageError as error:
        raise FrameError(f"not a picture ({', '.join(FORMATS)})", where=where) from error
    except MemoryError as error:
        raise FrameError("does not fit in memory", where=where) from error
    except Exception as error:
        detail = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise FrameError(f"cannot be read whole: {printable(str(detail))}", where=where) from error


def _content(path: Path, root: Path | None) -> bytes:
    where = printable(str(path))
    if root is not None and not is_inside(path, root):
        raise FrameError("a link that leads out of the folder", where=where)
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise FrameError("a folder where a picture was expected", where=where)
    if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait for ever
        raise FrameError("not a regular file", where=where)
    if not found.st_size:
        raise FrameError("an empty file", where=where)
    if found.st_size > MOST_BYTES:
        raise FrameError(f"a file of {found.st_size} bytes; at most {MOST_BYTES}", where=where)
    return path.read_bytes()


def _refuse(opened: Pil.Image, content: bytes, path: Path) -> None:
    """Refuse by the header what must not be decoded. Raises FrameError."""
    where = printable(str(path))
    width, height = opened.size
    _refuse_absurd(width, height, where)
    if opened.format == "PNG" and _PNG_END not in content:
        raise FrameError("cut: the end of the PNG file is missing", where=where)
    bits = _bits(opened, content)
    if bits > 8:
        raise FrameError(f"{bits} bits per channel; expected 8-bit", where=where)
    if opened.format in ("PNG", "WEBP", "TIFF") and getattr(opened, "n_frames", 1) > 1:
        raise FrameError("several pictures in one file; expected one", where=where)
    if opened.mode == "CMYK":
        raise FrameError("CMYK; expected RGB, because its conversion depends on the printer", where=where)
    if opened.mode not in (*_GREY, *_COLOUR, *_ALPHA, "P"):
        raise FrameError(f"colours as '{opened.mode}'; expected 8-bit RGB", where=where)


def _bits(opened: Pil.Image, content: bytes) -> int:
    """Bits per sample as the file says: Pillow would scale 16-bit RGB to 8 without a word."""
    if opened.format == "PNG":
        return content[_PNG_DEPTH]
    tags = getattr(opened, "tag_v2", None)
    if opened.format == "TIFF" and tags is not None:
        bits = tags.get(_TIFF_BITS, (1,))
        return max(bits) if isinstance(bits, tuple) else int(bits)
    return 16 if opened.mode.startswith("I") else 8


def _as_rgb(opened: Pil.Image, content: bytes, path: Path) -> Picture:
    notes = []
    if opened.getexif().get(_EXIF_ORIENTATION, 1) not in (0, 1):
        notes.append("turned as its EXIF data say")
    turned = ImageOps.exif_transpose(opened) or opened
    grey = turned.mode in (*_GREY, "LA", "La")
    if turned.mode in _ALPHA or "transparency" in turned.info:
        turned = turned.convert("RGBA")
        lowest = turned.getchannel("A").getextrema()[0]
        if not isinstance(lowest, int | float) or lowest < 255:
            raise FrameError("transparent pixels; expected an opaque picture", where=printable(str(path)))
        notes.append("opaque alpha channel dropped")
    if grey:
        notes.append("grey: its level stands in all three channels")
    form = opened.format or ""
    if path.suffix.lower() not in _SUFFIXES.get(form, (f".{form.lower()}",)):
        notes.append(f"holds {form} data under the ending '{printable(path.suffix)}'")
    image = np.array(turned.convert("RGB"), dtype=np.uint8)
    return Picture(image, tuple(notes), _is_lossy(opened, content))


def _is_lossy(opened: Pil.Image, content: bytes) -> bool:
    if opened.format == "WEBP":
        return b"VP8L" not in content
    return opened.format in ("JPEG", "MPO") or opened.info.get("compression") in _TIFF_COMPRESSION


def _refuse_absurd(width: int, height: int, where: str) -> None:
    if width * height > MOST_PIXELS:
        raise FrameError(f"{width} x {height} pixels; at most {MOST_PIXELS} in all", where=where)


def _refuse_absurd_webp(content: bytes, path: Path) -> None:
    """Refuse a WebP by its header: its reader asks for the memory before it says the size.

    WebP container specification: 14 bits a side in the simple formats, 24 bits in the extended one.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return
    kind, header = content[12:16], content[20:30]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(header[at : at + 3], "little") for at in (4, 7))
    elif kind == b"VP8L":
        both = int.from_bytes(header[1:5], "little")
        width, height = 1 + (both & 0x3FFF), 1 + (both >> 14 & 0x3FFF)
    else:
        width, height = (int.from_bytes(header[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    _refuse_absurd(width, height, printable(str(path)))
