"""``data prepare`` against the same steps in plain OpenCV, and opening metadata of iPER's size, in one run.

    python benchmarks/prepare.py [--frames 200] [--skip-tree]

First part: an H.264 video of 512x512 frames is decoded, cropped by a box (factor 1.3), resized to 512 and
written as PNG; frames per second, and the ratio to a loop of OpenCV's VideoCapture, crop, resize and imwrite.
``data prepare`` also writes boxes, digests and the record of the clip, and brings the files to the disk.
Second part: a tree with the names of iPER (206 clips, 241,564 empty frames) is listed through its adapter.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import skimage.data

from iper_bench.data.box_file import write_boxes
from iper_bench.data.crop import active_box, square_box, union_box
from iper_bench.data.layouts.iper import open_iper
from iper_bench.protocol.load import load_protocol
from iper_bench.protocol.validation import validate
from iper_bench.tasks.prepare_clip import ClipOptions, prepare_clip
from iper_bench.tasks.prepare_frames import RawClip
from iper_bench.tasks.prepare_workers import ClipJob, outcomes_elsewhere

SIDE = 512
BOX = np.array([150.0, 380.0, 60.0, 420.0], np.float32)  # x0, x1, y0, y1 of the person in every frame
CLIPS, FRAMES = 206, 241_564  # of iPER, by the paper


def make_video(path: Path, frames: int) -> None:
    """A photograph that moves, 25 frames a second."""
    photograph = skimage.data.astronaut()
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.height = stream.width = SIDE
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            moved = np.roll(photograph, (number % 64, 2 * number % 128), axis=(0, 1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        container.mux(stream.encode())


def with_opencv(video: Path, folder: Path) -> None:
    """Decode, crop, resize, write PNG: the same pixels, nothing else."""
    folder.mkdir()
    capture = cv2.VideoCapture(str(video))
    box = active_box(BOX, (SIDE, SIDE), 1.3)
    x0, x1, y0, y1 = square_box(box, (SIDE, SIDE))
    number = 0
    while True:
        done, frame = capture.read()
        if not done:
            break
        part = cv2.resize(frame[y0:y1, x0:x1], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        cv2.imwrite(str(folder / f"frame_{number:08d}.png"), part)
        number += 1
    capture.release()


def timed(work: Callable[[], None], frames: int) -> tuple[float, float]:
    """Frames a second, and milliseconds of processor time a frame, which other programs disturb less."""
    started, spent = time.perf_counter(), time.process_time()
    work()
    return frames / (time.perf_counter() - started), 1000 * (time.process_time() - spent) / frames


def throughput(root: Path, frames: int) -> None:
    """Print the first table."""
    video, boxes = root / "clip.mp4", root / "boxes.npz"
    make_video(video, frames)
    write_boxes(boxes, np.tile(BOX, (frames, 1)))
    names = tuple(f"frame_{number:08d}.png" for number in range(frames))
    clip = RawClip("clip", video, names, boxes=boxes)
    options = ClipOptions(SIDE, 1.3, "open-coarse", "open-coarse")
    union_box(BOX[None])  # both sides start with the libraries in memory

    def ours() -> None:
        outcome = prepare_clip(clip, root / "one", options)
        if outcome.error is not None:
            raise SystemExit(outcome.error)

    opencv, opencv_cpu = timed(lambda: with_opencv(video, root / "opencv"), frames)
    one, one_cpu = timed(ours, frames)

    started = time.perf_counter()
    jobs = (ClipJob(clip, root / f"two{number}", options) for number in range(4))
    done = [each.frames for each in outcomes_elsewhere(jobs, 2)]
    two = sum(done) / (time.perf_counter() - started)
    print("| what | frames a second | ratio to OpenCV | processor ms a frame |")
    print("| --- | --- | --- | --- |")
    for name, rate, cpu in (
        ("OpenCV: VideoCapture, crop, resize, imwrite", opencv, f"{opencv_cpu:.1f}"),
        ("data prepare, 1 process", one, f"{one_cpu:.1f}"),
        ("data prepare, 4 such clips, 2 processes, their start included", two, ""),
    ):
        print(f"| {name} | {rate:.1f} | {rate / opencv:.2f} | {cpu} |", flush=True)


def iper_clips() -> list[str]:
    """206 names: 30 actors, 103 clothes, two actions each; the clips of the packaged protocol among them."""
    listed = {clip.video.rpartition("/")[0] for clip in load_protocol("iper-imitation").clips}
    clothes = sorted(listed)
    for number in range(CLIPS):
        name = f"{number % 30 + 1:03d}/{number // 30 + 1}"
        if len(clothes) < CLIPS // 2 and name not in listed:
            clothes.append(name)
    return [f"{cloth}/{action}" for cloth in clothes for action in (1, 2)]


def make_tree(root: Path) -> None:
    """The names of iPER, 241,564 empty frames in all, each 1172 or 1173 to a clip; tracks by name only."""
    clips = iper_clips()
    for place, clip in enumerate(clips):
        folder, track = root / "images_HD" / clip, root / "smpls" / clip
        folder.mkdir(parents=True)
        track.mkdir(parents=True)
        (track / "pose_shape.pkl").touch()
        for number in range(FRAMES // CLIPS + (place < FRAMES % CLIPS)):
            os.close(os.open(folder / f"{number:04d}.jpg", os.O_CREAT | os.O_WRONLY))
    tested = {clip.video for clip in load_protocol("iper-imitation").clips}
    for split, names in (
        ("train", [clip for clip in clips if clip not in tested]),
        ("val", [clip for clip in clips if clip in tested]),
    ):
        (root / f"{split}.txt").write_text("\n".join(names))


def metadata(root: Path) -> None:
    """Print the second table."""
    make_tree(root)
    started = time.perf_counter()
    dataset = open_iper(root=str(root))
    clips = [dataset.clip(name) for name in dataset.clip_names()]
    lengths = sum(len(clip) for clip in clips)
    names = sum(len(clip.frame_names) for clip in clips)
    listing = time.perf_counter() - started
    if (len(clips), lengths, names) != (CLIPS, FRAMES, FRAMES):
        raise SystemExit(f"{len(clips)} clips, {lengths} frames, {names} names")
    started = time.perf_counter()
    problems = validate(load_protocol("iper-imitation"), open_iper(root=str(root)))
    checking = time.perf_counter() - started
    print("\n| what, for 206 clips and 241,564 frames | seconds | target |")
    print("| --- | --- | --- |")
    print(f"| open, list the clips, their lengths and frame names | {listing:.2f} | 2 |")
    print(f"| open and check protocol iper-imitation ({len(problems)} findings) | {checking:.2f} | 5 |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--skip-tree", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        throughput(Path(folder), arguments.frames)
        if not arguments.skip_tree:
            metadata(Path(folder) / "iPER")


if __name__ == "__main__":
    main()
