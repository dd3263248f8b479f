"""``Worker``: what one process needs to do units of a plan, opened again from the request."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from iper_bench.device import VARIABLE as DEVICE_VARIABLE
from iper_bench.errors import UserError
from iper_bench.run.environment import environment
from iper_bench.run.environment import provenance as rows_provenance
from iper_bench.run.execute import Executor
from iper_bench.run.opened import Opener, fit_methods, open_request, plan_of
from iper_bench.run.plan import Plan
from iper_bench.run.request import RunRequest
from iper_bench.run.unit import Unit
from iper_bench.store.plan_file import difference
from iper_bench.store.run_folder import RunFolder

#: variables of the environment that change what is opened or computed; a worker elsewhere gets them too
VARIABLES = ("IPER_BENCH_",)


@dataclass(frozen=True)
class Outcome:
    """A unit that is done (``reason`` is ``None``) or failed."""

    unit: Unit
    reason: str | None


class Worker:
    """Does units by their ids. ``plan`` and ``executor`` belong together."""

    def __init__(self, plan: Plan, executor: Executor) -> None:
        self.plan = plan
        self.executor = executor
        self._units = {unit.id: unit for unit in plan.units}

    @staticmethod
    def open(
        request: RunRequest,
        out: Path,
        plan_hash: str,
        opener: Opener | None = None,
        provenance: Mapping[str, str] | None = None,
    ) -> Worker:
        """Open protocol, dataset, methods and metrics of a request again, and the run folder ``out``.

        Parameters
        ----------
        opener: ``None`` for the package's own. provenance: what rows carry; ``None`` for this process's.

        Raises
        ------
        UserError when the plan made here is not the one of ``plan_hash``: this machine sees other data or
        has another version of the package. The line says where the plans differ.
        """
        opened = (opener or open_request)(request)
        methods, _ = fit_methods(request, opened.methods, opened.protocol)
        plan = plan_of(request, opened.protocol, opened.dataset, methods, opened.scorer)
        folder = RunFolder.open(out)
        if plan.hash != plan_hash:
            where = difference(folder.plan, plan.document) or "the run folder itself holds another plan"
            raise UserError(
                f"this worker would do another plan: {where}",
                where=f"worker on {os.uname().nodename}",
                expected="the same data, weights and iper-bench as where the run was started",
            )
        if provenance is None:
            here = environment(request.device, request.seeds)
            provenance = rows_provenance(here, plan.protocol_hash, opened.dataset.fingerprint)
        executor = Executor(
            *(plan, folder, opened.dataset, methods, opened.scorer, provenance),
            kept=request.predictions,
            measures=request.measure,
            in_company=True,
        )
        return Worker(plan, executor)

    def run(self, unit_ids: Sequence[str]) -> Iterator[Outcome]:
        """Do units of one personalisation. Raises StoreError when the run folder cannot be written, KeyError
        for an id that is not in the plan.
        """
        for unit, reason in self.executor.run_group([self._units[one] for one in unit_ids]):
            yield Outcome(unit, reason)

    def order(self, unit_ids: Sequence[str]) -> list[str]:
        """The order in which :meth:`run` does them."""
        return [unit.id for unit in self.executor.in_order([self._units[one] for one in unit_ids])]


@dataclass(frozen=True)
class Setup:
    """All that a process elsewhere needs to become a worker; plain values that travel.

    Attributes
    ----------
    out: the run folder, absolute. plan_hash: of its plan. provenance: what rows carry.
    threads: CPU threads of torch; results depend on it, so a worker takes those of the process that began.
    folder: working folder, against which the request's relative paths are meant.
    environment: variables that change what is computed.
    opener: see :meth:`Worker.open`.
    """

    request: RunRequest
    out: Path
    plan_hash: str
    provenance: tuple[tuple[str, str], ...]
    threads: int
    folder: Path
    environment: tuple[tuple[str, str], ...]
    opener: Opener | None = None

    @staticmethod
    def of(
        request: RunRequest, out: Path, plan_hash: str, provenance: Mapping[str, str], opener: Opener | None
    ) -> Setup:
        """The setup of workers that continue this process's work."""
        import torch

        variables = {key: value for key, value in os.environ.items() if key.startswith(VARIABLES)}
        return Setup(
            request=request,
            out=out.absolute(),
            plan_hash=plan_hash,
            provenance=tuple(sorted(provenance.items())),
            threads=torch.get_num_threads(),
            folder=Path.cwd(),
            environment=tuple(sorted(variables.items())),
            opener=opener,
        )

    def on(self, device: str | None) -> Setup:
        """The same on a GPU: drawing, networks, and metrics if they are measured on a GPU."""
        if device is None:
            return self
        measured = self.request.device
        request = replace(self.request, device=device if measured.startswith("cuda") else measured)
        variables = {**dict(self.environment), DEVICE_VARIABLE: device}
        return replace(self, request=request, environment=tuple(sorted(variables.items())))

    def open(self) -> Worker:
        """Become a worker: set folder, variables and threads of this process and open everything.

        Raises UserError when the working folder or the run folder is not here, and as :meth:`Worker.open`.
        """
        import torch

        os.environ.update(self.environment)
        torch.set_num_threads(self.threads)
        for path, what in ((self.folder, "the working folder"), (self.out, "the run folder")):
            if not path.is_dir():
                raise UserError(
                    f"{what} {path} is not on this machine",
                    where=f"worker on {os.uname().nodename}",
                    expected="a file system that all machines share",
                )
        os.chdir(self.folder)
        return Worker.open(self.request, self.out, self.plan_hash, self.opener, dict(self.provenance))
