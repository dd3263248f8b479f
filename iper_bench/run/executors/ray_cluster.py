"""``RayExecutor``: units on the machines of a Ray cluster, which share the run folder's file system."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iper_bench.atomic import write_text
from iper_bench.errors import UserError
from iper_bench.run.executors.backlog import MOST_DEATHS, Backlog
from iper_bench.run.unit import Unit
from iper_bench.run.worker import Setup
from iper_bench.store.lock import clear_worker_locks, working
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.storing import storing

ADDRESS, CPUS = "address", "num_cpus"
OPTIONS = (ADDRESS, CPUS)
MOST_STARTS = 3  # actors that may die before any has opened its data
_POLL = 1.0
_PATIENCE = 10.0  # seconds for a cluster to answer
#: a hidden name that the next start clears away if this process is killed
TOKEN_FILE = ".token.part"
#: numeric libraries read these when they are imported; Ray would set the first to the cores of an actor
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def require_ray(options: Mapping[str, str]) -> Any:
    """The package ray. Raises UserError without the extra, and for an option that it does not have."""
    for name in options:
        if name not in OPTIONS:
            raise UserError(
                f"unknown option '{name}' of ray",
                where="--executor-option",
                expected=f"one of {', '.join(OPTIONS)}",
            )
    if not options.get(CPUS, "1").isdecimal():
        raise UserError(
            f"found '{options[CPUS]}'", where=f"--executor-option {CPUS}", expected="a whole number"
        )
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "the executor 'ray' needs the package ray",
            where="--executor",
            hint='pip install "iper-bench[distributed]"',
        ) from error
    return ray


class Hand:
    """What runs in the cluster: a :class:`Worker` in a process of its own. Errors travel as values."""

    def __init__(self, setup: Setup, token: str) -> None:
        self._setup, self._token, self._stack = setup, token, ExitStack()

    def open(self) -> BaseException | None:
        """See the run folder and open everything; returns what went wrong."""
        try:
            require_token(self._setup.out, self._token)
            self._stack.enter_context(working(self._setup.out))
            self._worker = self._setup.open()
        except Exception as error:
            return error
        return None

    def do(self, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Do units of one personalisation: ``("order", ids)`` in which they are done,
        ``("done", (id, reason))`` for each, or ``("broken", error)`` at the end.
        """
        try:
            yield "order", self._worker.order(ids)
            for outcome in self._worker.run(ids):
                yield "done", (outcome.unit.id, outcome.reason)
        except Exception as error:
            yield "broken", error


def require_token(out: Path, token: str) -> None:
    """Raise UserError when this machine does not see the file that the driver wrote into ``out``."""
    try:
        found = (out / TOKEN_FILE).read_text(encoding="utf-8")
    except OSError:
        found = ""
    if found != token:
        raise UserError(
            f"does not see the run folder {out}",
            where=f"Ray worker on {os.uname().nodename}",
            expected="a file system that all machines of the cluster share",
            hint="--out with a folder on it",
        )


def require_answer(address: str | None) -> None:
    """Raise UserError when nobody answers at ``HOST:PORT``: Ray itself would try for minutes."""
    _, _, place = (address or "").rpartition("/")
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal():
        return  # "auto", or one that Ray has to understand
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(str(error), address) from error


def _no_cluster(why: str, address: str | None) -> UserError:
    return UserError(
        f"no Ray cluster: {why}"[:200],
        where=f"--address {address}" if address else "--executor ray",
        expected="the address of a running cluster",
        hint="ray status, or leave --address away to start one on this machine",
    )


@dataclass
class _Actor:
    handle: Any
    opening: Any
    group: list[Unit] = field(default_factory=list)
    stream: Any = None

    @property
    def waits_for(self) -> Any:
        """What Ray is asked about: the next message, or that everything is open."""
        return self.stream if self.stream is not None else self.opening


