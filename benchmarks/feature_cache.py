"""What the feature cache costs per entry, against the hashing of the frame alone, in one run on this machine.

    python benchmarks/feature_cache.py [--folder FOLDER]

Prints milliseconds (median) of writing to disk, reading from disk (the file in the system's page cache, as
after a recent run) and reading from memory, for the entries of the metrics; then the hashes that were weighed
for keys, and what counting and evicting in a folder of many small entries take.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.cache_entry import decode, encode
from iper_bench.metrics.disk_cache import BLOCK, DiskCache
from iper_bench.metrics.feature_cache import FeatureCache, content_key, frame_digest

ENTRIES: dict[str, tuple[tuple[int, ...], ...]] = {
    "box": ((4,),),
    "2048 features": ((2048,),),
    "LPIPS maps, alex, 256 px": ((64, 63, 63), (192, 31, 31), (384, 15, 15), (256, 15, 15), (256, 15, 15)),
}
REPEATS = 40
MANY = 10_000
Arrays = tuple[npt.NDArray[np.float32], ...]


def entry(shapes: tuple[tuple[int, ...], ...]) -> Arrays:
    """Arrays of the given shapes, without pattern."""
    generator = np.random.default_rng(0)
    return tuple(generator.random(shape, dtype=np.float32) for shape in shapes)


def milliseconds(work: Callable[[int], object], repeats: int = REPEATS) -> float:
    """Median time of ``work``, which is given the number of its turn."""
    taken = []
    for turn in range(repeats):
        started = time.perf_counter()
        work(turn)
        taken.append(time.perf_counter() - started)
    return 1e3 * statistics.median(taken)


def time_entries(folder: Path) -> None:
    """Print one line per kind of entry."""
    print("| entry | KB | encode, ms | put, ms | get, ms | of it decode, ms | get from memory, ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    keys = [content_key("benchmark", f"{turn}", None) for turn in range(REPEATS)]
    for name, shapes in ENTRIES.items():
        arrays = entry(shapes)
        disk = DiskCache(folder / name.split()[0], 4 * 10**9)
        content = encode(keys[0], arrays)
        encoding = milliseconds(lambda turn, held=arrays: encode(keys[turn], held))
        writing = milliseconds(lambda turn, cache=disk, held=arrays: cache.put(keys[turn], held))
        reading = milliseconds(lambda turn, cache=disk: cache.get(keys[turn]))
        checking = milliseconds(lambda turn, bytes_=content: decode(keys[0], bytes_))
        memory = FeatureCache(disk=disk)
        memory.get(keys[0])
        at_hand = milliseconds(lambda turn, cache=memory: cache.get(keys[0]))
        print(
            f"| {name} | {len(content) / 1e3:.1f} | {encoding:.3f} | {writing:.3f} | {reading:.3f} | "
            f"{checking:.3f} | {at_hand:.4f} |"
        )


def time_hashes() -> None:
    """Print what the key of a frame costs, and would cost by other hashes."""
    print("\n| frame | frame_digest, ms | key from it, ms | sha256, ms | blake2b, ms | crc32 (no key), ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    box = np.zeros(4)
    for side in (256, 512):
        frame = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        digest, pixels = frame_digest(frame), frame.tobytes()
        figures = (
            milliseconds(lambda turn, held=frame: frame_digest(held)),
            milliseconds(lambda turn, held=digest: content_key("a definition" * 40, held, box)),
            milliseconds(lambda turn, held=pixels: hashlib.sha256(held).digest()),
            milliseconds(lambda turn, held=pixels: hashlib.blake2b(held, digest_size=32).digest()),
            milliseconds(lambda turn, held=pixels: zlib.crc32(held)),
        )
        print(f"| {side} px | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")


def time_many(folder: Path) -> None:
    """Print what a folder of many small entries costs."""
    arrays = entry(((4,),))
    disk = DiskCache(folder, 4 * 10**9)
    started = time.perf_counter()
    for number in range(MANY):
        disk.put(content_key("many", f"{number}", None), arrays)
    filling = time.perf_counter() - started
    counting = milliseconds(lambda turn: DiskCache(folder, 1).size(), 3)
    full = DiskCache(folder, (MANY - 1) * BLOCK)
    evicting = milliseconds(lambda turn: full.put(content_key("one more", "", None), arrays), 1)
    print(
        f"\n{MANY} entries of one block: {filling:.2f} s to fill, {counting:.0f} ms to count, "
        f"{evicting:.0f} ms to evict a tenth"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="write in a temporary folder within; default: /tmp")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        time_entries(Path(folder))
        time_hashes()
        time_many(Path(folder) / "many")


if __name__ == "__main__":
    main()
