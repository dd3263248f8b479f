"""What ``iper-bench train`` was asked for, and the preset that comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from iper_bench.errors import UserError, unknown_name
from iper_bench.hashing import file_sha256
from iper_bench.lwg.strategy import TrainedMethod
from iper_bench.training.keep import KeepPolicy
from iper_bench.training.method_settings import settings_for
from iper_bench.training.presets import Preset, preset

Schedule = Literal["paper", "constant"]
PAPER_CONSTANT = 0.25  # share of the steps at the first rate (Impersonator++, section 5.1)
PAPER_FALL = 0.1  # last rate over the first: 1e-4 down to 1e-5


@dataclass(frozen=True)
class TrainRequest:
    """One training.

    Attributes
    ----------
    method: ``NAME`` or ``NAME[loss=SET]``, see :mod:`iper_bench.lwg.strategy`.
    dataset: ``NAME[@ROOT],NAME[@ROOT]``, see :mod:`iper_bench.training.mix`. data_root: of a single dataset.
    size: side of the frames, ``None`` = the preset's.
    preset: name in ``iper_bench.training.presets``. out: training folder.
    steps: length of the schedule; epochs: the same in passes over the training frames; neither = the
        preset's steps. seconds: stop early (the same command goes on).
    seed: initial weights and samples. resume: go on from the state in ``out``.
    init: weights to start from instead of random ones (a file of the same sizes), or ``None``.
    perceptual_weights: file of the perceptual network, where it does not come with pip.
    face_weights: file of the face identity network, which does not come with pip.
    backgrounds: folder of images for the background stream, ``None`` = procedural rooms.
    batch: people per batch; ema: decay of the averaged weights; ``None`` = the preset's.
    schedule: ``"paper"``: a quarter of the steps at the preset's rate, then linearly down to a tenth of it;
        ``"constant"`` (released); ``None`` = the preset's.
    accumulate: batches per step. precision: ``no``, ``bf16`` or ``fp16``. workers: threads that make batches.
    validate_every, pictures_every, log_every, save_every: in steps, 0 = never. keep: weights kept on the way.

    Raises
    ------
    UserError for numbers that do not go together.
    """

    method: str
    dataset: str
    preset: str
    out: Path
    data_root: str | None = None
    steps: int | None = None
    seconds: float | None = None
    seed: int = 0
    size: int | None = None
    resume: bool = True
    init: Path | None = None
    perceptual_weights: Path | None = None
    face_weights: Path | None = None
    backgrounds: Path | None = None
    epochs: float | None = None
    batch: int | None = None
    ema: float | None = None
    schedule: str | None = None
    accumulate: int = 1
    precision: str = "no"
    workers: int = 0
    validate_every: int = 0
    pictures_every: int = 0
    log_every: int = 25
    save_every: int = 250
    keep: KeepPolicy = field(default_factory=KeepPolicy)

    def __post_init__(self) -> None:
        if self.steps is not None and self.epochs is not None:
            raise UserError("both --steps and --epochs", expected="one of them")
        if self.schedule is not None and self.schedule not in get_args(Schedule):
            raise unknown_name("schedule", self.schedule, get_args(Schedule))
        if self.keep.best and self.validate_every == 0:
            raise UserError(
                "the best weights are to be kept but nothing is validated",
                where="--keep-best",
                hint="--validate-every N",
            )

    def settings(self) -> Preset:
        """The preset for the method, with what was asked otherwise. Raises UserError for unknown names."""
        settings = settings_for(
            preset(self.preset),
            TrainedMethod.parse(self.method),
            perceptual_weights=self.perceptual_weights,
            face_weights=self.face_weights,
        )
        if self.batch is not None:
            settings = replace(settings, people=self.batch)
        if self.ema is not None:
            settings = replace(settings, ema=self.ema)
        if self.schedule == "paper":
            settings = replace(settings, constant=PAPER_CONSTANT, final_rate=PAPER_FALL * settings.rate)
        if self.schedule == "constant":
            settings = replace(settings, constant=1.0, final_rate=settings.rate)
        if self.backgrounds is not None and not settings.auxiliary_backgrounds:
            raise UserError(
                f"preset '{self.preset}' of method '{self.method}' trains without auxiliary backgrounds",
                where="--backgrounds",
                expected="a set-up with them",
            )
        return settings

    def file_identities(self) -> dict[str, str]:
        """Hashes of the weight files that were given, by the field's name. Raises UserError for one that is
        not there.
        """
        files = {
            "init": self.init,
            "perceptual_weights": self.perceptual_weights,
            "face_weights": self.face_weights,
        }
        for name, path in files.items():
            if path is not None and not path.is_file():
                option = "--" + name.replace("_", "-")
                raise UserError("no such file", where=f"{option} {path}", expected="a weights file")
        return {name: file_sha256(path) for name, path in files.items() if path is not None}

    def run_identities(self, processes: int) -> dict[str, Any]:
        """What changes the numbers of a training beside the preset, where it differs from the plain way."""
        values = {"accumulate": self.accumulate, "precision": self.precision, "processes": processes}
        plain = {"accumulate": 1, "precision": "no", "processes": 1}
        return {name: value for name, value in values.items() if value != plain[name]}