class RayExecutor:
    """See ``UnitExecutor``.

    ``jobs``: actors, 0 for as many as the cluster has room for. ``options``: of :data:`OPTIONS`.
    """

    def __init__(self, setup: Setup, folder: RunFolder, jobs: int, options: Mapping[str, str]) -> None:
        self._setup, self._folder, self._jobs, self._options = setup, folder, jobs, dict(options)
        self._ray = require_ray(options)
        self._actors: list[_Actor] = []
        self._token = ""
        self._failed_starts = 0

    def run(self, groups: Sequence[Sequence[Unit]]) -> Iterator[tuple[Unit, str | None]]:
        """See ``UnitExecutor``. A cluster that is not there yet is started on this machine and ended."""
        backlog = Backlog(groups)
        own = not self._ray.is_initialized()
        try:
            if own:
                self._connect()
            self._token = uuid.uuid4().hex
            with storing():
                write_text(self._folder.path / TOKEN_FILE, self._token)
            kind = self._kind()
            for _ in range(min(len(backlog), self._jobs or self._capacity())):
                self._start(kind)
            while backlog or any(actor.group for actor in self._actors):
                if not self._actors:
                    self._start(kind)
                yield from self._listen(backlog)
        finally:
            self._stop(own)

    # ------------------------------------------------------------------ the cluster

    def _connect(self) -> None:
        address = self._options.get(ADDRESS)
        cpus = self._options.get(CPUS)
        require_answer(address)
        here = {} if address else {"include_dashboard": False, **({"num_cpus": int(cpus)} if cpus else {})}
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="error", **here)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise _no_cluster(first, address) from error

    def _kind(self) -> Any:
        """The actor class, with what each takes of the cluster."""
        variables = {name: os.environ.get(name, str(self._setup.threads)) for name in _THREADS}
        gpus = 1 if self._cluster("GPU") else 0
        return self._ray.remote(Hand).options(
            num_cpus=self._cpus(), num_gpus=gpus, max_restarts=0, runtime_env={"env_vars": variables}
        )

    def _cpus(self) -> int:
        """Cores of an actor: those of its threads, at most what one machine has, or it would never start."""
        most = max(int(node.get("Resources", {}).get("CPU", 1)) for node in self._ray.nodes())
        return max(1, min(self._setup.threads, most))

    def _capacity(self) -> int:
        by_cores = int(self._cluster("CPU")) // self._cpus()
        gpus = int(self._cluster("GPU"))
        return max(1, min(by_cores, gpus) if gpus else by_cores)

    def _cluster(self, resource: str) -> float:
        return float(self._ray.cluster_resources().get(resource, 0))

    def _start(self, kind: Any) -> None:
        handle = kind.remote(self._setup, self._token)
        self._actors.append(_Actor(handle, handle.open.remote()))

    # ------------------------------------------------------------------ the work

    def _listen(self, backlog: Backlog) -> Iterator[tuple[Unit, str | None]]:
        for actor in self._actors:
            if actor.waits_for is None and backlog:
                actor.group = backlog.take()
                actor.stream = actor.handle.do.options(num_returns="streaming").remote(
                    [unit.id for unit in actor.group]
                )
        waiting = {actor.waits_for: actor for actor in self._actors if actor.waits_for is not None}
        ready, _ = self._ray.wait(list(waiting), num_returns=1, timeout=_POLL)
        for one in ready:
            actor = waiting[one]
            try:
                if actor.stream is None:
                    self._opened(actor, self._ray.get(actor.opening))
                else:
                    yield from self._heed(actor, self._ray.get(next(actor.stream)))
            except StopIteration:
                actor.group, actor.stream = [], None
            except self._ray.exceptions.RayError as error:
                yield from self._bury(actor, backlog, type(error).__name__)

    def _opened(self, actor: _Actor, error: BaseException | None) -> None:
        if error is not None:
            raise error
        actor.opening = None
        self._failed_starts = 0

    def _heed(self, actor: _Actor, message: tuple[str, Any]) -> Iterator[tuple[Unit, str | None]]:
        kind, content = message
        if kind == "broken":
            raise content
        if kind == "order":
            actor.group.sort(key=lambda unit: content.index(unit.id))
            return
        unit = next(unit for unit in actor.group if unit.id == content[0])
        actor.group.remove(unit)
        yield unit, content[1]

    def _bury(self, actor: _Actor, backlog: Backlog, how: str) -> Iterator[tuple[Unit, str | None]]:
        """Take the work of a dead actor back; the others, or one new one, do it."""
        self._actors.remove(actor)
        if actor.stream is None:
            self._failed_starts += 1
            if self._failed_starts >= MOST_STARTS and not self._actors:
                raise UserError(
                    f"{self._failed_starts} Ray workers died while they started ({how})",
                    where="--executor ray",
                    expected="the same iper-bench on every machine of the cluster",
                )
        elif actor.group and backlog.died(actor.group, actor.group[0]):
            blamed = actor.group[0]
            reason = f"the Ray worker died {MOST_DEATHS} times at this unit ({how}); try: --retry-failed"
            self._folder.write_failure(blamed.id, blamed.head(), reason, "")
            yield blamed, reason

    def _stop(self, own: bool) -> None:
        if self._ray.is_initialized():
            for actor in self._actors:
                self._ray.kill(actor.handle)
            if own:
                self._ray.shutdown()
        self._actors.clear()
        clear_worker_locks(self._folder.path)
        with storing():
            self._folder.clear_leftovers()
