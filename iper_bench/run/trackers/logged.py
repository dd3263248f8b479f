"""``LoggedRun``: what a tracker is told of a finished run, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.hashing import content_hash
from iper_bench.store.plan_file import plan_hash
from iper_bench.store.run_folder import RunFolder

#: what of an entry of ``aggregates.json`` is logged, and the end of its name
_LOGGED = {"mean": "", "low": ".low", "high": ".high", "actor_low": ".actor_low", "actor_high": ".actor_high"}


@dataclass(frozen=True)
class LoggedRun:
    """One method at one sn, T and seed: what people lay side by side in a tracker.

    Attributes
    ----------
    id: content hash of plan, method, sn, T and seed: the same run logged again is the same.
    name: readable. group: the protocol.
    steps: T. parameters: text by name. metrics: ``setting/profile/metric`` and, with ``.low``, ``.high``,
        ``.actor_low``, ``.actor_high`` behind it, the ends of its intervals; a metric's own slash is a dot;
        values that are missing are left out. aggregates: the file they come from.
    """

    id: str
    name: str
    group: str
    steps: int
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    aggregates: Path


def logged_runs(folder: RunFolder) -> list[LoggedRun]:
    """What a finished run is logged as, sorted. Raises UserError for a run that has not ended."""
    entries = folder.aggregates()["entries"]
    groups: dict[tuple[str, int, int, int], dict[str, float]] = {}
    for entry in entries:
        key = (str(entry["method"]), int(entry["sn"]), int(entry["steps"]), int(entry["seed"]))
        groups.setdefault(key, {}).update(_metrics(entry))
    return [_logged(folder, *key, groups[key]) for key in sorted(groups)]


def _metrics(entry: Mapping[str, Any]) -> dict[str, float]:
    # a dot for the slash: trackers of files would need one name as a file and as a folder
    metric = str(entry["metric"]).replace("/", ".")
    name = f"{entry['setting']}/{entry['profile']}/{metric}"
    return {f"{name}{end}": float(entry[key]) for key, end in _LOGGED.items() if entry[key] is not None}


def _logged(
    folder: RunFolder, method: str, sn: int, steps: int, seed: int, metrics: Mapping[str, float]
) -> LoggedRun:
    plan, identity = folder.plan, plan_hash(folder.plan)
    identities = {str(one["name"]): str(one["identity"]) for one in plan["methods"]}
    parameters = {
        "method": method,
        "method_identity": identities.get(method, ""),
        "dataset": plan["dataset"]["name"],
        "dataset_fingerprint": plan["dataset"]["fingerprint"],
        "image_size": plan["dataset"]["image_size"],
        "protocol": plan["protocol"]["name"],
        "protocol_hash": plan["protocol"]["hash"],
        "profiles": ",".join(plan["profiles"]),
        "sn": sn,
        "T": steps,
        "seed": seed,
        "seeds": ",".join(map(str, plan["seeds"])),
        "plan": identity,
    }
    return LoggedRun(
        id=content_hash([identity, method, sn, steps, seed]),
        name=f"{method} sn={sn} T={steps}" + (f" seed={seed}" if seed else ""),
        group=str(plan["protocol"]["name"]),
        steps=steps,
        parameters={name: str(value) for name, value in parameters.items()},
        metrics=dict(sorted(metrics.items())),
        aggregates=folder.path / "aggregates.json",
    )
