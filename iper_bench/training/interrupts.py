"""Ctrl-C and SIGTERM while training: remembered, and acted on between two steps.

In the middle of a step the weights belong to no step number; a state saved there could not be resumed
exactly.
"""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: seconds in which a second signal is the same one: a launcher passes Ctrl-C on to processes that the
#: terminal has sent it to already
ECHO = 1.0


class StopRequest:
    """Within it the first signal only sets :attr:`seen`; another one, after :data:`ECHO`, ends the program at
    once.

    Signals reach the main thread alone; in any other thread nothing changes.
    """

    def __init__(self) -> None:
        self.seen = False
        self._since = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.seen:
            self.seen, self._since = True, time.monotonic()
        elif time.monotonic() - self._since > ECHO:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._note) for one in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, signal.SIG_DFL if handler is None else handler)
        self._before = {}
