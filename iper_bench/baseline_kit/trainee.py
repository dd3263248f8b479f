"""A baseline as the shared loop trains it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from iper_bench.baseline_kit.baseline import Baseline
from iper_bench.baseline_kit.method import BaselineSubject, to_device
from iper_bench.baseline_kit.sampling import ExampleSampler, StepExamples
from iper_bench.baseline_kit.validation import MOST_ROWS, BaselineValidator, comparison
from iper_bench.data.clip import Images
from iper_bench.errors import UserError
from iper_bench.hashing import step_seed
from iper_bench.methods.method import Sources, Targets
from iper_bench.out_of_memory import is_out_of_memory
from iper_bench.training.finite import check_finite
from iper_bench.training.state import STATE_FILE, other_setup, read_state, write_state
from iper_bench.training.team import Team
from iper_bench.training.trainee import Learned, Validation


class BaselineTrainee:
    """See :class:`iper_bench.training.trainee.Trainee`.

    Parameters
    ----------
    baseline: its networks are moved to the team's device, and :meth:`Baseline.start` is called.
    sampler: of its examples. seed: of what is random within a step.
    steps: length of the schedule, which decides what each step draws.
    """

    def __init__(
        self,
        baseline: Baseline[Any],
        sampler: ExampleSampler,
        team: Team,
        *,
        seed: int,
        steps: int,
        validator: BaselineValidator | None = None,
    ) -> None:
        self._baseline, self._sampler, self._team = baseline, sampler, team
        self._seed, self._steps = seed, steps
        self._validator = validator
        self.validates = validator is not None
        self.step = 0
        self.settled = True
        self.pending: dict[str, Any] | None = None
        for network in baseline.networks.values():
            team.place(network)
        baseline.team = team
        torch.manual_seed(seed)  # what start() draws
        baseline.start()

    def restore(self, folder: Path, identity: str) -> bool:
        """Go on from the state in ``folder``, if there is one. Raises UserError for another set-up or a
        damaged file.
        """
        path = folder / STATE_FILE
        if not path.is_file():
            return False
        content = read_state(path)
        if content.get("identity") != identity or "networks" not in content:
            raise other_setup(folder)
        try:
            for name, network in self._baseline.networks.items():
                network.load_state_dict(content["networks"][name])
            for name, optimiser in self._baseline.optimisers.items():
                optimiser.load_state_dict(content["optimisers"][name])
            self._baseline.load_extra_state(content["extra"])
            self.step, self.pending = int(content["step"]), content.get("pending")
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            if is_out_of_memory(error):
                raise
            raise UserError(
                f"training state does not fit '{self._baseline.name}' ({' '.join(str(error).split())[:120]})",
                where=str(path),
                expected="the state written by an earlier run of this version",
                hint="--fresh to start again",
            ) from error
        return True

    def save(self, folder: Path, identity: str) -> None:
        """Write ``state.pt`` atomically."""
        baseline = self._baseline
        content: dict[str, Any] = {
            "identity": identity,
            "step": self.step,
            "networks": {name: network.state_dict() for name, network in baseline.networks.items()},
            "optimisers": {name: one.state_dict() for name, one in baseline.optimisers.items()},
            "extra": baseline.extra_state(),
        }
        if self.pending is not None and self.pending["count"] > 0:
            content["pending"] = self.pending
        write_state(folder, content)

    def draw(self, step: int, part: int) -> StepExamples:
        """The examples of a step and their conditions."""
        return self._sampler.draw(self._baseline, self._baseline.need(step, self._steps), step, part)

    def learn(self, batches: Sequence[StepExamples], steps: int) -> Learned:
        """One step of every player. The batch of this process is the only one."""
        (batch,) = batches
        for network in self._baseline.networks.values():
            network.train()
        torch.manual_seed(step_seed(self._seed, self.step))
        rate = self._baseline.rate(self.step, steps)
        self.settled = False
        terms = self._baseline.learn(to_device(batch.tensors, self._team.device), self.step, steps)
        terms = self._team.mean(terms)
        check_finite(terms, self.step)
        self.step += 1
        self.settled = True
        return Learned(terms, rate)

    def picture(self, batch: StepExamples) -> Images:
        """The last frame of each example drawn from the others: source, made, truth."""
        sources, made, truths = [], [], []
        for example in batch.examples[:MOST_ROWS]:
            last = len(example) - 1
            first = example.take(range(max(1, last)))
            subject = BaselineSubject(
                self._baseline, Sources(first.frames, first.masks, first.track, first.body)
            )
            sources.append(first.frames[0])
            targets = Targets(example.track.take([last]), True)
            made.append(np.concatenate(list(subject.render(targets)))[0])
            truths.append(example.frames[last])
        return comparison(np.stack(sources), np.stack(made), np.stack(truths))

    def validate(self) -> Validation:
        """The present weights on held-out clips."""
        if self._validator is None:
            raise ValueError("no validator")
        return self._validator.measure(self._baseline)
