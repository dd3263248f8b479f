"""Frames per second of ``frame_stream``: 512x512 PNG frames in a folder and an mp4, decoded by this process
and by one or two workers, alone and beside work of this process.

    python benchmarks/decoding.py

All lines of a table are measured in one run, one after the other and in three rounds, of which the fastest
counts; the last column is the ratio to workers 0. "Beside work" means that this process computes between two
batches for as long as it takes to decode one, as a metric or a network on the processor does. The start of
the workers is not in it and is printed by itself. On a machine with few or busy cores the ratios say little.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import skimage.data

from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.decoding import BATCH, close_workers, frame_stream
from iper_bench.data.layouts.frame_recipe import Frame, PictureRecipe, VideoRecipe
from iper_bench.data.video_io import FRAME_FILE, FrameFolder, VideoFile

SIDE, FRAMES = 512, 256
ROUNDS = 3
WORKERS = (0, 1, 2)
FRAME = Frame("film", SIDE, "square frames")

Recipe = Callable[[], Images]


def pictures(folder: Path, indices: tuple[int, ...]) -> Recipe:
    """Decodes files of a folder, as clips of the datasets do."""
    return PictureRecipe(tuple(str(folder / FRAME_FILE.format(index)) for index in indices), indices, FRAME)


def video(path: Path, indices: tuple[int, ...]) -> Recipe:
    """Decodes frames of a video, as clips of the datasets do."""
    return VideoRecipe(str(path), indices, FRAME)


class FilmClip(Clip):
    """Frames in a folder or a video; nobody asks for a body."""

    def __init__(self, path: Path, form: Callable[[Path, tuple[int, ...]], Recipe]) -> None:
        self.name, self.subject, self.size = path.name, "someone", (SIDE, SIDE)
        self.track = BodyTrack(
            np.zeros(10, np.float32), np.zeros((FRAMES, 72), np.float32), np.ones((FRAMES, 3), np.float32)
        )
        self._path, self._form = path, form

    def frames(self, indices: Sequence[int]) -> Images:
        return self.recipe(indices)()

    def masks(self, indices: Sequence[int]) -> None:
        return None

    def recipe(self, indices: Sequence[int]) -> Recipe:
        return self._form(self._path, tuple(indices))


def film(folder: Path) -> list[tuple[str, FilmClip]]:
    """A photograph that moves, as files and as a video."""
    photo = skimage.data.astronaut()
    files = FrameFolder(folder / "png")
    with VideoFile(folder / "film.mp4", 25.0) as movie:
        for index in range(FRAMES):
            frame = np.roll(photo, (index, 2 * index), axis=(0, 1))
            files.write(frame)
            movie.write(frame)
    return [("PNG files", FilmClip(folder / "png", pictures)), ("mp4", FilmClip(movie.path, video))]


def seconds(clip: Clip, workers: int, work: float) -> float:
    """Time of one stream through the clip, with ``work`` seconds of computing after every batch."""
    numbers = np.ones(100_000)
    started = time.perf_counter()
    count = 0
    for batch in frame_stream(clip, range(FRAMES), workers=workers):
        count += len(batch)
        until = time.perf_counter() + work
        while time.perf_counter() < until:
            np.multiply(numbers, numbers, out=numbers)
    if count != FRAMES:
        raise ValueError(f"{count} frames of {FRAMES}")
    return time.perf_counter() - started


def fastest(clip: Clip, work: float) -> dict[int, float]:
    """The shortest time of three rounds by number of workers, which take turns."""
    times: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for _ in range(ROUNDS):
        for workers in WORKERS:
            times[workers].append(seconds(clip, workers, work))
    return {workers: min(values) for workers, values in times.items()}


def main() -> None:
    """Print the tables."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with tempfile.TemporaryDirectory() as name:
        clips = film(Path(name))
        for workers in WORKERS[1:]:
            started = time.perf_counter()
            next(frame_stream(clips[0][1], range(workers), batch=1, workers=workers))
            taken = time.perf_counter() - started
            print(f"{cores} cores; {workers} workers give their first frame after {taken:.2f} s")
        print("\n| frames | work of this process | workers | frames per second | ratio to 0 |")
        print("| --- | --- | --- | --- | --- |")
        for kind, clip in clips:
            work = 0.0
            for label in ("none", "as long as decoding"):
                times = fastest(clip, work)
                for workers, taken in times.items():
                    rate, ratio = FRAMES / taken, times[0] / taken
                    print(f"| {kind} | {label} | {workers} | {rate:.0f} | {ratio:.2f} |", flush=True)
                work = times[0] / FRAMES * BATCH
        close_workers()


if __name__ == "__main__":
    main()
