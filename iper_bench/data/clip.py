"""One video of one person: ordered frames and the body in each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iper_bench.errors import UserError

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class BodyTrack:
    """SMPL parameters of every frame of a clip.

    Attributes
    ----------
    betas: (10,) float32 shape coefficients.
    poses: (T, 72) float32 axis-angle, SMPL joint order, root first. The root rotation holds the half turn
        about x that brings the y-up body into the y-down camera frame.
    cams: (T, 3) float32 weak perspective ``[s, tx, ty]``: x_img = s (X + tx), y_img = s (Y + ty), both in
        [-1, 1], y down.

    Raises
    ------
    ValueError for other shapes, UserError naming field and frame for values that are not finite.
    """

    betas: Floats
    poses: Floats
    cams: Floats

    def __post_init__(self) -> None:
        count = len(self.poses)
        if self.betas.shape != (10,) or self.poses.shape != (count, 72) or self.cams.shape != (count, 3):
            raise ValueError(
                f"body track shapes {self.betas.shape}, {self.poses.shape}, {self.cams.shape}; "
                "expected (10,), (T, 72), (T, 3)"
            )
        for field in ("betas", "poses", "cams"):
            bad = ~np.isfinite(getattr(self, field))
            if bad.any():
                frame = f", frame {int(np.argwhere(bad)[0, 0])}" if field != "betas" else ""
                raise UserError(
                    f"field '{field}'{frame} is not finite", where="body track", expected="finite numbers"
                )

    def __len__(self) -> int:
        return len(self.poses)

    def take(self, indices: Sequence[int]) -> BodyTrack:
        """The track of the frames ``indices``, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        return BodyTrack(self.betas, self.poses[rows], self.cams[rows])


class Clip(ABC):
    """A video of one person. Opening one decodes no frame.

    Attributes
    ----------
    name: unique within its dataset, for example ``"actor003/outfit1/clip1"``.
    subject: who is seen, for example ``"actor003"``.
    size: (height, width) of every frame.
    track: the body in every frame.
    """

    name: str
    subject: str
    size: tuple[int, int]
    track: BodyTrack

    def __len__(self) -> int:
        return len(self.track)

    @property
    def frame_names(self) -> Sequence[str]:
        """Names of the frames in order, as protocols write them: those of the files where the dataset has
        files. Reading them decodes nothing.
        """
        return [f"{index:08d}.png" for index in range(len(self))]

    @property
    def has_track(self) -> bool:
        """Whether the dataset holds the body of every frame; without it :attr:`track` raises UserError."""
        return True

    @abstractmethod
    def frames(self, indices: Sequence[int]) -> Images:
        """Decode frames: (N, H, W, 3) uint8 RGB. Raises UserError naming the clip and frame when one is
        missing.
        """

    @abstractmethod
    def masks(self, indices: Sequence[int]) -> Images | None:
        """Person mattes (N, H, W) uint8, 255 = person, or ``None`` when the dataset has none. Asking for no
        frame decodes nothing and tells whether it has.
        """

    def recipe(self, indices: Sequence[int]) -> Callable[[], Images] | None:
        """What a worker process calls to decode the frames ``indices``, as :meth:`frames` does: small and
        picklable. ``None``: this process decodes them (it renders them, or holds them).
        """
        return None

    def backgrounds(self, indices: Sequence[int]) -> Images | None:
        """Frames without the person, (N, H, W, 3) uint8, where the dataset knows them; else ``None``."""
        return None
