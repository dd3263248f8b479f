"""What decodes frames of a clip, in this process or in another: small, picklable, no dataset behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iper_bench.data.clip import Images
from iper_bench.data.frame_name import printable
from iper_bench.data.image_io import Image
from iper_bench.errors import UserError


@dataclass(frozen=True)
class Frame:
    """What decoded frames become, and what a message says.

    Attributes
    ----------
    clip: name of the clip. side: of the square frames in pixels. hint: what makes square frames of others.
    """

    clip: str
    side: int
    hint: str

    def finish(self, image: Image, index: int, file: str) -> Image:
        """``image`` (H, H, 3) at (side, side, 3), bilinear as the released code resizes (preprocessing is
        that of OpenCV, no smoothing). Raises UserError when the frame is not square.
        """
        height, width = image.shape[:2]
        if height != width:
            raise UserError(
                f"a frame of {width}x{height} pixels",
                where=self.label(index, file),
                expected="square frames",
                hint=self.hint,
            )
        if height == self.side:
            return image
        import cv2

        resized = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(resized, np.uint8)

    def label(self, index: int, file: str) -> str:
        """Clip, frame and file, for messages."""
        return f"clip '{printable(self.clip)}', frame {index} ({printable(file)})"


@dataclass(frozen=True)
class PictureRecipe:
    """Decodes picture files, one per frame.

    Attributes
    ----------
    files: paths. indices: numbers of the frames in their clip, for messages.
    """

    files: tuple[str, ...]
    indices: tuple[int, ...]
    frame: Frame

    def __call__(self) -> Images:
        """(N, S, S, 3) uint8 RGB. Raises UserError naming clip, frame and file."""
        return _stacked((self._read(at) for at in range(len(self.files))), self.frame.side)

    def _read(self, at: int) -> Image:
        from iper_bench.data.picture_file import read_picture_file

        path, index = self.files[at], self.indices[at]
        try:
            image = read_picture_file(Path(path)).image
        except UserError as error:
            raise UserError(
                error.what, where=self.frame.label(index, path), expected="a whole picture"
            ) from error
        return self.frame.finish(image, index, path)


@dataclass(frozen=True)
class VideoRecipe:
    """Decodes frames of a video file."""

    path: str
    indices: tuple[int, ...]
    frame: Frame

    def __call__(self) -> Images:
        """(N, S, S, 3) uint8 RGB. Raises UserError naming the video and the frame."""
        from iper_bench.data.layouts.video_cursor import video_frames

        pairs = zip(self.indices, video_frames(Path(self.path), self.indices), strict=True)
        return _stacked(
            (self.frame.finish(image, index, self.path) for index, image in pairs), self.frame.side
        )


def _stacked(images: Iterator[Image], side: int) -> Images:
    found = list(images)
    return np.stack(found) if found else np.empty((0, side, side, 3), np.uint8)
