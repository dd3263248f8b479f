"""Worker processes: how many are worth while, and what each does first, so that it neither outlives its
program nor disturbs it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def usable_cores() -> int:
    """Cores that this process may use, which on a shared machine can be fewer than there are."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def begin_worker() -> None:
    """In a new worker: leave Ctrl-C to the program, which ends its workers, and end when the program ends,
    also when it is killed: a pool's workers would wait for work for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
