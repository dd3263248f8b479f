"""Make the golden frames and their values again (``iper_bench/metrics/golden``).

    python tools/make_golden_frames.py           values only, of the frames that are there
    python tools/make_golden_frames.py --frames  the frames too
    python tools/make_golden_frames.py --check   change nothing; exit status 1 where anything would change

Values are to be made again only when a definition changes on purpose; then say in the commit which ones and
why. True frames are rendered at 1024 px and brought to 160 px; renders may differ by one level between
processors, which is why they are stored.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from iper_bench.atomic import write_bytes, write_json
from iper_bench.body import load_body
from iper_bench.data.image_io import encode_png
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.scene import build_scene
from iper_bench.metrics.detectors import detector
from iper_bench.metrics.frame_rules import RULES
from iper_bench.metrics.golden.measurement import cases
from iper_bench.metrics.golden.pairs import FACTS, frames_sha256, golden_pairs, paired, picture_name
from iper_bench.metrics.golden.seeded_bench import PipBench
from iper_bench.metrics.golden.stored_value import (
    FILE,
    PIP,
    SEEDED,
    Golden,
    StoredValue,
    Tolerance,
    choices_hash,
    family_of,
)
from iper_bench.metrics.profiles import PROFILES
from iper_bench.run.boxes import person_boxes
from iper_bench.run.environment import environment
from iper_bench.run.selftest import values_here

FOLDER = Path(__file__).resolve().parents[1] / "iper_bench" / "metrics" / "golden"
RENDERED, SIDE = 1024, 160
WHOLE = (0, 0, RENDERED)
BOX_FAMILY = "boxes"
CLEARANCE = 0.01  # pixels that a face box keeps from the edge of a pixel, where truncation would change
DIGITS = 15

# Measured: the same machine with SSE, AVX2 and AVX-512 kernels deviates by a tenth of these or less.
TOLERANCES = {
    "whole numbers": Tolerance(0.0, 1e-12, "integer sums are exact; one logarithm follows"),
    "pixels": Tolerance(1e-7, 0.0, "filters sum in another order per processor"),
    "feature maps": Tolerance(1e-7, 1e-5, "float32 convolutions sum in another order per processor"),
    "similarities": Tolerance(5e-6, 0.0, "float32 features; cosines of vectors that lie near each other"),
    "face similarities": Tolerance(
        1e-4, 0.0, "float32 features; boxes move by 1e-4 px, and none lies near the edge of a pixel"
    ),
    "detection rates": Tolerance(0.0, 0.0, "counts; no face here is near the detector's threshold"),
    "other sets": Tolerance(1e-8, 2e-5, "float32 features; the distance itself is exact"),
    "kernel sets": Tolerance(1e-6, 1e-5, "float32 features; a difference of means that lie near each other"),
    "face sets": Tolerance(1e-8, 5e-5, "float32 features; boxes move by 1e-4 px"),
    "body states": Tolerance(5e-6, 1e-5, "float32 regression, three rounds that feed on each other"),
    BOX_FAMILY: Tolerance(5e-3, 1e-5, "pixels; float32 through a hundred layers"),
}


@dataclass(frozen=True)
class Shot:
    """One true frame: who, in what, when, and the square (left, top, side) of the render that is shown."""

    actor: int
    outfit: str
    frame: int
    window: tuple[int, int, int] = WHOLE


SHOTS = (
    Shot(0, "outfit0", 16),
    Shot(0, "outfit0", 21),
    Shot(0, "outfit0", 28, (292, 14, 492)),
    Shot(0, "outfit0", 8),  # from behind: no face
    Shot(3, "outfit1", 16, (360, 40, 320)),
    Shot(3, "outfit1", 20, (300, 40, 400)),
    Shot(3, "outfit1", 36),
    Shot(3, "outfit1", 44, (287, 40, 480)),
)


def rendered() -> tuple[np.ndarray, np.ndarray]:
    """True frames (8, 160, 160, 3) and body boxes (8, 4)."""
    config = SyntheticConfig(size=RENDERED)
    frames, boxes = [], []
    for shot in SHOTS:
        scene = build_scene(config, shot.actor, shot.outfit, shot.outfit)
        image = scene.render(shot.frame, shot.frame + 1)[0][0]
        left, top, side = shot.window
        part = np.ascontiguousarray(image[top : top + side, left : left + side])
        frames.append(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        box = person_boxes(load_body(config.body), scene.track.take([shot.frame]), (RENDERED, RENDERED))[0]
        moved = (box - np.array([left, top, left, top])) * (SIDE / side)
        boxes.append(np.clip(moved, 0, SIDE).round(3))
    return np.stack(frames), np.stack(boxes).astype(np.float32)


def frame_files() -> dict[str, bytes]:
    """Content of the pictures and of ``frames.json``."""
    truths, boxes = rendered()
    pairs = paired(truths, boxes)
    facts = {
        "boxes": [[round(float(value), 3) for value in box] for box in boxes],
        "licence": "rendered by this project from its own body; CC0-1.0",
        "sha256": {"truths": frames_sha256(truths), "predictions": frames_sha256(pairs.predictions)},
    }
    files = {picture_name(number): encode_png(frame) for number, frame in enumerate(truths)}
    return {**files, FACTS: (json.dumps(facts, indent=1) + "\n").encode()}


def golden() -> Golden:
    """All values of this machine."""
    values: list[StoredValue] = []
    names = list(PROFILES)
    for weights in (PIP, SEEDED):
        found = values_here(names, weights, None, "cpu")
        known = {(weights, *one.key): one.definition for one in cases(names, weights)}
        for key, (value, reason) in found.items():
            if value is None:
                if weights == SEEDED or "weights from pip" not in str(reason):
                    print(f"not stored: {' '.join(key)}: {reason}")
                continue
            definition = known.get(key)
            family = BOX_FAMILY if definition is None else family_of(definition)
            hashed = "" if definition is None else choices_hash(definition)
            kind, profile, setting, metric = key
            values.append(
                StoredValue(profile, setting, metric, kind, float(f"{value:.{DIGITS}g}"), family, hashed)
            )
    return Golden(tuple(values), TOLERANCES, environment("cpu", (0,)))


def near_edges() -> list[str]:
    """Face boxes whose crop would change if a corner moved by less than :data:`CLEARANCE`."""
    found = []
    pairs = golden_pairs()
    bench = PipBench()
    for name, rule in (("mtcnn-20", "native"), ("mtcnn-20", "linear-512"), ("mtcnn-30-head", "native")):
        searcher = detector(name, bench)
        if searcher is None:
            raise ValueError(name)
        sides = ((pairs.predictions, pairs.prediction_boxes), (pairs.truths, pairs.truth_boxes))
        for side, (frames, boxes) in zip(("prediction", "truth"), sides, strict=True):
            for number, (frame, box) in enumerate(zip(frames, boxes, strict=True)):
                spot = searcher.find(RULES[rule](frame), box)
                if spot is not None and (np.abs(spot.box - spot.box.round()) < CLEARANCE).any():
                    found.append(f"{name} {rule} {side} {number}: {spot.box}")
    return found


def main(arguments: list[str]) -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", action="store_true", help="render the true frames again")
    parser.add_argument("--check", action="store_true", help="change nothing, compare")
    chosen = parser.parse_args(arguments)
    if chosen.check:
        return check()
    if chosen.frames:
        for name, content in frame_files().items():
            write_bytes(FOLDER / name, content)
    for words in near_edges():
        print(f"a box near the edge of a pixel: {words}; move the window of its shot")
    made = golden()
    write_json(FOLDER / FILE, made.to_json())
    size = sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file())
    print(f"{len(made.values)} values of {len(golden_pairs().truths)} pairs, {size / 1000:.0f} kB")
    return 0


def check() -> int:
    """Compare frames and values with what is stored; print what differs."""
    changed = [
        name
        for name, content in frame_files().items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_bytes() != content
    ]
    held = json.loads((FOLDER / FILE).read_text(encoding="utf-8"))
    made = golden().to_json()
    before = {(one["weights"], one["profile"], one["setting"], one["metric"]): one for one in held["values"]}
    after = {(one["weights"], one["profile"], one["setting"], one["metric"]): one for one in made["values"]}
    changed += [" ".join(key) for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    if held["tolerances"] != made["tolerances"]:
        changed.append("tolerances")
    for name in changed:
        print(f"would change: {name}")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
