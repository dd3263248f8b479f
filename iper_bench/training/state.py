"""The whole state of a training run: weights, averaged weights, optimiser, step, and the discriminator where
there is one. Saved atomically, resumed exactly.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from iper_bench.atomic import write_bytes
from iper_bench.errors import UserError
from iper_bench.training.adversary import Adversary

STATE_FILE = "state.pt"
STATE_FORMAT = 1


@dataclass
class TrainingState:
    """Generator, its averaged copy (same keys), Adam, the number of finished steps, and the discriminator
    with its own Adam (``None`` for a preset without one).

    Attributes
    ----------
    pending: the terms since the last log line (``Journal.pending``), so that the next line's means are those
        of the uninterrupted run. scaler: of the losses, for precision fp16.
    """

    generator: nn.Module
    averaged: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    step: int = 0
    adversary: Adversary | None = None
    pending: dict[str, Any] | None = None
    scaler: dict[str, Any] | None = None

    def average(self, decay: float) -> None:
        """Move the averaged weights towards the current ones; the decay grows with the step so that early
        noise is forgotten.
        """
        amount = min(decay, (1.0 + self.step) / (10.0 + self.step)) if decay > 0 else 0.0
        with torch.no_grad():
            for key, value in self.generator.state_dict().items():
                held = self.averaged[key]
                if value.is_floating_point():
                    held.lerp_(value.to(held.device), 1.0 - amount)
                else:
                    held.copy_(value)

    def save(self, folder: Path, identity: str) -> None:
        """Write ``state.pt`` atomically. Raises UserError when the folder cannot be written or the disk is
        full.
        """
        content: dict[str, Any] = {
            "identity": identity,
            "step": self.step,
            "generator": self.generator.state_dict(),
            "averaged": self.averaged,
            "optimiser": self.optimiser.state_dict(),
        }
        if self.adversary is not None:
            content["adversary"] = self.adversary.state_dict()
        if self.pending is not None and self.pending["count"] > 0:
            content["pending"] = self.pending
        if self.scaler is not None:
            content["scaler"] = self.scaler
        write_state(folder, content)

    def restore(self, folder: Path, identity: str) -> bool:
        """Read ``state.pt`` if it is there. Raises UserError for another set-up or a damaged file."""
        path = folder / STATE_FILE
        if not path.is_file():
            return False
        content = read_state(path)
        if content.get("identity") != identity or ("adversary" in content) != (self.adversary is not None):
            raise other_setup(folder)
        self.generator.load_state_dict(content["generator"])
        self.averaged = dict(content["averaged"])
        self.optimiser.load_state_dict(content["optimiser"])
        if self.adversary is not None:
            self.adversary.load_state_dict(content["adversary"])
        self.step = int(content["step"])
        self.pending, self.scaler = content.get("pending"), content.get("scaler")
        return True


def read_state(path: Path) -> Mapping[str, Any]:
    """The content of a state file, tensors and plain values only. Raises UserError for one that is damaged or
    of another format.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(
            "training state cannot be read",
            where=str(path),
            expected="the state written by an earlier run",
            hint="--fresh to start again",
        ) from error
    if not isinstance(content, dict) or content.get("format") != STATE_FORMAT:
        raise UserError(
            "training state of another format", where=str(path), expected=f"format {STATE_FORMAT}"
        )
    return content


def write_state(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``state.pt`` atomically. Raises UserError when the folder cannot be written or the disk is
    full.
    """
    buffer = io.BytesIO()
    torch.save({"format": STATE_FORMAT, **content}, buffer)
    write_bytes(folder / STATE_FILE, buffer.getvalue())


def other_setup(folder: Path) -> UserError:
    """The error for a state that belongs to another set-up."""
    return UserError(
        "holds a training run of another set-up",
        where=str(folder),
        expected="the same method, preset, dataset, size, seed, batch and processes as before",
        hint="--out with a new folder, or --fresh to start again in this one",
    )


def check_length(folder: Path, done: int, steps: int) -> None:
    """Raise UserError when a resumed training has more steps behind it than the schedule has."""
    if done > steps:
        raise UserError(
            f"the training there has {done} steps behind it already, more than the {steps} asked for",
            where=str(folder),
            expected="a longer schedule",
            hint=f"--steps {done} for the weights of now, or --fresh to start again",
        )
