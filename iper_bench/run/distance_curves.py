"""Frechet distances against the number of frames, of what was measured, as a file (``frechet_curve.py``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from iper_bench.errors import UserError
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.feature_meters import SetMeter
from iper_bench.metrics.frechet_curve import SEED, frechet_curve
from iper_bench.metrics.metric import Setting, UndefinedError
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.profiles.profile import chosen
from iper_bench.metrics.scorer import is_pooled
from iper_bench.metrics.scores import SetFeatures
from iper_bench.metrics.weights import MissingWeightsError
from iper_bench.run.clip_scores import Measures
from iper_bench.store.format import RESULT_FORMAT

STATISTIC = "frechet"
OPTION = "--fd-curve"


def require_distances(measures: Measures, setting: Setting) -> None:
    """Raise UserError when no Frechet distance over the whole set is measured."""
    if not _distances(measures, setting):
        raise UserError(
            f"no Frechet distance is measured in the setting {setting}",
            where=OPTION,
            expected="FID, Body-FD or Face-FD among the metrics",
            hint="--setting cross" if setting != "cross" else "--metrics FID",
        )


def distance_curves(
    measures: Measures, setting: Setting, features: Sequence[Mapping[str, SetFeatures]]
) -> dict[str, Any]:
    """One curve per Frechet distance, over the features of all clips together.

    Each has ``profile``, ``metric``, ``network``, ``predictions``, ``references`` (frames), and ``sizes``,
    ``values``, ``extrapolated``, ``slope``; or ``reason``, where there is none.
    """
    bench = Bench(weights_dir=measures.weights_dir, device=measures.device)
    curves = []
    for profile, definition in _distances(measures, setting):
        curve: dict[str, Any] = {"profile": profile, "metric": definition.metric}
        try:
            meter = SetMeter(definition, bench)
            found = [one[meter.key] for one in features if meter.key in one]
            ours = [one.prediction for one in found if len(one.prediction)]
            theirs = [one.reference for one in found if len(one.reference)]
            curve["network"] = meter.label
            curve["predictions"], curve["references"] = sum(map(len, ours)), sum(map(len, theirs))
            if not ours or not theirs:
                raise UndefinedError("no features on one side")
            drawn = frechet_curve(np.concatenate(ours), np.concatenate(theirs))
            curve |= {
                "sizes": list(drawn.sizes),
                "values": list(drawn.values),
                "extrapolated": drawn.extrapolated,
                "slope": drawn.slope,
            }
        except (MissingWeightsError, UndefinedError) as error:
            curve["reason"] = str(error)
        curves.append(curve)
    return {"format": RESULT_FORMAT, "setting": setting, "seed": SEED, "curves": curves}


def _distances(measures: Measures, setting: Setting) -> list[tuple[str, Any]]:
    profiles = [PROFILES.get(name) for name in measures.profiles]
    found = chosen(profiles, measures.metrics, measures.person_detector)
    return [
        (name, one)
        for name in measures.profiles
        for one in found[name][setting]
        if is_pooled(one) and one.get("statistic", "") == STATISTIC
    ]
