"""Features by content, so that the true frames of a clip are detected and embedded once for all methods.

The key is a hash of pixels, box and the full definition of the feature; least recently used entries go first
when the memory bound is reached. Values are the same bits whether they were cached or not (see
``backbones/network.py``).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.disk_cache import DiskCache

MEMORY_BOUND = 512 * 1024**2  # bytes; about 800 frames of 128 px with their perceptual features


def frame_digest(frame: npt.NDArray[np.uint8]) -> str:
    """Hash of the pixels and shape of a uint8 frame."""
    digest = hashlib.sha256(f"{frame.shape}|".encode())
    digest.update(np.ascontiguousarray(frame).data)
    return digest.hexdigest()


def content_key(source: str, frame: npt.NDArray[np.uint8] | str, box: npt.NDArray[np.floating] | None) -> str:
    """Key of one feature: ``source`` names the definition, the rest is the content.

    ``frame``: the frame or its :func:`frame_digest`.
    """
    content = frame if isinstance(frame, str) else frame_digest(frame)
    digest = hashlib.sha256(f"{source}|{content}|".encode())
    digest.update(b"-" if box is None else np.asarray(box, dtype=np.float64).tobytes())
    return digest.hexdigest()


class FeatureCache:
    """A bounded map from content to tuples of arrays.

    Parameters
    ----------
    bound: bytes in memory. disk: where entries that are worth it are kept between runs.

    ``tag`` is what else the arrays depend on (versions, device, dtype); callers put it into their keys.
    """

    def __init__(self, bound: int = MEMORY_BOUND, disk: DiskCache | None = None) -> None:
        self.tag = ""
        self._disk = disk
        self._bound = bound
        self._size = 0
        self._entries: OrderedDict[str, tuple[npt.NDArray[np.float32], ...]] = OrderedDict()

    def get(self, key: str) -> tuple[npt.NDArray[np.float32], ...] | None:
        """The arrays under ``key``, or ``None``."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        elif self._disk is not None and (entry := self._disk.get(key)) is not None:
            self._remember(key, entry)
        return entry

    def put(self, key: str, arrays: Sequence[npt.NDArray[np.float32]], keep: bool = False) -> None:
        """Keep ``arrays``, dropping the oldest entries beyond the bound; with ``keep`` on disk too."""
        if key not in self._entries:
            self._remember(key, tuple(arrays))
        if keep and self._disk is not None:
            self._disk.put(key, arrays)

    def _remember(self, key: str, entry: tuple[npt.NDArray[np.float32], ...]) -> None:
        self._entries[key] = entry
        self._size += _bytes(entry)
        while self._size > self._bound and len(self._entries) > 1:
            _, old = self._entries.popitem(last=False)
            self._size -= _bytes(old)

    def __len__(self) -> int:
        return len(self._entries)


def _bytes(entry: tuple[npt.NDArray[np.float32], ...]) -> int:
    return sum(array.nbytes for array in entry)
