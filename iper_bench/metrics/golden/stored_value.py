"""``StoredValue``: what a metric gave on the golden frames where they were made, and how far another machine
may be from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.golden.pairs import PACKAGE, REMEDY

FILE = "values.json"
GPU_WIDER = 100.0  # times: convolutions may be computed in TF32 there, with 10 bits instead of 23
NO_NETWORK = ("whole numbers", "pixels", "detection rates")  # families that are not wider on a GPU
PIP, SEEDED = "pip", "seeded"
FACES = ("mtcnn-20", "mtcnn-30-head")


@dataclass(frozen=True)
class Tolerance:
    """How far a value may lie from the stored one: ``absolute`` + ``relative`` times the stored value.

    ``reason``: why it is not 0, or why it is.
    """

    absolute: float
    relative: float
    reason: str

    def of(self, value: float, *, wider: float = 1.0) -> float:
        """The largest deviation from ``value`` that is allowed, ``wider`` times."""
        return wider * (self.absolute + self.relative * abs(value))


@dataclass(frozen=True)
class StoredValue:
    """One number.

    Attributes
    ----------
    profile, setting, metric: what was measured; ``metric`` may be a detector's box.
    weights: ``pip`` (real ones) or ``seeded`` (drawn by a rule; the number means nothing, the graph is
        checked).
    value: what it was.
    family: its tolerance, a key of ``Golden.tolerances``.
    definition: hash of the choices that it was measured by, without weights.
    """

    profile: str
    setting: str
    metric: str
    weights: str
    value: float
    family: str
    definition: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Weights, profile, setting, metric."""
        return self.weights, self.profile, self.setting, self.metric


@dataclass(frozen=True)
class Golden:
    """All stored values with their tolerances by family, and where they were made (versions, machine)."""

    values: tuple[StoredValue, ...]
    tolerances: Mapping[str, Tolerance]
    made_with: Mapping[str, Any]

    def allowed(self, stored: StoredValue, *, on_gpu: bool) -> float:
        """How far a value may lie from a stored one."""
        wider = GPU_WIDER if on_gpu and stored.family not in NO_NETWORK else 1.0
        return self.tolerances[stored.family].of(stored.value, wider=wider)

    def to_json(self) -> dict[str, Any]:
        """The content of ``values.json``."""
        return {
            "format": 1,
            "made_with": dict(self.made_with),
            "tolerances": {name: vars(one) for name, one in self.tolerances.items()},
            "values": [vars(one) for one in self.values],
        }


def golden_values() -> Golden:
    """The stored values. Raises UserError when the file is damaged."""
    try:
        content = json.loads((resources.files(PACKAGE) / FILE).read_text(encoding="utf-8"))
        return Golden(
            tuple(StoredValue(**one) for one in content["values"]),
            {name: Tolerance(**one) for name, one in content["tolerances"].items()},
            content["made_with"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError("golden values cannot be read", where=f"{PACKAGE}/{FILE}", hint=REMEDY) from error


def choices_hash(definition: Definition) -> str:
    """Hash of what a value was measured by, weights apart."""
    return content_hash(
        {
            "metric": definition.metric,
            "kind": definition.kind.name,
            "version": definition.kind.version,
            "choices": dict(definition.choices),
        }
    )


def family_of(definition: Definition) -> str:
    """The family of tolerances of a definition."""
    kind = definition.kind.name
    if kind in ("psnr", "ssim"):
        exact = definition.get("arithmetic", "") in ("exact", "uint8-wrap")
        return "whole numbers" if exact else "pixels"
    if kind in ("lpips", "flicker"):
        return "feature maps"
    if kind == "rate":
        return "detection rates"
    faces = definition["detector"] in FACES
    if kind == "set":
        kernel = definition["statistic"] == "kernel"
        return f"{'face' if faces else 'kernel' if kernel else 'other'} sets"
    if kind == "body_state":
        return "body states"
    return "face similarities" if faces else "similarities"
