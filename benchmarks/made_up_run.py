"""A run folder of any size whose numbers are made up, in exactly the layout that ``iper-bench run`` writes.

    python benchmarks/made_up_run.py --out /tmp/made-up

By default 20 methods x 42 clips x 300 frames x 15 metrics: 3.8 million values. The plan is that of a
self-imitation, so every unit id follows from it; no frames are written. Values are smooth over the frames of
a clip, clips and actors differ more than methods do, and each method has a level of its own: there is
something to find for a statistic, a slice, a table. Equal arguments give equal bytes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iper_bench.averages import averaged
from iper_bench.hashing import content_hash
from iper_bench.metrics.definition import Definition, Passport
from iper_bench.metrics.metric import METRICS, Setting
from iper_bench.metrics.profiles.offline import PROFILE
from iper_bench.protocol.trial import Trial
from iper_bench.protocol.view import View
from iper_bench.run.unit import trial_content, trial_id
from iper_bench.store.aggregate import aggregate
from iper_bench.store.intervals import INTERVAL_FACTS
from iper_bench.store.plan_file import plan_hash
from iper_bench.store.planned import PlannedUnit, planned_units
from iper_bench.store.row import Row
from iper_bench.store.rows import row_order
from iper_bench.store.run_folder import RunFolder

Floats = npt.NDArray[np.float64]

#: metric -> its level, and how far it moves with a standard normal change for the better
LEVELS = {
    "PSNR": (24.0, 1.5),
    "SSIM": (0.83, 0.03),
    "LPIPS": (0.11, -0.02),
    "Body-CS": (0.82, 0.03),
    "Face-CS": (0.55, 0.06),
    "Face-CS/detected": (0.61, 0.05),
    "Face-CS/truth-box": (0.58, 0.05),
    "Face-rate/prediction": (0.8, 0.1),
    "Face-rate/reference": (0.9, 0.0),
    "tLPIPS": (0.05, -0.01),
    "tLPIPS/excess": (0.01, -0.01),
    "tLPIPS/truth": (0.04, 0.0),
    "Body-rate/prediction": (0.9, 0.0),
    "Body-CS/detected": (0.83, 0.03),
    "Body-CS/truth-box": (0.81, 0.03),
}
NAMES = ("lwb", "attlwb", "avglwb", "addlwb", "warp", "copy-source", "pg2", "shup", "dsc", "diaf", "patb")
SELF: Setting = "self"
SN, VIEWS = 2, (0, 45, 90, 135, 180, 225, 270, 315)
DATASET, PROTOCOL, FINGERPRINT = "synthetic", "made-up", "0123456789abcdef"
PACKAGES = {"iper-bench": "0.0.0", "torch": "0.0.0", "numpy": "0.0.0"}
WEIGHTS = {"network": "efficientnet_lite0@579344248a93", "detector": "mtcnn@ba987822301f"}
UNDETECTED = 0.1  # share of the frames that show no face


def made_up_plan(*, methods: int, clips: int, frames: int, metrics: int, actors: int) -> dict[str, Any]:
    """A resolved plan: self-imitation of ``clips`` clips by ``methods`` methods, sn=2, T=0."""
    trials = [_trial(clip, frames) for clip in _clips(clips, actors)]
    names = [*NAMES, *(f"method{number:02d}" for number in range(len(NAMES), methods))][:methods]
    content = {"name": PROTOCOL, "dataset": DATASET, "clips": _clips(clips, actors)}
    return {
        "dataset": {"name": DATASET, "fingerprint": FINGERPRINT, "image_size": 128, "body": "open-coarse"},
        "protocol": {"name": PROTOCOL, "hash": content_hash(content), "content": content},
        "sn": [SN],
        "steps": [0],
        "settings": [SELF],
        "seeds": [0],
        "limit": None,
        "profiles": {PROFILE.name: _profile(passports(metrics))},
        "trials": {trial_id(trial): trial_content(trial) for trial in trials},
        "methods": [
            {"name": name, "identity": content_hash(name), "trains": name.endswith("lwb")}
            for name in sorted(names)
        ],
    }


def _clips(clips: int, actors: int) -> list[str]:
    return sorted(f"actor{clip % actors:03d}/outfit{clip // actors}" for clip in range(clips))


def _trial(clip: str, frames: int) -> Trial:
    targets = tuple(range(16, 16 + frames))
    views = tuple(View(place, angle, float(angle), True) for place, angle in enumerate(VIEWS))
    sources = {1: (0,), SN: (0, 4)}
    return Trial(PROTOCOL, "motion_imitation", SELF, clip, sources, clip, targets, targets, None, views)


def passports(metrics: int) -> list[Passport]:
    """The passports of the first ``metrics`` of ``LEVELS`` in the profile `offline`."""
    if not 1 <= metrics <= len(LEVELS):
        raise ValueError(f"{metrics} metrics; expected 1 to {len(LEVELS)}")
    definitions = [PROFILE.definition(name, SELF) for name in list(LEVELS)[:metrics]]
    return [Passport(PROFILE.name, SELF, one, _weights(one)) for one in definitions]


def _weights(definition: Definition) -> dict[str, str]:
    asked = {"network": definition.get("network", "none"), "detector": definition.get("detector", "none")}
    return {part: WEIGHTS[part] for part, name in asked.items() if name not in ("none", "given")}


def _profile(held: Sequence[Passport]) -> dict[str, Any]:
    by_name = {one.definition.metric: one for one in held}
    return {
        "comparable": PROFILE.comparable,
        "why_not": PROFILE.why_not,
        "metrics": {
            name: {
                "direction": METRICS[name].direction,
                "unit": METRICS[name].unit,
                "settings": list(METRICS[name].settings),
                "needs": sorted(METRICS[name].needs),
                "summary": METRICS[name].summary,
                "definitions": [by_name[name].id],
            }
            for name in sorted(by_name)
        },
        "definitions": {one.id: one.to_json() for one in held},
    }


class Numbers:
    """What is drawn once for a run: effects of actors, clips and frames that all methods share, and the level
    of each method.
    """

    def __init__(self, units: Sequence[PlannedUnit], metrics: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        clips = sorted({unit.source_clip for unit in units})
        actors = {clip: random.normal() for clip in sorted({clip.partition("/")[0] for clip in clips})}
        self._clips = {
            clip: 0.6 * actors[clip.partition("/")[0]] + 0.4 * random.normal() + _smooth(random, frames)
            for clip, frames in sorted({(unit.source_clip, unit.frames) for unit in units})
        }
        methods = sorted({unit.method for unit in units})
        levels = np.linspace(-1.0, 1.0, len(methods))
        self._methods = dict(zip(methods, random.permutation(levels), strict=True))
        self._tastes = {method: random.normal(size=metrics) * 0.2 for method in methods}
        self._seed = seed

    def of_unit(self, unit: PlannedUnit) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Standardised values (metrics, frames), more is better, and which frames (frames,) show a face."""
        number = int(content_hash([unit.id, self._seed], 12), 16)
        random = np.random.default_rng(number)
        tastes = self._tastes[unit.method]
        own = np.stack([_smooth(random, unit.frames) for _ in tastes])
        level = self._methods[unit.method] + tastes[:, None]
        return self._clips[unit.source_clip] + level + own, random.random(unit.frames) >= UNDETECTED


