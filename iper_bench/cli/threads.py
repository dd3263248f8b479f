"""How many threads the numeric libraries use; to be settled before the first of them is imported.

The default depends on the machine only, never on its load: gradients summed by another number of threads
differ in their last bits, and a run must give the same numbers when it is repeated. A busy machine is met in
two ways that change no result:

- idle OpenMP threads sleep after 5000 rounds of waiting in place of libgomp's hundreds of thousands, with
  which single training steps took 50 times longer as soon as other processes wanted the cores (2 cores, torch
  2.15; on a quiet machine the two settings are about equally fast);
- the user may say ``--threads 1``: with several other processes on two cores that took half the time.
"""

from __future__ import annotations

import os

from iper_bench.errors import UserError

#: The networks of the embedded dataset gain nothing from more; ``--threads`` asks for more.
MOST_THREADS = 4
#: Rounds an idle libgomp thread spins before it sleeps; see the module docstring.
SPIN_ROUNDS = 5000

#: libraries that read their own variable instead of OMP_NUM_THREADS when it is set
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(asked: int | None) -> int:
    """The number of threads: ``asked``, else OMP_NUM_THREADS, else the usable cores, at most MOST_THREADS.

    Raises UserError when OMP_NUM_THREADS is not a positive number.
    """
    if asked is not None:
        return asked
    # OpenMP allows one number per nesting level, "4,2": the outermost counts here.
    named = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if not named:
        return min(usable_cores(), MOST_THREADS)
    if not named.isdigit() or int(named) < 1:
        raise UserError(
            f"'{named}' is not a number of threads",
            where="environment variable OMP_NUM_THREADS",
            expected="a positive whole number",
            hint="OMP_NUM_THREADS=2, or --threads 2",
        )
    return int(named)


def set_threads(asked: int | None) -> int:
    """Write the number of threads into the environment of this process and return it."""
    count = thread_count(asked)
    for variable in _VARIABLES:
        if asked is not None:
            os.environ[variable] = str(count)
        else:
            os.environ.setdefault(variable, str(count))
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN_ROUNDS))
    return count
