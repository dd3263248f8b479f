"""``draw_overlay``: a video in which the silhouette of a recovered body lies over the frames, for a look."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch

from iper_bench.body.correspondence import correspond
from iper_bench.body.model import BodyModel
from iper_bench.data.clip import BodyTrack, Images
from iper_bench.data.keypoint_file import Keypoints
from iper_bench.data.video_io import CODECS, VideoFile
from iper_bench.errors import UserError
from iper_bench.progress import track as progress
from iper_bench.tasks.delivery import DEFAULT_FPS
from iper_bench.tasks.reel import Reel
from iper_bench.tasks.square import Square

LARGEST_SIDE = 512  # pixels of the square in which it is drawn
BODY_COLOUR = (255, 120, 0)  # RGB
POINT_COLOUR = (0, 255, 0)
OPACITY = 0.45
_BATCH = 16  # frames in memory


def require_video(path: Path) -> None:
    """Raise UserError for a name under which no video can be written."""
    if path.suffix.lower() not in CODECS:
        raise UserError(
            f"cannot write a video '{path.suffix}'", where=str(path), expected=f"one of {', '.join(CODECS)}"
        )


def draw_overlay(
    path: Path, reel: Reel, track: BodyTrack, body: BodyModel, keypoints: Keypoints | None = None
) -> None:
    """Write ``reel`` as a video of at most 512 pixels a side, with the bodies of ``track`` over the frames.

    Parameters
    ----------
    track: one body per frame, cameras with the padded square as [-1, 1].
    keypoints: in pixels of the padded square, drawn as dots.

    Raises
    ------
    UserError when the video cannot be written; what was drawn then stays as ``NAME.partial.SUFFIX``.
    """
    stream = iter(reel.frames(range(len(reel))))
    first: Square | None = None
    with VideoFile(path, reel.fps or DEFAULT_FPS) as video:
        starts = range(0, len(reel), _BATCH)
        for start in progress(starts, f"drawing {path.name}", total=len(starts)):
            frames = list(islice(stream, _BATCH))
            first = first or Square.around(frames[0])  # images may differ in size; a video may not
            side = min(first.side, LARGEST_SIDE)
            rows = range(start, start + len(frames))
            squares = [Square.around(frame).bring(frame, side) for frame in frames]
            drawn = over_frames(np.stack(squares), track.take(rows), body)
            for row, image in zip(rows, drawn, strict=True):
                if keypoints is not None:
                    _dots(image, keypoints.points[row] * [side / first.side, side / first.side, 1.0])
                video.write(first.crop(image))


def over_frames(squares: Images, track: BodyTrack, body: BodyModel) -> Images:
    """``squares`` (N, S, S, 3) uint8 RGB with the bodies of ``track`` (N) tinted in and outlined, a copy."""
    posed = body.pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses))
    cams = torch.from_numpy(track.cams)
    fim = correspond(posed.vertices, cams, body.faces.cpu(), squares.shape[1]).fim
    inside = (fim >= 0).numpy()
    tinted = squares * (1.0 - OPACITY) + np.array(BODY_COLOUR) * OPACITY
    drawn = np.where(inside[..., None], tinted.round(), squares).astype(np.uint8)
    for image, shape in zip(drawn, inside, strict=True):
        lines, _ = cv2.findContours(shape.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, lines, -1, BODY_COLOUR, 1)
    return drawn


def _dots(image: Images, points: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> None:
    radius = max(1, image.shape[0] // 128)
    found: Sequence[Sequence[float]] = points[points[:, 2] > 0].tolist()
    for x, y, _ in found:
        if abs(x) < 2 * LARGEST_SIDE and abs(y) < 2 * LARGEST_SIDE:
            cv2.circle(image, (round(x), round(y)), radius, POINT_COLOUR, -1)
