"""What happens beside the steps of a training: log lines, pictures, validation, kept weights, saved states.

One process has records, the others none: everything here reads the weights and writes files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from torch import Tensor

from iper_bench.lwg.config import IMAGE_CHANNELS
from iper_bench.lwg.objective import StepBatch
from iper_bench.training.journal import Journal
from iper_bench.training.keep import Keeper
from iper_bench.training.options import LoopOptions
from iper_bench.training.picture import step_picture
from iper_bench.training.players import Players
from iper_bench.training.state import TrainingState
from iper_bench.training.validation import Validator

SCORE = "PSNR"  # the validation score that decides which weights are the best


class Records(AbstractContextManager["Records"]):
    """The records of one start of a training; leave the context to close its files.

    Parameters
    ----------
    validator: makes validation scores, or ``None``. export: writes the averaged weights to a path; without
        it no weights are kept.
    """

    def __init__(
        self,
        state: TrainingState,
        players: Players,
        options: LoopOptions,
        *,
        validator: Validator | None = None,
        export: Callable[[Path], object] | None = None,
    ) -> None:
        folder = options.folder
        self._state, self._players = state, players
        self._options = options
        self._validator = validator
        self._journal = Journal(folder, state.step, state.pending)
        self._keeper = None if export is None else Keeper(folder, options.keep, export, state.step)
        self._started = time.monotonic()
        self._saved = state.step
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

    def after_step(self, terms: Mapping[str, float], rate: float, batch: StepBatch, *, last: bool) -> None:
        """What is due after the step that made ``state.step``; ``batch`` is one it trained on."""
        step, options = self._state.step, self._options
        self._total = terms["total"]
        self._journal.add(terms)
        if _due(step, options.log_every):
            self._journal.write(step, rate, time.monotonic() - self._started)
        if _due(step, options.pictures_every):
            self._picture("training", batch, self._players.predict(batch))
        score = None
        if self._validator is not None and (_due(step, options.validate_every) or last):
            score = self._validate(self._validator)
        if self._keeper is not None:
            self._keeper.after_step(step, score)
        if _due(step, options.save_every):
            self.save()

    def save(self) -> None:
        """Save the state unless this step's is saved already."""
        if self._saved != self._state.step:
            self._state.pending = self._journal.pending()
            self._state.save(self._options.folder, self._options.identity)
            self._saved = self._state.step

    def _validate(self, validator: Validator) -> float | None:
        scores, frames = validator.measure(lambda b: self._players.predict(b, self._state.averaged))
        self._journal.validation(self._state.step, scores, validator.notes)
        self._picture("validation", validator.batches[0], frames)
        return scores.get(SCORE)

    def _picture(self, name: str, batch: StepBatch, made: Tensor) -> None:
        initial = batch.tsf_inputs[:, :, :IMAGE_CHANNELS]
        image = step_picture(batch.source_images, initial, made, batch.target_images)
        self._journal.picture(self._state.step, name, image)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
