"""Clips prepared here, one after the other, or by several processes at once."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iper_bench.data.worker_process import begin_worker
from iper_bench.errors import UserError
from iper_bench.tasks.prepare_clip import ClipOptions, ClipOutcome, prepare_clip
from iper_bench.tasks.prepare_frames import RawClip

_stop: Any = None  # in a worker: the event by which the program asks it to stop


@dataclass(frozen=True)
class ClipJob:
    """What :func:`iper_bench.tasks.prepare_clip.prepare_clip` is called with."""

    clip: RawClip
    folder: Path
    options: ClipOptions


def outcomes_here(jobs: Iterator[ClipJob]) -> Generator[ClipOutcome]:
    """Do the jobs in this process."""
    for job in jobs:
        yield prepare_clip(job.clip, job.folder, job.options)


def outcomes_elsewhere(jobs: Iterator[ClipJob], workers: int) -> Generator[ClipOutcome]:
    """Do the jobs in ``workers`` processes, each clip in one of them; outcomes come as they are ready.

    Jobs are taken as they are needed. When the generator is closed or interrupted, the processes stop after
    the frame in hand and end; unfinished clips do not count. They also end when this process is killed.

    Raises
    ------
    UserError when a process was ended from outside.
    """
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(stop,))
    waiting: set[Future[ClipOutcome]] = set()
    try:
        for job in jobs:
            # the decoder's own threads would fight over the cores
            waiting.add(pool.submit(_work, replace(job, options=replace(job.options, threads=1))))
            if len(waiting) > workers:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    except BrokenProcessPool as error:
        raise UserError(
            "a process that prepares clips was ended from outside, perhaps for lack of memory",
            where="--workers",
            expected="processes that live; finished clips are kept",
            hint="the same command again, with --workers 1",
        ) from error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _work(job: ClipJob) -> ClipOutcome:
    return prepare_clip(job.clip, job.folder, job.options, _stop.is_set)


def _begin(stop: Any) -> None:
    """Make a worker leave the terminal to the program; see also :func:`begin_worker`."""
    global _stop
    _stop = stop
    begin_worker()
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  bars of several processes would run over each other
