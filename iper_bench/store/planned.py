"""``PlannedUnit``: the units of a run as ``plan.yaml`` alone tells them, without dataset, protocol or
methods.

A report, a merge, a query need to know what was planned on machines that hold neither data nor networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iper_bench.hashing import canonical_json
from iper_bench.store.unit_id import unit_id, unit_name

TRUTH, OTHERS = "truth", "others"  # what a reference is made from, as a plan says it


@dataclass(frozen=True)
class PlannedUnit:
    """One unit of a plan.

    Attributes
    ----------
    id: content hash, the name of its files. name: readable.
    method, trial, setting, source_clip, target_clip, protocol, task: names.
    trial_id: content hash of the trial, the name of its exhibit.
    sn, steps, seed: number of sources, personalisation steps T, seed.
    frames: frames to predict.
    """

    id: str
    name: str
    method: str
    trial: str
    trial_id: str
    setting: str
    source_clip: str
    target_clip: str
    protocol: str
    task: str
    sn: int
    steps: int
    seed: int
    frames: int


@dataclass(frozen=True)
class _Part:
    """A trial with one number of sources."""

    trial_id: str
    content: Mapping[str, Any]
    sn: int
    text: str
    frames: int


def planned_units(plan: Mapping[str, Any]) -> list[PlannedUnit]:
    """Every unit of a resolved plan (format 2), by method, then in the order of the plan's trials.

    Raises KeyError or TypeError for what is no plan; ``read_plan`` has checked the hash of one from a file.
    """
    trials = {str(key): trial for key, trial in plan["trials"].items()}
    parts = [_part(key, trial, int(sn)) for sn in plan["sn"] for key, trial in trials.items()]
    return [unit for method in plan["methods"] for unit in _of_method(plan, method, parts)]


def _of_method(
    plan: Mapping[str, Any], method: Mapping[str, Any], parts: Sequence[_Part]
) -> Iterator[PlannedUnit]:
    trains, kind = bool(method["trains"]), method.get("reference")
    for part in parts:
        shown = method.get("shows", {}).get(f"{part.content['name']} sn={part.sn}")
        if (kind == OTHERS and shown is None) or (kind == TRUTH and part.content["truth_frames"] is None):
            continue
        for seed in plan["seeds"] if trains else plan["seeds"][:1]:
            for steps in plan["steps"] if trains else (0,):
                yield _unit(plan, method, part, int(steps), int(seed), shown)


def _unit(
    plan: Mapping[str, Any],
    method: Mapping[str, Any],
    part: _Part,
    steps: int,
    seed: int,
    shown: Sequence[Any] | None,
) -> PlannedUnit:
    trial, name = part.content, str(method["name"])
    grid = (part.sn, steps, seed)
    data = (plan["dataset"]["fingerprint"], plan["dataset"]["image_size"])
    return PlannedUnit(
        id=unit_id((name, str(method["identity"])), part.text, grid, data, shown),
        name=unit_name(name, str(trial["name"]), grid),
        method=name,
        trial=str(trial["name"]),
        trial_id=part.trial_id,
        setting=str(trial["setting"]),
        source_clip=str(trial["source_clip"]),
        target_clip=str(trial["target_clip"]),
        protocol=str(trial["protocol"]),
        task=str(trial["task"]),
        sn=part.sn,
        steps=steps,
        seed=seed,
        frames=part.frames,
    )


def _part(trial_id: str, trial: Mapping[str, Any], sn: int) -> _Part:
    left_out = ("views_known", "views", "target_angles")
    content = {key: value for key, value in trial.items() if key not in left_out}
    content["sources"] = trial["sources"][str(sn)]
    if "reference" in trial:
        reference = trial["reference"]
        content["reference"] = {**reference, "sources": reference["sources"][str(sn)]}
    frames = sum(last - first + 1 for first, last in trial["target_frames"])
    return _Part(trial_id, trial, sn, canonical_json(content), frames)
