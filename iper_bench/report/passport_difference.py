"""What differs between two definitions of a metric, as the plans of runs hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WEIGHTS = "weights"
#: text about a definition that does not change its number
_WORDS = ("words", "source")
_NOTHING = "none"


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """``"average (batches-16 and frames)"`` for every field in which two definitions differ, sorted, the
    family of the metric first; empty for equal ones and where either is not on record.

    Both are ``{profile, metric, setting, kind, version, choices, weights, words, source}`` or, from older
    plans, one flat mapping. Parts of the weights are named ``weights of network``.
    """
    if not first or not second:
        return []
    ours, theirs = _flat(first), _flat(second)
    names = sorted(ours.keys() | theirs.keys(), key=lambda name: (name not in ("kind", "version"), name))
    return [
        f"{name} ({ours.get(name, _NOTHING)} and {theirs.get(name, _NOTHING)})"
        for name in names
        if ours.get(name) != theirs.get(name)
    ]


def weights_alone(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two definitions are on record and differ in their weights and in nothing else."""
    return bool(first) and bool(second) and _unweighted(first) == _unweighted(second)


def _unweighted(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if name not in (WEIGHTS, *_WORDS)}


def _flat(definition: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in definition.items():
        if name in _WORDS:
            continue
        if name == "choices" and isinstance(value, Mapping):
            found.update({str(field): str(choice) for field, choice in value.items()})
        elif isinstance(value, Mapping):
            found.update({f"{name} of {part}": str(held) for part, held in value.items()})
        else:
            found[name] = str(value)
    return found
