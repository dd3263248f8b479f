"""What a report reads from the resolved plan of a run: metric descriptions, and where the real frames of a
trial lie.

Everything here decorates: a plan that does not state it makes a plainer report, never a different number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Plan = Mapping[str, Any]


def metrics(plan: Plan) -> dict[tuple[str, str], dict[str, Any]]:
    """``plan["profiles"][profile]["metrics"]``: (profile, metric) -> ``{direction, unit, summary, ...}``."""
    return {
        (str(profile), str(metric)): dict(text)
        for profile, described in sorted(_mapping(plan.get("profiles")).items())
        for metric, text in sorted(_mapping(_mapping(described).get("metrics")).items())
        if isinstance(text, Mapping)
    }


def profiles(plan: Plan) -> dict[str, dict[str, Any]]:
    """``plan["profiles"][profile]``: ``comparable`` and ``why_not``, of the profiles that state them."""
    return {
        str(profile): {"comparable": described["comparable"], "why_not": str(described.get("why_not", ""))}
        for profile, described in sorted(_mapping(plan.get("profiles")).items())
        if isinstance(_mapping(described).get("comparable"), bool)
    }


def trial_counts(plan: Plan) -> dict[str, int]:
    """Setting -> number of trials that were planned."""
    found: dict[str, int] = {}
    for trial in _mapping(plan.get("trials")).values():
        setting = str(_mapping(trial).get("setting", ""))
        found[setting] = found.get(setting, 0) + 1
    return found


def definitions(plan: Plan) -> dict[str, dict[str, Any]]:
    """``plan["profiles"][profile]["definitions"]``: definition hash -> the complete definition."""
    return {
        str(key): dict(text)
        for described in _mapping(plan.get("profiles")).values()
        for key, text in _mapping(_mapping(described).get("definitions")).items()
        if isinstance(text, Mapping)
    }


def directions(plan: Plan) -> dict[str, str]:
    """Metric -> ``"higher"``, ``"lower"`` or ``"neither"``, as far as the plan says."""
    return {name: str(text["direction"]) for (_, name), text in metrics(plan).items() if "direction" in text}


def exhibits(plan: Plan) -> dict[str, tuple[str, dict[str, Any]]]:
    """Trial name -> folder of its real frames below ``exhibits/``, and the trial as the plan holds it."""
    listed = _mapping(plan.get("trials"))
    return {
        str(trial["name"]): (str(identity), dict(trial))
        for identity, trial in sorted(listed.items())
        if isinstance(trial, Mapping) and "name" in trial
    }


def source_frames(trial: Mapping[str, Any], sn: int) -> list[int] | None:
    """Frame indices of the sn sources in the source clip, or ``None`` when the trial does not tell."""
    found = _mapping(trial.get("sources")).get(str(sn))
    return [int(index) for index in found] if isinstance(found, list) else None


def clothes_frames(trial: Mapping[str, Any], sn: int) -> list[int] | None:
    """The same of the reference of an appearance transfer, who gives the clothes."""
    return source_frames(_mapping(trial.get("reference")), sn)


def method_identities(plan: Plan) -> dict[str, str]:
    """Method -> content hash of what changes its output."""
    listed = plan.get("methods")
    entries = listed if isinstance(listed, list) else []
    return {
        str(e["name"]): str(e.get("identity", "")) for e in entries if isinstance(e, Mapping) and "name" in e
    }


def references(plan: Plan) -> dict[str, str]:
    """Method -> what it is made from (``sources``, ``truth``, ``others``), of those that are references."""
    listed = plan.get("methods")
    entries = listed if isinstance(listed, list) else []
    return {
        str(e["name"]): str(e["reference"])
        for e in entries
        if isinstance(e, Mapping) and "name" in e and "reference" in e
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
