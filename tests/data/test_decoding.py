"""``frame_stream``: the same frames and errors for every number of workers, and no process left behind."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data import decoding
from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.decode_workers import SLOTS, DecodeWorkers
from iper_bench.data.decoding import close_workers, frame_stream, worker_count
from iper_bench.data.image_io import encode_png
from iper_bench.data.video_io import FrameFolder, read_image
from iper_bench.errors import UserError

COUNT, SIZE = 23, 8


@dataclass(frozen=True)
class Decode:
    """What a worker calls; ``kill`` ends the worker instead."""

    files: tuple[Path, ...]
    kill: bool = False

    def __call__(self) -> Images:
        if self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.stack([read_image(path) for path in self.files])


class PngClip(Clip):
    """Numbered files of a folder."""

    def __init__(self, folder: Path, *, kill: bool = False, recipes: bool = True) -> None:
        self.name, self.subject, self.size = "someone/walk", "someone", (SIZE, SIZE)
        self._folder, self._kill, self._recipes = folder, kill, recipes
        self.asked = 0
        self.track = BodyTrack(
            np.zeros(10, np.float32), np.zeros((COUNT, 72), np.float32), np.ones((COUNT, 3), np.float32)
        )

    def frames(self, indices: Sequence[int]) -> Images:
        return self._decode(indices)()

    def masks(self, indices: Sequence[int]) -> None:
        return None

    def recipe(self, indices: Sequence[int]) -> Callable[[], Images] | None:
        self.asked += 1
        return self._decode(indices, self._kill) if self._recipes else None

    def _decode(self, indices: Sequence[int], kill: bool = False) -> Decode:
        return Decode(tuple(self._folder / f"{index:08d}.png" for index in indices), kill)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    writer = FrameFolder(tmp_path / "frames")
    for _ in range(COUNT):
        writer.write(random.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    return writer.folder


@pytest.fixture(scope="module", autouse=True)
def _no_workers_left() -> Iterator[None]:
    yield
    close_workers()


INDICES = [*range(0, COUNT, 2), 3, 3, 1]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_same_frames_for_every_number_of_workers_and_batch(folder: Path, workers: int) -> None:
    clip = PngClip(folder)
    expected = clip.frames(INDICES)
    for batch, ahead in ((1, 1), (4, 2), (16, 4), (100, 1)):
        parts = list(frame_stream(clip, INDICES, batch=batch, workers=workers, ahead=ahead))
        assert [len(part) for part in parts[:-1]] == [batch] * (len(parts) - 1)
        assert np.array_equal(np.concatenate(parts), expected)
    assert list(frame_stream(clip, [], workers=workers)) == []


def test_worker_decodes_what_the_clip_decodes_here_otherwise(folder: Path) -> None:
    """A stream uses recipes exactly when it has workers, and does without where the clip has none."""
    clip = PngClip(folder)
    list(frame_stream(clip, INDICES, workers=0))
    assert clip.asked == 0
    list(frame_stream(clip, INDICES, workers=1))
    assert clip.asked > 0
    plain = PngClip(folder, recipes=False, kill=True)
    assert np.array_equal(np.concatenate(list(frame_stream(plain, INDICES, workers=1))), clip.frames(INDICES))


@pytest.mark.parametrize("workers", [0, 1])
def test_error_of_a_frame_comes_in_its_turn_and_unchanged(folder: Path, workers: int) -> None:
    (folder / "00000009.png").write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8))[:40])
    clip = PngClip(folder)
    stream = frame_stream(clip, range(COUNT), batch=4, workers=workers)
    assert len(next(stream)) == len(next(stream)) == 4
    with pytest.raises(UserError) as caught:
        next(stream)
    with pytest.raises(UserError) as here:
        clip.frames([9])
    fields = ("what", "where", "expected", "hint")
    assert [getattr(caught.value, name) for name in fields] == [getattr(here.value, name) for name in fields]
    assert str(caught.value) == str(here.value)
    assert "00000009.png" in str(caught.value)


def test_user_error_survives_pickling() -> None:
    error = UserError("broken", where="clip 'a', frame 3", expected="whole", hint="mend it")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, UserError)
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_killed_worker_gives_one_line_and_the_next_stream_works(folder: Path) -> None:
    with pytest.raises(UserError, match="ended from outside") as caught:
        list(frame_stream(PngClip(folder, kill=True), INDICES, workers=1))
    assert "someone/walk" in str(caught.value)
    assert decoding.VARIABLE in str(caught.value)
    clip = PngClip(folder)
    assert np.array_equal(np.concatenate(list(frame_stream(clip, INDICES, workers=1))), clip.frames(INDICES))


def test_frames_are_the_same_through_memory_and_pipe(folder: Path) -> None:
    """Slots that hold batches of four frames and not of five; with more jobs than slots."""
    clip = PngClip(folder)
    workers = DecodeWorkers(1, slot_bytes=4 * SIZE * SIZE * 3)
    try:
        for batch in (4, 5):
            parts = [range(first, min(first + batch, COUNT)) for first in range(0, COUNT, batch)] * 3
            jobs = [workers.submit(clip.recipe(part)) for part in parts]  # type: ignore[arg-type]
            assert len(jobs) > SLOTS
            jobs[3].drop()
            for place, (job, part) in enumerate(zip(jobs, parts, strict=True)):
                if place != 3:
                    assert np.array_equal(job.result(), clip.frames(part))
            assert len(workers._free) == SLOTS
    finally:
        workers.close()


def test_prefetch_is_bounded_and_ends_with_the_stream(folder: Path) -> None:
    clip = PngClip(folder)
    stream = frame_stream(clip, range(COUNT), batch=1, workers=1, ahead=3)
    assert clip.asked == 1  # whether there are recipes
    next(stream)
    assert clip.asked == 1 + 1 + 3
    next(stream)
    assert clip.asked == 1 + 2 + 3
    stream.close()  # type: ignore[attr-defined]
    assert clip.asked == 1 + 2 + 3


SCRIPT = """
import os, sys, signal
from pathlib import Path
from tests.data.test_decoding import PngClip
from iper_bench.data.decoding import frame_stream
from iper_bench.data.decode_workers import _started
if __name__ == "__main__":
    stream = frame_stream(PngClip(Path(sys.argv[1])), range(23), batch=1, workers=1)
    next(stream)
    workers = next(iter(_started.values()))
    print(*workers._pool._processes, flush=True)
    signal.pause()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_workers_end_with_the_program(folder: Path, tmp_path: Path) -> None:
    """Ctrl-C and even a kill leave no process behind."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(script), str(folder)]
    programs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        for _ in range(2)
    ]
    workers = []
    for program, ending in zip(programs, (signal.SIGINT, signal.SIGKILL), strict=True):
        with program:
            assert program.stdout is not None
            workers += [int(word) for word in program.stdout.readline().split()]
            program.send_signal(ending)
            program.wait(timeout=30)
    assert len(workers) == 2
    limit = time.monotonic() + 20
    while any(alive(worker) for worker in workers):
        assert time.monotonic() < limit, "a worker still runs"
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc").is_dir()


def test_default_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(decoding.VARIABLE, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert worker_count(1000) == 2
    assert worker_count(10) == 0
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert worker_count(1000) == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert worker_count(1000) == 0
    monkeypatch.setenv(decoding.VARIABLE, "3")
    assert worker_count(10) == 3
    monkeypatch.setenv(decoding.VARIABLE, "many")
    with pytest.raises(UserError, match="many"):
        worker_count(10)


def test_daemonic_process_decodes_by_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of somebody's pool may have no children; starting them would end it."""
    clip = PngClip(folder)
    monkeypatch.setattr(multiprocessing.current_process(), "_config", {"daemon": True})
    assert np.array_equal(np.concatenate(list(frame_stream(clip, INDICES, workers=1))), clip.frames(INDICES))
    assert clip.asked == 0


def test_recipe_that_gives_something_else_is_an_error(folder: Path) -> None:
    class Short(PngClip):
        def frames(self, indices: Sequence[int]) -> Images:
            return super().frames(indices)[:-1]

    with pytest.raises(ValueError, match="for 4 frames"):
        list(frame_stream(Short(folder), range(8), batch=4, workers=0))
    with pytest.raises(ValueError, match="batch 0"):
        frame_stream(Short(folder), [0], batch=0)
