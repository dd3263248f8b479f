"""Small WebP files of frames, made when the page is written, and their markup.

Every container (a folder of predictions, a film, an exhibit) is opened once for all thumbnails that are asked
of it. A picture that turns out damaged becomes a hatched thumbnail that says so: a report never fails on a
picture.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path

import numpy as np

from iper_bench.atomic import write_bytes
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.report.frame_index import Box, Container, FrameIndex, Missing, Picture, Shown
from iper_bench.report.grid import hatched
from iper_bench.report.panel import Asset
from iper_bench.store.pictures import Images

SIDE = 192  # pixels, longest side of a thumbnail
QUALITY = 80  # of 100: no visible difference at this size, about 5 KB
_EFFORT = 2  # of 0..6: twice as fast as the default for 3 % more bytes
DISPLAYED = 128  # CSS pixels, longest side on the page

SIDES = (
    64,
    96,
    128,
)  # that a hatched field may have; a style sheet, because pages may forbid styles in place

STYLE = """
.shot { display: block; object-fit: contain; background: var(--band); border-radius: 3px; max-width: none; }
.shot.small { image-rendering: pixelated; }
.hatched { display: flex; align-items: center; justify-content: center; box-sizing: border-box;
  padding: 0.3rem; border-radius: 3px; overflow: hidden; overflow-wrap: anywhere; white-space: normal;
  text-align: center; font-size: 0.72rem; line-height: 1.3; color: var(--soft);
  background: repeating-linear-gradient(45deg, var(--band) 0 7px, var(--rule) 7px 8px); }
.hatched span { background: var(--band); padding: 0 0.2rem; }
.side-64 { width: 64px; height: 64px; font-size: 0.6rem; }
.side-96 { width: 96px; height: 96px; font-size: 0.65rem; }
.side-128 { width: 128px; height: 128px; }
.shots { display: flex; flex-wrap: wrap; gap: 0.35rem; margin: 0.3rem 0; }
.shots figure { margin: 0; }
.shots figcaption { margin: 0.1rem 0 0; font-size: 0.72rem; line-height: 1.3; color: var(--soft);
  max-width: 8rem; overflow-wrap: anywhere; }
"""


class Thumbnails:
    """The thumbnails of one panel."""

    def __init__(self, index: FrameIndex) -> None:
        self.index = index
        self._asked: dict[Container, dict[Picture, str]] = {}
        self._ready: dict[Picture, bytes] = {}

    def name(self, picture: Picture) -> str:
        """File of a picture below the report's folder, which is made when the page is written. The same
        picture has the same name in every panel.
        """
        asked = self._asked.setdefault(picture.container, {})
        if picture not in asked:
            place = picture.container
            words = [place.run, place.kind, place.owner, place.film, picture.number, list(picture.crop or ())]
            asked[picture] = f"thumbs/{content_hash(words)}.webp"
        return asked[picture]

    def size(self, picture: Picture, side: int = DISPLAYED) -> tuple[int, int]:
        """Width and height on the page, CSS pixels, with ``side`` the longer one."""
        width, height = self._natural(picture)
        scale = side / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def small(self, picture: Picture, side: int = DISPLAYED) -> bool:
        """Whether the page enlarges the picture; its pixels are then shown as they are."""
        return max(self._natural(picture)) < side

    def _natural(self, picture: Picture) -> tuple[int, int]:
        width, height = self.index.size(picture)
        if picture.crop is not None:
            top, left, bottom, right = picture.crop
            width, height = round(width * (right - left)), round(height * (bottom - top))
        return max(1, width), max(1, height)

    def html(self, shown: Shown, words: str, side: int = DISPLAYED) -> str:
        """Markup of a picture, or a hatched field with the reason. ``words``: what it shows, for those who
        cannot see it.
        """
        if isinstance(shown, Missing):
            return hatched_html(shown.reason, words, side)
        width, height = self.size(shown, side)
        small = " small" if self.small(shown, side) else ""
        return (
            f'<img class="shot{small}" loading="lazy" decoding="async" width="{width}" height="{height}" '
            f'src="{self.name(shown)}" alt="{escape(words)}">'
        )

    def assets(self) -> tuple[Asset, ...]:
        """The files, container by container, so that each is opened once."""
        return tuple(
            Asset(name, partial(self._write, picture))
            for _, asked in sorted(self._asked.items())
            for picture, name in sorted(asked.items(), key=lambda item: item[1])
        )

    def _write(self, picture: Picture, path: Path) -> None:
        if picture not in self._ready:
            self._make(picture.container)
        write_bytes(path, self._ready.pop(picture))

    def _make(self, container: Container) -> None:
        asked = sorted(self._asked[container], key=lambda picture: picture.number)
        numbers = sorted({picture.number for picture in asked})
        frames = read_each(self.index, container, numbers)
        for picture in asked:
            self._ready[picture] = encode(cropped(frames[picture.number], picture.crop))


def read_each(index: FrameIndex, container: Container, numbers: Sequence[int]) -> dict[int, Images]:
    """Frames (H, W, 3) uint8 by number; a damaged one is a hatched picture of the frame's size that names the
    damage.
    """
    try:
        return dict(zip(numbers, index.read(container, numbers), strict=True))
    except UserError as error:
        if len(numbers) == 1:
            width, height = index.size(Picture(container, numbers[0]))
            scale = max(1, -(-SIDE // max(width, height)))  # letters need pixels
            return {numbers[0]: hatched(width * scale, height * scale, error.what)}
    return {number: read_each(index, container, [number])[number] for number in numbers}


def cropped(image: Images, crop: Box | None) -> Images:
    """The part of (H, W, 3) that ``crop`` names, at least one pixel."""
    if crop is None:
        return image
    height, width = image.shape[:2]
    top, left = min(height - 1, int(crop[0] * height)), min(width - 1, int(crop[1] * width))
    bottom, right = max(top + 1, round(crop[2] * height)), max(left + 1, round(crop[3] * width))
    return np.ascontiguousarray(image[top:bottom, left:right])


def encode(image: Images, side: int = SIDE) -> bytes:
    """(H, W, 3) uint8 RGB as WebP, made smaller so that its longest side is at most ``side`` pixels."""
    from PIL import Image

    picture = Image.fromarray(image)
    if max(picture.size) > side:
        scale = side / max(picture.size)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=QUALITY, method=_EFFORT)
    return buffer.getvalue()


def hatched_html(reason: str, words: str, side: int = DISPLAYED) -> str:
    """A hatched field that says why there is no picture of ``words``. ``side``: 64, 96 or 128, for which
    :data:`STYLE` has classes, because a page may forbid styles in place.
    """
    opening = f'<div class="hatched side-{side}" role="img" aria-label="{escape(f"{words}: {reason}")}">'
    return f"{opening}<span>{escape(reason)}</span></div>"


def figure_html(picture: str, caption: str) -> str:
    """A picture's markup with a line of text below, which is escaped here."""
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"
