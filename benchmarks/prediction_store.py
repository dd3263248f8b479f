"""Size and speed of the two ways in which predicted frames are kept, over the frames of run folders.

    python -m benchmarks.prediction_store RUN [RUN ...]

Reads the predictions that are there, writes them in both forms into a temporary folder, reads them back whole
and in batches of 16, and compares every pixel.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from iper_bench.store.pictures import Images
from iper_bench.store.prediction_video import FFV1, PNG, predictions_of
from iper_bench.store.run_list import run_list

BATCH = 16  # frames that the metrics take at once
MOST = 64  # units that are looked at


def held(paths: list[Path]) -> list[Images]:
    """Frames (T, H, W, 3) of the first units that kept them."""
    found = []
    for run in run_list(paths):
        for file in sorted((run / "predictions").iterdir()):
            frames = predictions_of(run, file.stem)
            if frames.count():
                found.append(frames.read())
    return found[:MOST]


def size(path: Path) -> int:
    """Bytes of a file or folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    units = held(parser.parse_args().runs)
    count, raw = sum(map(len, units)), sum(one.nbytes for one in units)
    print(f"{len(units)} units, {count} frames, {raw / 1e6:.1f} MB of pixels\n")
    print("| form | MB | share of the pixels | write, ms a frame | read, ms a frame | one frame, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in (PNG, FFV1):
        with tempfile.TemporaryDirectory() as temporary:
            stores = [predictions_of(Path(temporary), f"{number}", kind) for number in range(len(units))]
            started = time.perf_counter()
            for store, images in zip(stores, units, strict=True):
                for _ in store.write(images[at : at + BATCH] for at in range(0, len(images), BATCH)):
                    pass
            write = time.perf_counter() - started
            started = time.perf_counter()
            for store, images in zip(stores, units, strict=True):
                for at in range(0, len(images), BATCH):
                    back = store.read(range(at, min(at + BATCH, len(images))))
                    if not np.array_equal(back, images[at : at + BATCH]):
                        raise ValueError(f"{kind}: other pixels came back")
            read = time.perf_counter() - started
            started = time.perf_counter()
            for store, images in zip(stores, units, strict=True):
                store.read([len(images) // 2])
            single = (time.perf_counter() - started) / len(units)
            total = sum(size(store.path) for store in stores)
        speed = f"{1000 * write / count:.2f} | {1000 * read / count:.2f} | {1000 * single:.1f}"
        print(f"| {kind} | {total / 1e6:.2f} | {total / raw:.0%} | {speed} |")


if __name__ == "__main__":
    main()
