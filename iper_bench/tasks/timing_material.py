"""The files that ``iper-bench time`` starts from: pictures of a person and a reference video, in the sizes
of the paper's measurement (section 4.8 and Figure 16 of arXiv 2011.09055), made of the embedded dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.dataset import DATASETS
from iper_bench.data.image_io import encode_png
from iper_bench.data.track_file import TrackFile, write_track
from iper_bench.data.video_io import VideoFile

CLIP = "actor000/outfit0"
RENDERED = 256  # side of the frames that are enlarged: what a picture shows does not change what it costs
SOURCE_SIZE = (3024, 4032)  # height, width of the paper's source pictures
REFERENCE_SIZE = (1080, 1920)  # and of its reference video
FPS = 25.0
TURN = 16  # first frames of an embedded clip, in which the person turns around


@dataclass(frozen=True)
class Material:
    """Where the files of one measurement lie.

    Attributes
    ----------
    sources: folder of source pictures. source_track: their bodies.
    reference: the video. reference_track: its bodies.
    """

    sources: Path
    source_track: Path
    reference: Path
    reference_track: Path


def make_material(
    folder: Path,
    sn: int,
    frames: int,
    *,
    source_size: tuple[int, int] = SOURCE_SIZE,
    reference_size: tuple[int, int] = REFERENCE_SIZE,
    data_root: str | None = None,
) -> Material:
    """Write ``sn`` source pictures and a reference of ``frames`` frames, with their tracks, into ``folder``.

    Raises UserError when the disk refuses, ValueError for ``sn`` beyond the turn of the clip.
    """
    if not 1 <= sn <= TURN:
        raise ValueError(f"sn {sn}; expected 1 to {TURN}")
    dataset = DATASETS.get("synthetic")(root=data_root, size=RENDERED)
    clip = dataset.clip(CLIP)
    chosen = [round(k * TURN / sn) for k in range(sn)]
    pictures, track = _framed(clip, chosen, source_size)
    material = Material(
        folder / "sources", folder / "sources.npz", folder / "reference.mp4", folder / "reference.npz"
    )
    material.sources.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        (material.sources / f"{number:03d}.png").write_bytes(encode_png(picture))
    write_track(material.source_track, TrackFile(track, dataset.body, source_size))
    length = len(clip)
    moving = [TURN + k % (length - TURN) for k in range(frames)]
    pictures, track = _framed(clip, moving, reference_size)
    with VideoFile(material.reference, FPS) as video:
        for picture in pictures:
            video.write(picture)
    write_track(material.reference_track, TrackFile(track, dataset.body, reference_size))
    return material


def _framed(clip: Clip, indices: Sequence[int], size: tuple[int, int]) -> tuple[list[Images], BodyTrack]:
    """The square frames as large as fits into the middle of pictures of ``size`` (height, width), edges
    carried on, with cameras that mean the picture padded to a square.
    """
    height, width = size
    side = min(size)
    share = side / max(size)
    track = clip.track.take(indices)
    cams = np.array(track.cams, copy=True)
    cams[:, 0] *= share
    pad = ((height - side) // 2, (height - side + 1) // 2, (width - side) // 2, (width - side + 1) // 2)
    pictures = []
    for frame in clip.frames(indices):
        large = cv2.resize(frame, (side, side), interpolation=cv2.INTER_CUBIC)
        pictures.append(np.asarray(cv2.copyMakeBorder(large, *pad, cv2.BORDER_REPLICATE), dtype=np.uint8))
    return pictures, BodyTrack(track.betas, track.poses, cams)
