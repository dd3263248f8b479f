"""``process:SPEC``: a method that is a command of its own, in any language and any environment."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iper_bench.data.clip import Images
from iper_bench.methods.method import Sources, Subject, Targets
from iper_bench.methods.process_job import Job
from iper_bench.methods.process_spec import ProcessSpec


@dataclass(frozen=True)
class ProcessSubject:
    """One person; every :meth:`render` is one job, in a temporary folder that is removed after it."""

    spec: ProcessSpec
    sources: Sources
    steps: int
    seed: int

    def render(self, targets: Targets) -> Iterator[Images]:
        """Yield batches (B, H, W, 3) uint8 in target order. Raises as
        :meth:`iper_bench.methods.process_job.Job.run`; nothing is tried twice.
        """
        with tempfile.TemporaryDirectory(prefix="iper-bench-job-") as folder:
            yield from Job(self.spec, Path(folder), self.sources, targets, self.steps, self.seed).run()


class ProcessMethod:
    """See the module. A command that trains is told T and the seed, and begins anew for every T."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.trains = spec.trains
        self.identity = spec.identity

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        """The subject; nothing runs before it is drawn."""
        return ProcessSubject(self.spec, sources, steps if self.trains else 0, seed)

    def checkpoints(
        self, sources: Sources, *, steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, Subject]]:
        """One subject per T."""
        for wanted in sorted(set(steps)):
            yield wanted, self.personalize(sources, steps=wanted, seed=seed)
