"""Measurements with a known difference between two sides, for tests of claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.report.evidence import Evidence, Measurement, RunFacts
from iper_bench.report.reading import paper_directions

SPREAD = {"PSNR": 0.3, "SSIM": 0.004, "LPIPS": 0.004, "Body-CS": 0.004, "Face-CS": 0.01}
PAIRED = tuple(SPREAD)


def measurement(
    method: str,
    metric: str = "PSNR",
    *,
    gain: float = 0.0,
    noise: float = 0.1,
    actors: int = 14,
    sn: int = 1,
    steps: int = 0,
    **other: Any,
) -> Measurement:
    """Clips, two per actor, with effects that all methods share; ``gain`` and ``noise`` in units of the
    metric's spread. Gains are upwards in every metric.
    """
    clips = [f"a{i:02d}/c{j}" for i in range(actors) for j in range(2)]
    shared = np.random.default_rng(1).normal(size=len(clips))
    own = np.random.default_rng([len(method), *method.encode(), sn, steps]).normal(size=len(clips))
    values = SPREAD[metric] * (shared + gain + noise * own)
    place: dict[str, Any] = {"dataset": "synthetic", "protocol": "p", "setting": "self", "profile": "paper"}
    return Measurement(
        **{**place, **other},
        method=method,
        sn=sn,
        steps=steps,
        metric=metric,
        value=float(values.mean()),
        clip_values=dict(zip(clips, values.tolist(), strict=True)),
        clip_actors={clip: clip.split("/")[0] for clip in clips},
        clips=len(clips),
    )


def evidence(
    measurements: Sequence[Measurement],
    *,
    plan: Mapping[str, Any] | None = None,
    why_not: Mapping[str, str] | None = None,
) -> Evidence:
    """``why_not``: profile -> why it is not comparable with the paper; all others are."""
    profiles = {
        m.profile: {
            "comparable": m.profile not in (why_not or {}),
            "why_not": (why_not or {}).get(m.profile, ""),
        }
        for m in measurements
    }
    facts = RunFacts(Path("runs/made-up"), "h", plan=plan or {}, profiles=profiles)
    return Evidence((facts,), tuple(measurements), paper_directions())
