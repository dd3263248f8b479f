"""The predictions of one unit from a folder of them (``folder:PATH``)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from iper_bench.data.clip import Images
from iper_bench.data.frame_list import ClipFrames, FrameList, open_frames
from iper_bench.data.frame_name import printable
from iper_bench.data.prediction_folder import find_clips
from iper_bench.errors import UserError
from iper_bench.methods.folder_method import FolderMethod
from iper_bench.run.comparison import line_up
from iper_bench.run.material import BATCH, Material
from iper_bench.run.unit import Unit


def folder_frames(method: FolderMethod, unit: Unit, material: Material) -> Iterator[Images]:
    """Batches (B, H, W, 3) uint8 in target order.

    Raises
    ------
    UserError when the clip is not there, a frame is missing, surplus, of another size or cannot be read.
    """
    frames, order = _lined_up(method, unit, material)
    size = material.source_clip.size
    for start in range(0, len(order), BATCH):
        yield np.stack([_read(frames, index, size) for index in order[start : start + BATCH]])


def _lined_up(method: FolderMethod, unit: Unit, material: Material) -> tuple[FrameList, tuple[int, ...]]:
    root, name = method.place(unit.trial.setting, unit.sn), unit.trial.folder
    try:
        frames = open_frames(find_clips(root, [name])[name], root)
        order = line_up(frames, ClipFrames(material.target_clip, unit.trial.target_frames))
    except UserError as error:  # its hint is an option of iper-bench score
        where = f"folder:{printable(str(root))}, clip '{printable(name)}'"
        raise UserError(error.what, where=where, expected=error.expected) from error
    return frames, tuple(index for index in order if index is not None)


def _read(frames: FrameList, index: int, size: tuple[int, int]) -> Images:
    image = frames.read(index)
    if image.shape[:2] != size:
        raise UserError(
            f"{image.shape[0]}x{image.shape[1]} pixels (height x width)",
            where=f"{frames.source}, {frames.name_of(index)}",
            expected=f"{size[0]}x{size[1]} as the sources",
        )
    return image
