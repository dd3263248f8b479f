"""Run folders with made-up numbers, written with the store itself, for tests that need no method and no
metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iper_bench.hashing import content_hash
from iper_bench.store.aggregate import aggregate
from iper_bench.store.row import Row
from iper_bench.store.run_folder import RunFolder

DATASET, PROTOCOL = "synthetic", "synthetic-imitation"
PAIRED = {"self": ("PSNR", "SSIM", "LPIPS", "Body-CS", "Face-CS"), "cross": ("Face-CS", "Body-CS")}
POOLED = {"self": (), "cross": ("Face-FD", "Body-FD", "FID")}
BASE = {"PSNR": 22.0, "SSIM": 0.83, "LPIPS": 0.11, "Body-CS": 0.82, "Face-CS": 0.55}
SPREAD = {"PSNR": 1.5, "SSIM": 0.04, "LPIPS": 0.03, "Body-CS": 0.05, "Face-CS": 0.1}
SETS = {"Face-FD": 99.3, "Body-FD": 48.6, "FID": 32.4}
NETWORKS = {
    "LPIPS": "alexnet 4e0c1f",
    "Body-CS": "osnet 9a31bb",
    "Body-FD": "osnet 9a31bb",
    "FID": "inception 7f21",
}
NETWORKS |= {"Face-CS": "facenet 281a0c", "Face-FD": "facenet 281a0c"}
LOWER = {"LPIPS", "Face-FD", "Body-FD", "FID"}
FRAMES = 24


def clip_names(count: int) -> list[str]:
    return [f"actor{index // 2}/outfit{index % 2}" for index in range(count)]


def rows_of(
    method: str,
    *,
    clips: int = 8,
    sn: int = 2,
    steps: int = 0,
    profile: str = "offline",
    gain: float = 0.0,
    noise: float = 0.0,
    seed: int = 1,
    definition: str = "def",
    missing: Mapping[tuple[str, str], str] | None = None,
) -> list[Row]:
    """Rows of one method: clip effects shared by all methods, ``gain`` in units of the clip spread, own
    noise.
    """
    shared, own = np.random.default_rng(7), np.random.default_rng(seed)
    rows = []
    for setting, metrics in PAIRED.items():
        for metric in metrics:
            effects = shared.normal(size=clips)
            errors = own.normal(size=clips) * noise
            sign = -1.0 if metric in LOWER else 1.0
            for clip, effect, error in zip(clip_names(clips), effects, errors, strict=True):
                value = BASE[metric] + SPREAD[metric] * (effect + sign * (gain + error))
                reason = (missing or {}).get((metric, clip))
                rows.append(
                    _row(method, setting, metric, clip, value, reason, sn, steps, profile, definition)
                )
        for metric in POOLED[setting]:
            value = SETS[metric] * (1 - 0.1 * gain)
            rows.append(
                _row(method, setting, metric, "*", value, None, sn, steps, profile, definition, clips)
            )
    return rows


def _row(
    method: str,
    setting: str,
    metric: str,
    clip: str,
    value: float,
    reason: str | None,
    sn: int,
    steps: int,
    profile: str,
    definition: str,
    clips: int = 1,
) -> Row:
    trial = "*" if clip == "*" else f"{setting}:{clip}" + ("" if setting == "self" else "<-actor9/outfit0")
    return Row(
        unit=unit_id(method, trial, sn, steps),
        method=method,
        dataset=DATASET,
        protocol=PROTOCOL,
        task="motion_imitation",
        setting=setting,
        trial=trial,
        clip=clip,
        sn=sn,
        steps=steps,
        seed=0,
        profile=profile,
        metric=metric,
        value=None if reason else value,
        reason=reason,
        count=0 if reason else FRAMES * clips,
        total=FRAMES * clips,
        per_frame=None,
        backbone=NETWORKS.get(metric),
        definition=content_hash([definition, metric]),
        provenance={"torch": "2.4.0", "device": "cpu", "dataset": "f1f1", "protocol": "aa00", "method": "m1"},
    )


def unit_id(method: str, trial: str, sn: int, steps: int) -> str:
    return content_hash([method, trial, sn, steps])


def plan_of(rows: Sequence[Row]) -> dict[str, Any]:
    trials = sorted({(row.trial, row.setting, row.clip) for row in rows if row.clip != "*"})
    return {
        "methods": [
            {"name": name, "identity": f"id-{name}", "trains": True}
            for name in sorted({row.method for row in rows})
        ],
        "sn": sorted({row.sn for row in rows}),
        "steps": sorted({row.steps for row in rows}),
        "seeds": [0],
        "dataset": {"name": DATASET, "fingerprint": "f1f1", "image_size": 64},
        "protocol": {"name": PROTOCOL, "hash": "aa00"},
        "profiles": {
            p: _described([r for r in rows if r.profile == p]) for p in sorted({r.profile for r in rows})
        },
        "trials": {
            content_hash(name): {
                "name": name,
                "setting": setting,
                "source_clip": clip,
                "target_clip": clip if setting == "self" else "actor9/outfit0",
                "protocol": PROTOCOL,
                "task": "motion_imitation",
                "target_frames": [[0, FRAMES - 1]],
                "truth_frames": [[0, FRAMES - 1]] if setting == "self" else None,
                "sources": {str(sn): [0, 12, 4, 8, 2, 6, 10, 14][:sn] for sn in (1, 2, 4, 8)},
            }
            for name, setting, clip in trials
        },
    }


def _described(rows: Sequence[Row]) -> dict[str, Any]:
    """Metrics and definitions of one profile, as the runner writes them."""
    return {
        "metrics": {
            r.metric: {
                "direction": "lower" if r.metric in LOWER else "higher",
                "summary": f"about {r.metric}",
            }
            for r in rows
        },
        "definitions": {r.definition: {"range": 255, "metric": r.metric} for r in rows},
    }


def write_run(
    path: Path, rows: Sequence[Row], *, pictures: int = 0, changes: Mapping[str, Any] | None = None
) -> Path:
    """Write a run folder; ``pictures`` > 0: frames of that side for every unit and trial."""
    folder = RunFolder.create(path, {**plan_of(rows), **(changes or {})})
    units: dict[str, list[Row]] = {}
    for row in rows:
        if row.clip != "*":
            units.setdefault(row.unit, []).append(row)
    for unit, own in units.items():
        folder.write_unit(unit, {"name": own[0].trial}, folder.plan_definitions(), own, {})
        if pictures:
            frames = np.stack([figure(pictures, own[0].clip, t, own[0].method) for t in range(6)])
            for _ in folder.predictions(unit).write([frames]):
                pass
    if pictures:
        for trial in sorted({row.trial for row in rows if row.clip != "*"}):
            clip = trial.partition(":")[2].partition("<-")[0]
            pictures_of = {
                "source": {t: figure(pictures, clip, t, "") for t in (0, 12)},
                "reference": {t: figure(pictures, trial, t, "") for t in (0, 3, 5)},
            }
            if trial.startswith("self:"):
                pictures_of["truth"] = {t: figure(pictures, clip, t, "") for t in (0, 3, 5)}
            folder.exhibit(content_hash(trial)).write(pictures_of)
    folder.write_environment(
        {"environments": [{"packages": {"torch": "2.4.0", "numpy": "2.0"}, "python": "3.11"}]}
    )
    pooled = [row for row in rows if row.clip == "*"]
    folder.write_results(pooled, {"entries": aggregate(rows)})
    return path


def figure(side: int, person: str, time: int, method: str) -> npt.NDArray[np.uint8]:
    """A stick of a person: colour by ``person``, place by ``time``, blur of columns by ``method``."""
    generator = np.random.default_rng(int(content_hash(person), 16) % 2**32)
    colour, ground = generator.integers(60, 255, 3), generator.integers(20, 120, 3)
    image = np.empty((side, side, 3), dtype=np.uint8)
    image[:] = ground
    middle = side // 2 + int(side * 0.04 * (time % 5 - 2))
    image[side // 3 : side - side // 12, middle - side // 10 : middle + side // 10] = colour
    y, x = np.mgrid[:side, :side]
    image[(y - side // 4) ** 2 + (x - middle) ** 2 < (side // 10) ** 2] = (236, 200, 170)
    if method:
        image = (image.astype(np.int16) + 10 * (len(method) % 4)).clip(0, 255).astype(np.uint8)
        image[::4] = (image[::4] * 0.8).astype(np.uint8)
    return image
