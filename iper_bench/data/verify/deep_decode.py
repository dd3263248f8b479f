"""``decode_all``: every picture and video of many clips, decoded by several processes, in order."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from iper_bench.data.verify.pictures import Seen, decode_pictures, video_fault
from iper_bench.data.worker_process import begin_worker
from iper_bench.errors import UserError

PICTURES = 64  # of one piece of work: a second or so
AHEAD = 4  # pieces per process that wait, or whose result waits


@dataclass(frozen=True)
class Piece:
    """Work for one process: pictures of one folder, or a video when there are no names.

    Attributes
    ----------
    clip: whose.
    place: the folder, or the video file.
    names: pictures of the folder.
    """

    clip: str
    place: Path
    names: tuple[str, ...] = ()


def picture_pieces(clip: str, folder: Path, names: Iterable[str]) -> Iterator[Piece]:
    """The pictures ``names`` of ``folder`` in pieces of :data:`PICTURES`."""
    rest = iter(names)
    while part := tuple(itertools.islice(rest, PICTURES)):
        yield Piece(clip, folder, part)


def decode_piece(piece: Piece) -> list[Seen]:
    """Decode a piece; of a video one entry without a size."""
    if piece.names:
        return decode_pictures(piece.place, piece.names)
    return [Seen(piece.place.name, fault=video_fault(piece.place, deep=True))]


def decode_all(pieces: Iterable[Piece], jobs: int) -> Iterator[tuple[Piece, list[Seen]]]:
    """Decode pieces and yield each with its result, in their order.

    Parameters
    ----------
    jobs: processes; 1 decodes in this one. New processes ("spawn") end with the iterator.

    Raises
    ------
    ValueError for less than one process, UserError when one was killed from outside.
    """
    if jobs < 1:
        raise ValueError(f"{jobs} processes")
    if jobs == 1:
        yield from ((piece, decode_piece(piece)) for piece in pieces)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=begin_worker)
    waiting: deque[tuple[Piece, Future[list[Seen]]]] = deque()
    try:
        for piece in pieces:
            waiting.append((piece, pool.submit(decode_piece, piece)))
            if len(waiting) >= jobs * AHEAD:
                yield _finished(waiting)
        while waiting:
            yield _finished(waiting)
    except BrokenProcessPool as error:
        raise UserError(
            "a process that decodes pictures was ended from outside, perhaps for lack of memory",
            where="--deep",
            expected=f"{jobs} processes that live",
            hint="--jobs 1",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(waiting: deque[tuple[Piece, Future[list[Seen]]]]) -> tuple[Piece, list[Seen]]:
    piece, future = waiting.popleft()
    return piece, future.result()
