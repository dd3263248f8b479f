"""Which weights of a training are kept on the way, beside the newest state.

``state.pt`` is always the newest and is none of this file's business. Weights are written as
``weights-step-N.safetensors``; ``kept.json`` lists those that were written here, and only files of that list
are ever deleted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from iper_bench.atomic import write_json
from iper_bench.errors import UserError

KEPT_FILE = "kept.json"
KEPT_WEIGHTS = "weights-step-{}.safetensors"
PERFECT = 1e9  # stands for an infinite score (identical images), which JSON cannot hold


@dataclass(frozen=True)
class KeepPolicy:
    """What to keep.

    Attributes
    ----------
    every: steps between kept weights, 0 = none. newest: how many of those stay, 0 = all.
    best: whether the weights with the highest validation score stay too.

    Raises
    ------
    UserError for a negative number.
    """

    every: int = 0
    newest: int = 0
    best: bool = False

    def __post_init__(self) -> None:
        if self.every < 0 or self.newest < 0:
            raise UserError(
                f"keeps every {self.every} steps, at most {self.newest}",
                where="checkpoint policy",
                expected="numbers from 0",
            )


@dataclass(frozen=True)
class KeptWeights:
    """One entry of ``kept.json``: the step, why it is kept, and the score of a best one."""

    step: int
    regular: bool
    score: float | None = None


class Keeper:
    """Applies a policy in one folder.

    Parameters
    ----------
    folder: training folder. policy: what to keep.
    write: writes the present weights to a path.
    step: finished steps; entries of later ones are forgotten with their files, they are trained again.

    Raises
    ------
    UserError for a damaged list.
    """

    def __init__(self, folder: Path, policy: KeepPolicy, write: Callable[[Path], object], step: int) -> None:
        self._folder = folder
        self._policy = policy
        self._write = write
        self._kept = read_kept(folder)
        stale = [one.step for one in self._kept if one.step > step]
        if stale:
            self._settle([one for one in self._kept if one.step <= step])

    @property
    def kept(self) -> tuple[KeptWeights, ...]:
        """The entries in order of steps."""
        return tuple(self._kept)

    def after_step(self, step: int, score: float | None = None) -> None:
        """Keep or delete after ``step``; ``score`` is the validation's (higher = better), if one was made."""
        policy = self._policy
        regular = policy.every > 0 and step % policy.every == 0
        known = None if score is None or math.isnan(score) else min(score, PERFECT)
        best = policy.best and known is not None and known > self._best()
        if not regular and not best:
            return
        entry = KeptWeights(step, regular, known if best else None)
        self._write(self._path(step))
        others = [one for one in self._kept if one.step != step]
        if best:
            others = [KeptWeights(one.step, one.regular) for one in others]
        self._settle(self._allowed([*others, entry]))

    def _best(self) -> float:
        return max((one.score for one in self._kept if one.score is not None), default=-math.inf)

    def _allowed(self, entries: list[KeptWeights]) -> list[KeptWeights]:
        regular = [one for one in entries if one.regular]
        gone = regular[: -self._policy.newest] if self._policy.newest else []
        kept = [KeptWeights(one.step, one.regular and one not in gone, one.score) for one in entries]
        return [one for one in kept if one.regular or one.score is not None]

    def _settle(self, wanted: list[KeptWeights]) -> None:
        """Write the new list, then delete the files that are no longer on it: a kill between the two leaves a
        file too many, never one too few.
        """
        gone = {one.step for one in self._kept} - {one.step for one in wanted}
        self._kept = wanted
        write_json(self._folder / KEPT_FILE, {"kept": [asdict(one) for one in wanted]})
        for step in gone:
            self._path(step).unlink(missing_ok=True)

    def _path(self, step: int) -> Path:
        return self._folder / KEPT_WEIGHTS.format(step)


def kept_names(folder: Path) -> list[str]:
    """Names of the list of kept weights and of the files on it, none when there is no list. Raises UserError
    when the list is damaged.
    """
    if not (folder / KEPT_FILE).is_file():
        return []
    return [KEPT_FILE, *(KEPT_WEIGHTS.format(one.step) for one in read_kept(folder))]


def read_kept(folder: Path) -> list[KeptWeights]:
    """The entries of ``kept.json``, none when it is not there. Raises UserError when it is damaged."""
    path = folder / KEPT_FILE
    if not path.is_file():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["kept"]
        kept = [
            KeptWeights(int(e["step"]), bool(e["regular"]), None if e["score"] is None else float(e["score"]))
            for e in entries
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            "the list of kept weights cannot be read",
            where=str(path),
            expected="the list written by an earlier run",
            hint="remove it; the weights that it lists then stay",
        ) from error
    return sorted(kept, key=lambda one: one.step)
