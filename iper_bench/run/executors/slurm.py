"""``SlurmExecutor``: an array of Slurm jobs over the shared run folder, through submitit.

Each job does its part of the plan and keeps a journal in ``RUN/slurm``, from which this process sees how far
it is, and what it was at when it died. Killing this process leaves the jobs at work; the same command waits
until they have ended and goes on from their files.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.run.executors.backlog import MOST_DEATHS, Backlog
from iper_bench.run.executors.sharding import in_shards
from iper_bench.run.unit import Unit
from iper_bench.run.worker import Setup
from iper_bench.store.lock import clear_worker_locks, working
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.storing import storing

FOLDER = "slurm"  # in the run folder: submitit's files and the journals
CLUSTER, SLURM = "cluster", "slurm"
CLUSTERS = (SLURM, "local", "debug")
#: our name -> submitit's, and whether it is a number
NUMBERS = {"time": "timeout_min", "mem_gb": "mem_gb", "cpus": "cpus_per_task", "gpus": "gpus_per_node"}
#: submitit's own names for options of sbatch
WORDS = ("partition", "account", "qos", "constraint", "comment", "gres", "exclude", "nodelist")
DEFAULT_MINUTES = 24 * 60
_POLL = 0.2


def require_submitit(options: Mapping[str, str]) -> Any:
    """The package submitit. Raises UserError without the extra, and for an option that there is not."""
    for name in options:
        if name not in (CLUSTER, *NUMBERS, *WORDS):
            raise UserError(
                f"unknown option '{name}' of slurm",
                where="--executor-option",
                expected=f"one of {', '.join((*NUMBERS, *WORDS))}",
            )
        if name in NUMBERS and not options[name].isdecimal():
            raise UserError(
                f"found '{options[name]}'",
                where=f"--executor-option {name}",
                expected="a whole number" + (" of minutes" if name == "time" else ""),
            )
    if options.get(CLUSTER, SLURM) not in CLUSTERS:
        raise UserError(
            f"found '{options[CLUSTER]}'", where=CLUSTER, expected=f"one of {', '.join(CLUSTERS)}"
        )
    try:
        import submitit
    except ImportError as error:
        raise UserError(
            "the executor 'slurm' needs the package submitit",
            where="--executor",
            hint='pip install "iper-bench[distributed]"',
        ) from error
    return submitit


def do_part(setup: Setup, groups: Sequence[Sequence[str]], journal: Path) -> BaseException | None:
    """What a job does: groups of unit ids, each with a line in ``journal`` when it is begun and done.

    Returns the error that ended it, ``None`` when all was done.
    """
    try:
        with working(setup.out), journal.open("a", encoding="utf-8") as stream:

            def note(**line: Any) -> None:
                stream.write(json.dumps(line) + "\n")
                stream.flush()

            worker = setup.open()
            worker.executor.on_begin = lambda unit: note(begun=unit.id)
            for group in groups:
                for outcome in worker.run(group):
                    note(done=outcome.unit.id, reason=outcome.reason)
    except Exception as error:
        return error
    return None


@dataclass
class _Part:
    """A job and what is known of it."""

    job: Any
    groups: list[list[Unit]]
    journal: Path
    read: int = 0
    at: str | None = None
    done: set[str] = field(default_factory=set)


class SlurmExecutor:
    """See ``UnitExecutor``. ``jobs``: of the array, 0 for one per group.

    ``options``: of :data:`NUMBERS` and :data:`WORDS`; ``cluster`` = ``local`` or ``debug`` takes submitit's
    executors without Slurm.
    """

    def __init__(self, setup: Setup, folder: RunFolder, jobs: int, options: Mapping[str, str]) -> None:
        self._setup, self._folder, self._jobs, self._options = setup, folder, jobs, dict(options)
        self._submitit = require_submitit(options)
        self._path = folder.path.absolute() / FOLDER

    def run(self, groups: Sequence[Sequence[Unit]]) -> Iterator[tuple[Unit, str | None]]:
        """See ``UnitExecutor``. What is left of jobs that died is submitted again."""
        backlog = Backlog(groups)
        parts: list[_Part] = []
        try:
            while backlog:
                parts = self._submit([backlog.take() for _ in range(len(backlog))])
                while parts:
                    for part in list(parts):
                        ended = part.job.done()  # asked before the journal is read: nothing is missed
                        yield from self._read(part)
                        if ended:
                            parts.remove(part)
                            yield from self._end(part, backlog)
                    time.sleep(_POLL if parts else 0)
        finally:
            for part in parts:
                part.job.cancel()
            clear_worker_locks(self._folder.path)
            with storing():
                self._folder.clear_leftovers()

    # ------------------------------------------------------------------ submitting

    def _submit(self, groups: Sequence[list[Unit]]) -> list[_Part]:
        count = min(len(groups), self._jobs) if self._jobs else len(groups)
        shards = [[list(group) for group in shard] for shard in in_shards(groups, count)]
        with storing():
            self._path.mkdir(exist_ok=True)
            attempt = len(list(self._path.glob("journal-*-0.jsonl")))
            journals = [self._path / f"journal-{attempt}-{number}.jsonl" for number in range(count)]
            for journal in journals:
                journal.touch()
        ids = [[[unit.id for unit in group] for group in shard] for shard in shards]
        executor = self._executor()
        try:
            jobs = executor.map_array(do_part, [self._setup] * count, ids, journals)
        except (self._submitit.core.utils.FailedJobError, RuntimeError, OSError, ValueError) as error:
            raise self._refused(error) from error
        return [
            _Part(job, shard, journal) for job, shard, journal in zip(jobs, shards, journals, strict=True)
        ]

    def _executor(self) -> Any:
        cluster = self._options.get(CLUSTER, SLURM)
        values: dict[str, Any] = {"timeout_min": DEFAULT_MINUTES, "name": "iper-bench"}
        for name, theirs in NUMBERS.items():
            if name in self._options:
                values[theirs] = int(self._options[name])
        values.setdefault("cpus_per_task", self._setup.threads)
        if cluster == SLURM:
            values |= {f"slurm_{name}": self._options[name] for name in WORDS if name in self._options}
        try:
            executor = self._submitit.AutoExecutor(folder=str(self._path / "%j"), cluster=cluster)
            executor.update_parameters(**values)
        except (RuntimeError, ValueError, OSError) as error:
            raise self._refused(error) from error
        return executor

    def _refused(self, error: Exception) -> UserError:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        return UserError(
            f"no job could be submitted: {first}"[:240],
            where="--executor slurm",
            expected="a machine on which sbatch works",
            hint="sinfo; --executor-option partition=NAME",
        )

    # ------------------------------------------------------------------ watching

    def _read(self, part: _Part) -> Iterator[tuple[Unit, str | None]]:
        """New lines of a journal; one that is half written waits for its end."""
        with part.journal.open("rb") as stream:
            stream.seek(part.read)
            text = stream.read()
        whole = text[: text.rfind(b"\n") + 1]
        part.read += len(whole)
        units = {unit.id: unit for group in part.groups for unit in group}
        for line in whole.decode("utf-8").splitlines():
            content = json.loads(line)
            if "begun" in content:
                part.at = content["begun"]
                continue
            part.at = None
            part.done.add(content["done"])
            yield units[content["done"]], content["reason"]

    def _end(self, part: _Part, backlog: Backlog) -> Iterator[tuple[Unit, str | None]]:
        """What a job left undone: nothing, an error that ends the run, or the work of one that died."""
        left = [[unit for unit in group if unit.id not in part.done] for group in part.groups]
        left = [group for group in left if group]
        try:
            error = part.job.result()
        except Exception as failure:  # submitit's own: killed, out of time, node lost
            error, how = None, _how(failure, part.job)
        else:
            how = "it ended early"
        if error is not None:
            raise error
        if not left:
            return
        for group in reversed(left[1:]):
            backlog.put_back(group)
        blamed = next((unit for unit in left[0] if unit.id == part.at), left[0][0])
        if backlog.died(left[0], blamed):
            reason = f"the Slurm job died {MOST_DEATHS} times at this unit ({how}); try: --retry-failed"
            self._folder.write_failure(blamed.id, blamed.head(), reason, "")
            yield blamed, reason


def _how(failure: Exception, job: Any) -> str:
    """In one line how a job died: its number, its state, the last it wrote."""
    lines = [line.strip() for line in (job.stderr() or "").splitlines() if line.strip()]
    said = lines[-1][:120] if lines else type(failure).__name__
    return f"job {job.job_id}, state {job.state}: {said}"
