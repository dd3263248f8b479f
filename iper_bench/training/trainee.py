"""What the training loop trains: networks with their optimisers, their samples and their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from iper_bench.data.clip import Images

B = TypeVar("B")


class Learned(NamedTuple):
    """One step's terms for the log, among them ``total``, and the learning rate it was made with."""

    terms: Mapping[str, float]
    rate: float


@dataclass(frozen=True)
class Validation:
    """Scores of held-out clips by name, what to write beside them, and a picture (H, W, 3) uint8 RGB."""

    scores: Mapping[str, float]
    notes: Mapping[str, Any]
    picture: Images


class Trainee(Protocol[B]):
    """The loop's view of a training. A step's batch is a function of (step, part) alone.

    Attributes
    ----------
    step: number of finished steps. settled: whether all weights belong to that number; false while a step
        changes them.
    pending: terms since the last log line (``Journal.pending``), saved with the state.
    validates: whether :meth:`validate` has anything to score with.
    """

    pending: dict[str, Any] | None

    @property
    def step(self) -> int: ...

    @property
    def settled(self) -> bool: ...

    @property
    def validates(self) -> bool: ...

    def draw(self, step: int, part: int) -> B:
        """Batch number ``part`` of a step; called from threads."""

    def learn(self, batches: Sequence[B], steps: int) -> Learned:
        """Make step ``self.step`` of ``steps`` and raise :attr:`step`. Raises UserError when the loss is no
        number; :attr:`settled` is false then where the weights are no longer those of before.
        """

    def picture(self, batch: B) -> Images:
        """(H, W, 3) uint8 RGB: what the present weights make of a batch; nothing changes."""

    def validate(self) -> Validation:
        """Score held-out clips."""

    def save(self, folder: Path, identity: str) -> None:
        """Write the state that a resumed training goes on from, atomically."""
