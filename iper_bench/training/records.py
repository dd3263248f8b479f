"""What happens beside the steps of a training: log lines, pictures, validation, kept weights, saved states.

One process has records, the others none: everything here reads the weights and writes files.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from iper_bench.training.journal import Journal
from iper_bench.training.keep import Keeper
from iper_bench.training.options import LoopOptions
from iper_bench.training.trainee import Learned, Trainee

SCORE = "PSNR"  # the validation score that decides which weights are the best


class Records(AbstractContextManager["Records"]):
    """The records of one start of a training; leave the context to close its files.

    Parameters
    ----------
    export: writes the trained weights to a path; without it no weights are kept.
    """

    def __init__(
        self,
        trainee: Trainee[Any],
        options: LoopOptions,
        *,
        export: Callable[[Path], object] | None = None,
    ) -> None:
        self._trainee = trainee
        self._options = options
        self._journal = Journal(options.folder, trainee.step, trainee.pending)
        self._keeper = None if export is None else Keeper(options.folder, options.keep, export, trainee.step)
        self._started = time.monotonic()
        self._saved = trainee.step
        self._total = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.close()

    def status(self) -> str:
        """The last step's loss, for the progress bar."""
        return f"loss {self._total:.4f}"

    def after_step(self, learned: Learned, batch: Any, *, last: bool) -> None:
        """What is due after the step that made ``trainee.step``; ``batch`` is one it trained on."""
        trainee, options = self._trainee, self._options
        step = trainee.step
        self._total = learned.terms["total"]
        self._journal.add(learned.terms)
        if _due(step, options.log_every):
            self._journal.write(step, learned.rate, time.monotonic() - self._started)
        if _due(step, options.pictures_every):
            self._journal.picture(step, "training", trainee.picture(batch))
        score = None
        if trainee.validates and (_due(step, options.validate_every) or last):
            found = trainee.validate()
            self._journal.validation(step, found.scores, found.notes)
            self._journal.picture(step, "validation", found.picture)
            score = found.scores.get(SCORE)
        if self._keeper is not None:
            self._keeper.after_step(step, score)
        if _due(step, options.save_every):
            self.save()

    def save(self) -> None:
        """Save the state unless this step's is saved already."""
        if self._saved != self._trainee.step:
            self._trainee.pending = self._journal.pending()
            self._trainee.save(self._options.folder, self._options.identity)
            self._saved = self._trainee.step


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
