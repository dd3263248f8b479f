"""``PartMaps``: which part of the body every pixel of a clip's frames shows, by the names of a report."""

from __future__ import annotations

import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from iper_bench.data.clip import BodyTrack
from iper_bench.store.part_errors import BACKGROUND, PARTS

if TYPE_CHECKING:
    from iper_bench.body.model import BodyModel

Maps = NDArray[np.uint8]

LARGEST_SIDE = (
    256  # pixels: parts of larger frames are drawn this large and enlarged, which moves edges by 2 px
)
#: the SMPL joints that move a part: collars and neck count as torso, wrists as hands, ankles as feet
_JOINTS = {
    "head": (15,),
    "torso": (0, 3, 6, 9, 12, 13, 14),
    "left_upper_arm": (16,),
    "right_upper_arm": (17,),
    "left_forearm": (18,),
    "right_forearm": (19,),
    "left_hand": (20, 22),
    "right_hand": (21, 23),
    "left_thigh": (1,),
    "right_thigh": (2,),
    "left_shank": (4,),
    "right_shank": (5,),
    "left_foot": (7, 10),
    "right_foot": (8, 11),
}
_BATCH = 16  # bodies drawn and packed at once
KEPT = 128  # trials: with 300 frames of 256 pixels each under 100 MB


class PartMaps:
    """Part maps of the frames of a track, each batch drawn when first asked for and then kept compressed:
    about 2 KB a frame of 256 pixels.

    Parameters
    ----------
    body: the body model. track: one body per frame. size: (height, width) of the frames.
    """

    def __init__(self, body: BodyModel, track: BodyTrack, size: tuple[int, int]) -> None:
        self._body, self._track, self._size = body, track, size
        self._side = min(max(size), LARGEST_SIDE)
        self._packed: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._track)

    def take(self, frames: Sequence[int]) -> Maps:
        """Maps (N, H, W) uint8 of the given frames: positions in :data:`iper_bench.store.part_errors.PARTS`,
        0 = background. Raises IndexError for a frame that is not there.
        """
        return np.stack([self._enlarged(self._batch(frame // _BATCH)[frame % _BATCH]) for frame in frames])

    def _batch(self, number: int) -> Maps:
        from iper_bench.conditions.part_labels import part_labels

        rows = range(number * _BATCH, min((number + 1) * _BATCH, len(self)))
        shape = (len(rows), self._side, self._side)
        if number not in self._packed:
            drawn = part_of_label()[part_labels(self._body, self._track.take(rows), self._side)]
            self._packed[number] = zlib.compress(drawn.tobytes(), 1)
        return np.frombuffer(zlib.decompress(self._packed[number]), np.uint8).reshape(shape)

    def _enlarged(self, drawn: Maps) -> Maps:
        height, width = self._size
        if drawn.shape == (height, width):
            return drawn
        found = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_NEAREST)
        return np.asarray(found, dtype=np.uint8)


_SHARED: OrderedDict[tuple[str, tuple[int, int], str], PartMaps] = OrderedDict()


def shared_part_maps(body: BodyModel, track: BodyTrack, size: tuple[int, int]) -> PartMaps:
    """Part maps as of :class:`PartMaps`, the same object for equal bodies: all methods and numbers of sources
    of a trial are held against the same true frames. The last :data:`KEPT` are kept in this process.
    """
    digest = hashlib.sha256()
    for array in (track.betas, track.poses, track.cams):
        digest.update(np.ascontiguousarray(array).tobytes())
    key = (body.sha256, size, digest.hexdigest())
    found = _SHARED.pop(key, None) or PartMaps(body, track, size)
    _SHARED[key] = found
    while len(_SHARED) > KEPT:
        _SHARED.popitem(last=False)
    return found


def part_of_label() -> Maps:
    """(25,) uint8: label of ``conditions.part_labels`` (0 background, joint + 1) -> position in ``PARTS``."""
    table = np.full(1 + sum(map(len, _JOINTS.values())), PARTS.index(BACKGROUND), np.uint8)
    for part, joints in _JOINTS.items():
        table[[joint + 1 for joint in joints]] = PARTS.index(part)
    return table
