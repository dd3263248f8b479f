"""``SyntheticConfig``: everything that decides the content of the embedded dataset, and its content hash.

Modelled on the paper's MotionSynthetic (arXiv 2011.09055, section 5.1): rendered actors with several
outfits, an A-pose turn and random actions, exact bodies. Differs: actors are procedural instead of scanned,
and small enough to render on a laptop.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from iper_bench.errors import UserError
from iper_bench.hashing import content_hash

# Raised whenever a pixel or a body of an existing clip changes: caches and folders of another version are
# not read.
RENDERING_VERSION = 1
MINIMUM_SIZE, MAXIMUM_SIZE = 16, 2048  # pixels; the rasteriser is measured up to 1024 with supersampling 2


def _option(field: str) -> str:
    """The option of ``iper-bench data make-synthetic`` that sets a field."""
    return f"--{field.replace('_', '-')}"


@dataclass(frozen=True)
class SyntheticConfig:
    """Parameters of the embedded dataset.

    An actor is a function of ``seed`` and his number alone, an outfit of ``seed``, actor and outfit name:
        other counts give more
    or fewer of the same people, never other people.

    Attributes
    ----------
    size: side of the square frames, pixels.
    train_actors: actors of the split ``train``.
    test_actors: held-out actors (split ``test_actor``); they take the first numbers, so that raising
        ``train_actors`` never moves a held-out actor into training.
    outfits: outfits of every actor, one clip each.
    outfit_actors: training actors that also appear in held-out outfits (split ``test_outfit``).
    unseen_outfits: held-out outfits of each of them.
    turn_frames: frames of the A-pose turn of 360 degrees that opens a clip.
    action_frames: frames of random action that follow.
    action_clips: further clips per actor that hold random action only (split ``action``).
    seed: of everything.
    body: name of the body model, see :func:`iper_bench.body.load_body`.
    """

    size: int = 128
    train_actors: int = 48
    test_actors: int = 6
    outfits: int = 2
    outfit_actors: int = 4
    unseen_outfits: int = 1
    turn_frames: int = 16
    action_frames: int = 32
    action_clips: int = 0
    seed: int = 0
    body: str = "open-coarse"

    def __post_init__(self) -> None:
        if not MINIMUM_SIZE <= self.size <= MAXIMUM_SIZE:
            raise UserError(f"--size {self.size}", expected=f"{MINIMUM_SIZE} to {MAXIMUM_SIZE} pixels")
        for field in (
            "train_actors",
            "test_actors",
            "outfit_actors",
            "unseen_outfits",
            "action_clips",
            "seed",
        ):
            if getattr(self, field) < 0:
                raise UserError(f"{_option(field)} {getattr(self, field)}", expected="0 or more")
        for field in ("outfits", "turn_frames", "action_frames"):
            if getattr(self, field) < 1:
                raise UserError(f"{_option(field)} {getattr(self, field)}", expected="1 or more")
        if self.outfit_actors > self.train_actors:
            raise UserError(
                f"--outfit-actors {self.outfit_actors}",
                expected=f"at most --train-actors {self.train_actors}",
            )
        if self.train_actors + self.test_actors < 1:
            raise UserError("no actors", expected="train_actors + test_actors of 1 or more")

    @property
    def frames(self) -> int:
        """Frames of every clip."""
        return self.turn_frames + self.action_frames

    def fingerprint(self, body_sha256: str) -> str:
        """Content hash of the dataset: parameters, rendering version and body.

        The same on every machine, while single pixel values may differ by one between processors whose
        floating point units differ.
        """
        return content_hash(
            {"config": asdict(self), "rendering": RENDERING_VERSION, "body_sha256": body_sha256}
        )
