"""Clean backgrounds for the background stream: the images of a folder, cropped and mirrored at random, or
procedural rooms.

From: iPERCore's training with Places2: RandomResizedCrop(S, scale 0.75 to 1.1) and a random horizontal flip.
Agrees with: torchvision's RandomResizedCrop in the rule that draws the box (share of the area, aspect ratio
    between 3/4 and 4/3, ten attempts, else the largest central box) and in the pixels of a box.
Differs: the random numbers are numpy's, from a generator that the caller gives, so that a draw is a function
    of (seed, step) alone.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from iper_bench.data.clip import Images
from iper_bench.data.synthetic.background import draw_room
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.progress import track

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
SCALE = (0.75, 1.1)  # share of the image's area (iPERCore)
RATIO = (3 / 4, 4 / 3)  # width over height of the box (torchvision's default)
ATTEMPTS = 10  # torchvision's
#: clean rooms drawn once; the background stream overfits a few hundred within minutes
BACKGROUND_POOL = 2000
DAMAGED_IN_A_ROW = 20  # images that cannot be decoded, before the folder is given up

Box = tuple[int, int, int, int]
_UNREADABLE = (
    OSError,
    SyntaxError,  # Pillow's for broken PNG chunks
    ValueError,
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class BackgroundFolder:
    """A source of clean backgrounds: all images below a folder, every one equally likely.

    Calling it with a random generator returns one (size, size, 3) uint8 RGB background. An image whose header
    is sound but whose content is damaged is named on standard error, and the next draw takes its place.

    Parameters
    ----------
    folder: searched with its sub-folders, links to folders are not followed; files by :data:`SUFFIXES`.
    size: side of the backgrounds in pixels.

    Attributes
    ----------
    fingerprint: hash of the relative names and file sizes.

    Raises
    ------
    UserError for a folder that is missing or holds no image, and for an image that is no image or has a side
    under half of ``size``.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._size = size
        self._names = _image_names(folder)
        sizes = []
        for name in track(self._names, "checking backgrounds"):
            self._check_header(folder / name)
            sizes.append((folder / name).stat().st_size)
        self.fingerprint = content_hash([list(pair) for pair in zip(self._names, sizes, strict=True)])
        self._told: set[str] = set()

    def __len__(self) -> int:
        return len(self._names)

    def __call__(self, rng: np.random.Generator) -> Images:
        """Draw one background. Raises UserError when one image after the other is damaged."""
        for _ in range(DAMAGED_IN_A_ROW):
            name = self._names[int(rng.integers(len(self._names)))]
            try:
                image = _decode(self._folder / name)
            except _UNREADABLE as error:
                self._tell(name, error)
                continue
            return augmented(image, rng, self._size)
        raise UserError(
            f"{DAMAGED_IN_A_ROW} damaged images in a row (the last: {name})",
            where=str(self._folder),
            expected="images that can be decoded",
        )

    def _check_header(self, path: Path) -> None:
        try:
            with _strict(), Image.open(path) as image:
                width, height = image.size
        except _UNREADABLE as error:
            raise UserError(
                "is no image that can be read",
                where=str(path),
                expected=f"an image file ({', '.join(SUFFIXES)})",
                hint="remove it from the folder",
            ) from error
        least = max(1, self._size // 2)
        if min(width, height) < least:
            raise UserError(
                f"is {width}x{height} px, too small for backgrounds of {self._size} px",
                where=str(path),
                expected=f"sides of at least {least} px",
                hint="remove it from the folder",
            )

    def _tell(self, name: str, error: BaseException) -> None:
        if name not in self._told:
            self._told.add(name)
            reason = " ".join(str(error).split())
            sys.stderr.write(f"warning: {self._folder / name}: damaged image, passed over: {reason}\n")


def background_pool(size: int, seed: int) -> Callable[[np.random.Generator], Images]:
    """A source of (size, size, 3) uint8 rooms without an image folder: one of :data:`BACKGROUND_POOL`
    procedural rooms, drawn when it is first asked for.
    """
    pool: dict[int, Images] = {}

    def draw(rng: np.random.Generator) -> Images:
        index = int(rng.integers(BACKGROUND_POOL))
        if index not in pool:
            pool[index] = draw_room(np.random.default_rng([seed, 77, index]), size)
        return pool[index]

    return draw


def augmented(image: Image.Image, rng: np.random.Generator, size: int) -> Images:
    """A random box of an RGB image, resized to (size, size, 3) uint8 (bilinear, antialiased), mirrored with
    probability 1/2.
    """
    left, top, width, height = random_box(rng, image.width, image.height)
    part = image.crop((left, top, left + width, top + height))
    pixels = np.array(part.resize((size, size), Image.Resampling.BILINEAR), dtype=np.uint8)
    return np.ascontiguousarray(pixels[:, ::-1] if rng.random() < 0.5 else pixels)


def random_box(rng: np.random.Generator, width: int, height: int) -> Box:
    """(left, top, width, height) in pixels inside an image of ``width`` x ``height``."""
    low, high = np.log(RATIO)
    for _ in range(ATTEMPTS):
        area = width * height * rng.uniform(*SCALE)
        ratio = float(np.exp(rng.uniform(low, high)))
        w, h = round(float(np.sqrt(area * ratio))), round(float(np.sqrt(area / ratio)))
        if 0 < w <= width and 0 < h <= height:
            top = int(rng.integers(height - h + 1))
            return int(rng.integers(width - w + 1)), top, w, h
    shape = width / height
    w = width if shape <= RATIO[1] else round(height * RATIO[1])
    h = height if shape >= RATIO[0] else round(width / RATIO[0])
    return (width - w) // 2, (height - h) // 2, w, h


def _image_names(folder: Path) -> list[str]:
    """Sorted relative names, '/' between folders."""
    if not folder.is_dir():
        raise UserError("is not a folder", where=str(folder), expected="a folder of background images")
    names = [
        (Path(base) / name).relative_to(folder).as_posix()
        for base, _, files in os.walk(folder)
        for name in files
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    ]
    if not names:
        raise UserError(
            "holds no image",
            where=str(folder),
            expected=f"at least one file {', '.join(SUFFIXES)}, here or in a sub-folder",
        )
    return sorted(names)


def _decode(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def _strict() -> warnings.catch_warnings[None]:
    """Within it, an image that is suspiciously large when unpacked is an error. Not for threads, whose
    warnings are one: headers are checked before there are any.
    """
    return warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning)
