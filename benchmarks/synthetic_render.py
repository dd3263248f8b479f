"""Milliseconds per frame of the embedded dataset, by size: rendering, reading the cache, and opening a clip.

    python benchmarks/synthetic_render.py [--sizes 128 256 512] [--clips 3]

Processor time of one thread, so that other load counts little. The cache lies in a temporary folder. Clips of
48 frames up to 256 px, of 16 frames above; the median over clips.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

import torch

from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticDataset
from iper_bench.data.synthetic.scene import build_scene

FULL_CLIP_UP_TO = 256  # pixels


def measure(size: int, clips: int) -> str:
    """One line for one size: median over clips."""
    config = SyntheticConfig(size=size)
    count = config.frames if size <= FULL_CLIP_UP_TO else 16
    opening, rendering, reading = [], [], []
    for name in SyntheticDataset(config).clip_names("train")[:clips]:
        _, outfit = name.split("/")
        started = time.process_time()
        scene = build_scene(config, int(name[5:8]), outfit, outfit)
        opening.append(time.process_time() - started)
        started = time.process_time()
        for first in range(0, count, 16):
            scene.render(first, first + 16)
        rendering.append((time.process_time() - started) / count)
        SyntheticDataset(config).clip(name).frames(range(count))
        started = time.process_time()
        SyntheticDataset(config).clip(name).frames(range(count))
        reading.append((time.process_time() - started) / count)
    figures = [statistics.median(values) * 1e3 for values in (opening, rendering, reading)]
    return f"{size:5d} px   {figures[0]:8.0f} ms   {figures[1]:8.1f} ms   {figures[2]:8.2f} ms"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--clips", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        os.environ["IPER_BENCH_HOME"] = home
        measure(32, 1)  # imports and first calls
        print(" size     scene/clip     render/frame    cached/frame")
        for size in arguments.sizes:
            print(measure(size, arguments.clips), flush=True)


if __name__ == "__main__":
    main()
