"""``Pool``: units in several processes of this machine, as many as memory and GPUs hold.

The first worker starts alone, for nobody knows what it takes; when its first unit is done, others follow
while another such peak fits. A worker that dies (mostly killed for its memory) costs its unit one more try
with fewer workers; a unit that costs a second one is recorded as failed, and the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from iper_bench.errors import UserError
from iper_bench.run.executors.backlog import MOST_DEATHS, Backlog
from iper_bench.run.executors.memory import Room, held_by, in_words, room
from iper_bench.run.executors.placement import Gpu, place
from iper_bench.run.executors.pool_process import Begun, Broken, Done, Idle, Message, Ready, serve
from iper_bench.run.unit import Unit
from iper_bench.run.worker import Setup
from iper_bench.store.lock import clear_worker_locks
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.storing import storing

START_METHOD = "spawn"  # a fork would copy locks that threads of torch hold
_POLL = 0.5  # seconds between two looks at memory and workers
_GRACE = 5.0  # seconds to end before a worker is killed
MOST_STARTS = 3  # workers that may die before any has opened its data


@dataclass
class _Hand:
    """One worker process as its parent sees it."""

    process: BaseProcess
    pipe: Connection
    gpu: Gpu | None
    ready: bool = False
    busy: bool = False
    group: list[Unit] = field(default_factory=list)
    at: Unit | None = None


class Pool:
    """See the module. ``jobs``: processes at most. ``gpus``: over which they are spread; none on the CPU.

    ``measure_room``: how much memory is free, for tests. ``say``: takes lines for the user.
    """

    def __init__(
        self,
        setup: Setup,
        folder: RunFolder,
        jobs: int,
        *,
        gpus: Sequence[Gpu] = (),
        measure_room: Callable[[], Room] = room,
        say: Callable[[str], object] | None = None,
    ) -> None:
        self._setup = setup
        self._folder = folder
        self._asked = self._limit = jobs
        self._gpus = gpus
        self._room = measure_room
        self._say = say or (lambda line: sys.stderr.write(f"{line}\n"))
        self._hands: list[_Hand] = []
        self._peak: int | None = None
        self._gpu_peak: int | None = None
        self._said = False
        self._next_look = 0.0
        self._failed_starts = 0

    def run(self, groups: Sequence[Sequence[Unit]]) -> Iterator[tuple[Unit, str | None]]:
        """See ``UnitExecutor``."""
        backlog = Backlog(groups)
        self._limit = min(self._asked, max(1, len(backlog)))
        try:
            while backlog or any(hand.busy for hand in self._hands):
                self._admit(backlog)
                self._give_out(backlog)
                yield from self._listen(backlog)
        finally:
            self._stop()

    # ------------------------------------------------------------------ starting

    def _admit(self, backlog: Backlog) -> None:
        """Start one worker more, if there is work for it and room."""
        idle = sum(not hand.busy for hand in self._hands)
        if len(self._hands) >= self._limit or idle >= len(backlog):
            return
        if not self._hands:
            self._start()
        elif self._peak is not None and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _POLL
            self._weigh()
            if self._fits(self._peak):
                self._start()

    def _fits(self, peak: int) -> bool:
        now = self._room()
        growing = [peak - held_by(hand.process.pid or 0) for hand in self._hands]
        if now.admits(peak, growing):
            return not self._gpus or place(self._gpus, self._running(), self._gpu_peak) is not None
        if not self._said:
            self._said = True
            self._say(
                f"{self._asked} workers asked for, {len(self._hands)} at work: each takes up to "
                f"{in_words(peak)}, {in_words(now.free)} of {in_words(now.total)} are free and "
                f"{in_words(now.reserve)} are kept in reserve; more start when memory is free"
            )
        return False

    def _running(self) -> dict[int, int]:
        return Counter(hand.gpu.index for hand in self._hands if hand.gpu is not None)

    def _start(self) -> None:
        gpu = place(self._gpus, self._running(), self._gpu_peak) if self._gpus else None
        context = multiprocessing.get_context(START_METHOD)
        ours, theirs = context.Pipe()
        setup = self._setup.on(None if gpu is None else gpu.name)
        process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=serve, args=(setup, theirs, os.getpid()), daemon=False, name="iper-bench worker"
        )
        process.start()
        theirs.close()
        self._hands.append(_Hand(process, ours, gpu))

    def _give_out(self, backlog: Backlog) -> None:
        for hand in self._hands:
            if hand.ready and not hand.busy and backlog:
                hand.group, hand.at, hand.busy = backlog.take(), None, True
                try:
                    hand.pipe.send([unit.id for unit in hand.group])
                except OSError:  # it has died meanwhile; its end shows in the pipe
                    backlog.put_back(hand.group)
                    hand.group, hand.busy = [], False

    # ------------------------------------------------------------------ listening

    def _listen(self, backlog: Backlog) -> Iterator[tuple[Unit, str | None]]:
        pipes = {hand.pipe: hand for hand in self._hands}
        for pipe in wait(list(pipes), timeout=_POLL):
            hand = pipes[pipe]  # type: ignore[index]
            try:
                message: Message = hand.pipe.recv()
            except (EOFError, OSError):
                yield from self._bury(hand, backlog)
                continue
            yield from self._heed(hand, message)

    def _heed(self, hand: _Hand, message: Message) -> Iterator[tuple[Unit, str | None]]:
        if isinstance(message, Ready):
            hand.ready = True
            self._failed_starts = 0
        elif isinstance(message, Begun):
            hand.at = _named(hand.group, message.unit)
        elif isinstance(message, Done):
            unit = _named(hand.group, message.unit)
            hand.group.remove(unit)
            hand.at = None
            self._peak = max(self._peak or 0, message.peak)
            self._gpu_peak = max(self._gpu_peak or 0, message.gpu_peak)
            yield unit, message.reason
        elif isinstance(message, Idle):
            hand.busy = False
        elif isinstance(message, Broken):
            if isinstance(message.error, UserError):
                raise message.error
            raise message.error from RuntimeError(f"in a worker process:\n{message.details}")

    def _weigh(self) -> None:
        """What the workers hold now, with processes of their own, counts where it is more than they say."""
        held = (held_by(hand.process.pid or 0) for hand in self._hands)
        self._peak = max(self._peak or 0, *held)

    def _bury(self, hand: _Hand, backlog: Backlog) -> Iterator[tuple[Unit, str | None]]:
        """Take the work of a dead worker back."""
        hand.process.join(_GRACE)
        hand.pipe.close()
        self._hands.remove(hand)
        how = _how_it_ended(hand.process)
        self._limit = max(1, min(self._limit, len(self._hands)))
        if not hand.ready:
            self._failed_starts += 1
            if self._failed_starts >= MOST_STARTS and not self._hands:
                raise UserError(
                    f"{self._failed_starts} worker processes died while they started ({how})",
                    where="--jobs",
                    expected="memory for one worker",
                    hint="--jobs 1, which needs no further process",
                )
            return
        if not hand.group:
            return
        blamed = hand.at or hand.group[0]
        if backlog.died(hand.group, blamed):
            reason = (
                f"the worker process died {MOST_DEATHS} times at this unit ({how}); try: --retry-failed "
                "--jobs 1, with a smaller --size, fewer --sn, or NAME[batch=1]"
            )
            self._folder.write_failure(blamed.id, blamed.head(), reason, "")
            yield blamed, reason

    # ------------------------------------------------------------------ ending

    def _stop(self) -> None:
        for hand in self._hands:
            if hand.busy or not hand.ready:
                hand.process.terminate()  # interrupted, or ended by an error of another worker
            else:
                _send_end(hand.pipe)
        for hand in self._hands:
            hand.process.join(_GRACE)
            if hand.process.is_alive():
                hand.process.kill()
                hand.process.join()
            hand.pipe.close()
        self._hands.clear()
        clear_worker_locks(self._folder.path)
        with storing():
            self._folder.clear_leftovers()


def _send_end(pipe: Connection) -> None:
    try:
        pipe.send(None)
    except OSError:
        return  # it is gone already


def _named(group: Sequence[Unit], identity: str) -> Unit:
    return next(unit for unit in group if unit.id == identity)


def _how_it_ended(process: BaseProcess) -> str:
    code = process.exitcode
    if code is None or code >= 0:
        return f"exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return f"killed by {name}" + (", mostly for want of memory" if -code == signal.SIGKILL else "")
