"""Where, how long and how a training runs: what changes neither the set-up nor, but for rounding, its
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from iper_bench.training.keep import KeepPolicy


@dataclass(frozen=True)
class LoopOptions:
    """Options of :func:`iper_bench.training.loop.run_loop`.

    Attributes
    ----------
    folder: training folder. identity: hash of the set-up, checked on resume.
    steps: length of the schedule. seconds: stop after this much wall-clock time (the schedule is not
        shortened), or ``None``.
    log_every, save_every, pictures_every, validate_every: steps between log lines, saved states, pictures of
        the training batch, validations; 0 = never. With a validator the last step is validated too.
    keep: which weights are kept on the way.
    accumulate: batches of one step, whose mean gradient is taken.
    precision: of the networks' forward passes, see :class:`iper_bench.training.team.Team`.
    workers: threads that make batches ahead, 0 = none.
    """

    folder: Path
    identity: str
    steps: int
    seconds: float | None = None
    log_every: int = 25
    save_every: int = 250
    pictures_every: int = 0
    validate_every: int = 0
    keep: KeepPolicy = field(default_factory=KeepPolicy)
    accumulate: int = 1
    precision: str = "no"
    workers: int = 0
