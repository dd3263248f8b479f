"""Where the frames of a clip come from: the renderer with its cache, or a folder of PNG files.

Both give the same pixels. Blocks of 16 frames are rendered, cached and held together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.synthetic.cache import FrameCache
from iper_bench.data.synthetic.casting import Part
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.parcel import Opening, pack_block, pack_opening, unpack_block, unpack_opening
from iper_bench.data.synthetic.scene import Scene, build_scene

Images = NDArray[np.uint8]
Block = tuple[Images, Images]  # frames (N, S, S, 3) and mattes (N, S, S)

BLOCK = 16  # frames
HELD_BYTES = 256 << 20  # decoded blocks held in memory: 4,096 frames of 128 px


@lru_cache(maxsize=4)
def scene_of(config: SyntheticConfig, part: Part) -> Scene:
    """The scene of a clip; the last few are kept, because blocks of one clip are asked for in turn."""
    return build_scene(config, part.actor, part.outfit, part.take)


class Film(ABC):
    """Frames of all clips of one dataset, by block."""

    def __init__(self, config: SyntheticConfig) -> None:
        self.config = config
        self._held: OrderedDict[tuple[str, int], Block] = OrderedDict()
        self._openings: dict[str, Opening] = {}

    @abstractmethod
    def _open(self, part: Part) -> Opening:
        """Read or make the opening of a clip."""

    @abstractmethod
    def _block(self, part: Part, number: int) -> Block:
        """Read or make the block ``number`` of a clip."""

    @abstractmethod
    def scene(self, part: Part) -> Scene:
        """The scene that the frames show. Raises UserError when it cannot be known."""

    def length(self, part: Part) -> int:
        """Frames of a clip."""
        return self.config.frames

    def opening(self, part: Part) -> Opening:
        """Track and room of a clip."""
        if part.name not in self._openings:
            self._openings[part.name] = self._open(part)
        return self._openings[part.name]

    def block(self, part: Part, number: int) -> Block:
        """Frames and mattes from ``16 number`` on, at most 16."""
        key = (part.name, number)
        if key not in self._held:
            self._held[key] = self._block(part, number)
            size = self._held[key][1].nbytes * 4
            while len(self._held) > max(1, HELD_BYTES // size):
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]

    def span(self, part: Part, number: int) -> tuple[int, int]:
        """First frame of a block and the frame after its last."""
        return number * BLOCK, min((number + 1) * BLOCK, self.length(part))

    def block_count(self, part: Part) -> int:
        """Blocks of a clip."""
        return -(-self.length(part) // BLOCK)


class RenderedFilm(Film):
    """Frames rendered on demand, with a cache."""

    def __init__(self, config: SyntheticConfig, cache: FrameCache) -> None:
        super().__init__(config)
        self.cache = cache

    def scene(self, part: Part) -> Scene:
        """The scene that is rendered."""
        return scene_of(self.config, part)

    def _open(self, part: Part) -> Opening:
        name = f"{part.name}/opening"
        cached = self.cache.load(name, lambda raw: unpack_opening(raw, self.length(part), self.config.size))
        if cached is not None:
            return cached
        scene = self.scene(part)
        opening = Opening(scene.track, scene.room)
        self.cache.save(name, pack_opening(opening))
        return opening

    def _block(self, part: Part, number: int) -> Block:
        first, last = self.span(part, number)
        room = self.opening(part).room
        name = f"{part.name}/frames{first:04d}"
        cached = self.cache.load(name, lambda raw: unpack_block(raw, last - first, room))
        if cached is not None:
            return cached
        frames, mattes = self.scene(part).render(first, last)
        self.cache.save(name, pack_block(frames, mattes, room))
        return frames, mattes