def _smooth(random: np.random.Generator, frames: int) -> Floats:
    """(frames,) a slow wave with a little noise."""
    turns = np.linspace(0.0, 2 * np.pi, frames)
    wave = 0.5 * np.sin(turns * random.uniform(0.5, 3.0) + random.uniform(0.0, 2 * np.pi))
    return np.asarray(wave + 0.2 * random.normal(size=frames))


def rows_of(unit: PlannedUnit, plan: Mapping[str, Any], numbers: Numbers, place: int) -> list[Row]:
    """One row per definition of the plan, sorted by metric."""
    values, seen = numbers.of_unit(unit)
    definitions = plan["profiles"][PROFILE.name]["definitions"]
    named = sorted(definitions, key=lambda key: definitions[key]["metric"])
    order = list(LEVELS)
    provenance = {
        **PACKAGES,
        "device": "cpu",
        "dtype": "float32",
        "dataset": FINGERPRINT,
        "protocol": str(plan["protocol"]["hash"]),
        "method": content_hash(unit.method),
    }
    return [
        Row(
            **_facts(unit, key, definitions[key], values[order.index(definitions[key]["metric"])], seen),
            provenance=provenance,
            place=place,
        )
        for key in named
    ]


def _facts(
    unit: PlannedUnit,
    passport: str,
    definition: Mapping[str, Any],
    better: Floats,
    seen: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    metric, rule = str(definition["metric"]), str(definition["choices"]["average"])
    level, spread = LEVELS[metric]
    frames: list[float | None] = [float(value) for value in level + spread * better]
    if "rate" in metric:
        frames = [float(face) for face in seen]
    elif metric == "Face-CS/detected":
        frames = [value if face else None for value, face in zip(frames, seen, strict=True)]
    elif metric.startswith("tLPIPS"):
        frames[0] = None  # there is no frame before the first
    of_part = metric.startswith(("Face", "Body"))
    faces = int(seen.sum()) if metric.startswith("Face") else unit.frames
    counts = {"reference": unit.frames, "prediction": faces, "both": faces, "frames": unit.frames}
    return {
        **{name: getattr(unit, name) for name in ("method", "protocol", "task", "setting", "trial")},
        **{name: getattr(unit, name) for name in ("sn", "steps", "seed")},
        "unit": unit.id,
        "dataset": DATASET,
        "clip": unit.source_clip,
        "actor": unit.source_clip.partition("/")[0],
        "profile": PROFILE.name,
        "metric": metric,
        "value": averaged(frames, rule),
        "reason": None,
        "count": sum(value is not None for value in frames),
        "total": unit.frames,
        "per_frame": frames,
        "backbone": definition["weights"].get("network"),
        "definition": passport,
        "average": rule,
        "detections": counts if of_part else None,
        "pairs": unit.frames if of_part else None,
    }


def write_run(
    path: Path,
    *,
    methods: int = 20,
    clips: int = 42,
    frames: int = 300,
    metrics: int = 15,
    actors: int = 14,
    seed: int = 0,
    ended: bool = True,
) -> Path:
    """Write the run folder ``path`` and return it. ``seed``: of the numbers; the plan does not depend on it.
    ``ended``: with ``aggregates.json``, which costs most of the time.

    Raises
    ------
    UserError when the folder holds something else, ValueError for more metrics than there are levels for.
    """
    plan = made_up_plan(methods=methods, clips=clips, frames=frames, metrics=metrics, actors=actors)
    units = planned_units(plan)
    numbers = Numbers(units, len(plan["profiles"][PROFILE.name]["definitions"]), seed)
    folder = RunFolder.create(path, plan)
    places = {trial["name"]: place for place, trial in enumerate(plan["trials"].values())}
    every: list[Row] = []
    with folder.locked():
        folder.write_environment({"environments": [_environment()]})
        for unit in units:
            rows = rows_of(unit, plan, numbers, places[unit.trial])
            folder.write_timing(unit.id, _timing(unit))
            folder.write_unit(unit.id, _head(unit, plan), folder.plan_definitions(), rows, {})
            every.extend(rows)
        if ended:
            folder.write_results([], _results(plan, units, every))
    return path


def _head(unit: PlannedUnit, plan: Mapping[str, Any]) -> dict[str, Any]:
    identities = {one["name"]: one["identity"] for one in plan["methods"]}
    same = ("name", "method", "trial", "trial_id", "setting", "source_clip", "target_clip", "sn", "steps")
    head = {name: getattr(unit, name) for name in (*same, "seed", "frames")}
    return {**head, "identity": identities[unit.method]}


def _timing(unit: PlannedUnit) -> dict[str, float]:
    speed = 1 + int(content_hash(unit.method, 4), 16) % 20
    return {
        "personalise": 0.5 * speed,
        "render": 0.004 * speed * unit.frames,
        "measure": 0.02 * unit.frames,
        "frames": unit.frames,
        "peak_mib": 400.0 + 50 * speed,
    }


def _environment() -> dict[str, Any]:
    return {
        "packages": PACKAGES,
        "python": "3.11.0",
        "platform": "made up",
        "machine": "made up",
        "cpus": 2,
        "threads": 2,
        "device": "cpu",
        "gpu": None,
        "cuda": None,
        "seeds": [0],
    }


def _results(plan: Mapping[str, Any], units: Sequence[PlannedUnit], rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "plan": plan_hash(plan),
        "interval": INTERVAL_FACTS,
        "units": {"planned": len(units), "done": len(units), "failed": []},
        "entries": aggregate(sorted(rows, key=row_order)),
    }


def main() -> None:
    """Write one and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    for name, number in (("methods", 20), ("clips", 42), ("frames", 300), ("metrics", 15), ("actors", 14)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-aggregates", dest="ended", action="store_false")
    asked = vars(parser.parse_args())
    started = time.perf_counter()
    path = write_run(asked.pop("out"), **asked)
    values = asked["methods"] * asked["clips"] * asked["frames"] * asked["metrics"]
    print(f"{path}: {values} values in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
