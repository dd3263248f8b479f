"""What runs in a worker process of the pool, and the messages it sends."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection

from iper_bench.run.executors.memory import own_peak
from iper_bench.run.executors.placement import gpu_peak
from iper_bench.run.worker import Setup
from iper_bench.store.lock import working

_POLL = 0.1  # seconds between two looks at the parent


@dataclass(frozen=True)
class Ready:
    """Everything is open; ask for units."""


@dataclass(frozen=True)
class Begun:
    """A unit is begun; ``unit``: its id."""

    unit: str


@dataclass(frozen=True)
class Done:
    """A unit is done or failed. ``peak``, ``gpu_peak``: bytes that this process took at most so far."""

    unit: str
    reason: str | None
    peak: int
    gpu_peak: int


@dataclass(frozen=True)
class Idle:
    """The group is done; ask for more."""


@dataclass(frozen=True)
class Broken:
    """The process ends by an error that is no unit's: a full disk, a bug. ``details``: the traceback."""

    error: BaseException
    details: str


def serve(setup: Setup, pipe: Connection, parent: int) -> None:
    """Do the groups of units that come through ``pipe`` until ``None`` comes.

    ``parent``: id of the process that started this one; when it is gone, this one ends at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    with working(setup.out):
        # the lock comes first: after it, either the parent lives and holds the folder or nothing is touched
        _end_with(parent)
        try:
            _serve(setup, pipe)
        except BaseException as error:
            pipe.send(Broken(_sendable(error), traceback.format_exc()))


def _serve(setup: Setup, pipe: Connection) -> None:
    worker = setup.open()
    worker.executor.on_begin = lambda unit: pipe.send(Begun(unit.id))
    pipe.send(Ready())
    while True:
        ids: list[str] | None = pipe.recv()
        if ids is None:
            return
        for outcome in worker.run(ids):
            pipe.send(Done(outcome.unit.id, outcome.reason, own_peak(), gpu_peak()))
        pipe.send(Idle())


def _end_with(parent: int) -> None:
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL)
    os._exit(1)


def _sendable(error: BaseException) -> BaseException:
    """The error, or its words where it cannot travel."""
    import pickle

    try:
        pickle.dumps(error)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


Message = Ready | Begun | Done | Idle | Broken
