"""What ``iper-bench check`` finds in real predictions, as they are and with a fault put in: the table of
docs/check.md.

    python benchmarks/check_power.py RUN ...

RUN: folders that ``iper-bench run`` or ``sweep`` wrote on the embedded dataset with their predictions, for
example with ``--method attlwb,warp,copy-source --protocol synthetic-demo``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from iper_bench.data.dataset import DATASETS
from iper_bench.data.frame_list import FrameList, open_frames
from iper_bench.protocol.load import load_protocol
from iper_bench.protocol.trial import SELF
from iper_bench.protocol.trials import build_trials
from iper_bench.run.preflight_colour import find_shift, find_swap
from iper_bench.run.preflight_expected import Expectation, expectation_of
from iper_bench.run.preflight_order import find_misorder
from iper_bench.run.preflight_signature import read_signatures

Small = NDArray[np.uint8]


def moved(frames: Small, shift: int) -> Small:
    """Prediction k shows frame k + shift; the ends are held."""
    return frames[np.clip(np.arange(len(frames)) + shift, 0, len(frames) - 1)]


def curve(frames: Small, gain: float, level: float, gamma: float) -> Small:
    """Levels changed and clipped."""
    return np.clip(255 * (frames / 255) ** gamma * gain + level, 0, 255).round().astype(np.uint8)


ORDERS: dict[str, Callable[[Small], Small]] = {
    "order as it is": lambda frames: frames,
    "backwards": lambda frames: frames[::-1],
    "1 later": lambda frames: moved(frames, 1),
    "1 earlier": lambda frames: moved(frames, -1),
    "2 later": lambda frames: moved(frames, 2),
    "3 earlier": lambda frames: moved(frames, -3),
}
COLOURS: dict[str, Callable[[Small], Small]] = {
    "colours as they are": lambda frames: frames,
    "red and blue swapped": lambda frames: frames[..., ::-1],
    "12 levels brighter": lambda frames: curve(frames, 1.0, 12.0, 1.0),
    "gamma of 0.6": lambda frames: curve(frames, 1.0, 0.0, 0.6),
    "squeezed to 16 to 235": lambda frames: curve(frames, 219 / 255, 16.0, 1.0),
}


def small(frames: FrameList) -> Small:
    """All frames, small."""
    found = read_signatures(frames, range(len(frames))).good
    return np.stack([found[index].small for index in sorted(found)])


def units(run: Path) -> Iterator[tuple[str, str, Small, Expectation]]:
    """Method, setting, predictions and what is expected, of every unit with predictions."""
    plan = yaml.safe_load((run / "plan.yaml").read_text(encoding="utf-8"))["plan"]
    dataset = DATASETS.get(plan["dataset"]["name"])(root=None, size=plan["dataset"]["image_size"])
    trials = {trial.name: trial for trial in build_trials(load_protocol(plan["protocol"]["name"]), dataset)}
    for file in sorted((run / "units").glob("*.json")):
        unit = json.loads(file.read_text(encoding="utf-8"))["unit"]
        folder = run / "predictions" / file.stem
        if folder.is_dir():
            expected = expectation_of(trials[unit["trial"]], dataset)
            yield unit["method"], unit["setting"], small(open_frames(folder)), expected


def findings(ours: Small, expected: Expectation, theirs: Small, real: Small) -> Iterator[tuple[str, str]]:
    """Fault put in, and what is found."""
    same = expected.same_person
    for name, change in ORDERS.items():
        order = find_misorder(list(change(ours)), list(theirs), same_person=same)
        yield name, "nothing" if order is None else str(order.shift)
    for name, change in COLOURS.items():
        if same:
            fault = find_swap(change(ours), theirs) or find_shift(change(ours), theirs)
        else:
            means = [np.rint(side.mean(axis=0)).astype(np.uint8)[None] for side in (change(ours), real)]
            fault = find_swap(*means)
        yield name, "nothing" if fault is None else fault.kind


def main() -> None:
    """Print the counts by method, setting and fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for run in parser.parse_args().runs:
        for method, setting, ours, expected in units(run):
            theirs = small(expected.motion)
            real = theirs if setting == SELF or expected.colours is None else small(expected.colours)
            for fault, found in findings(ours, expected, theirs, real):
                counts[method, setting, fault, found] += 1
    for key, count in sorted(counts.items()):
        print("  ".join(key), count)


if __name__ == "__main__":
    main()
