"""Rules that turn per-frame values into one number, for one trial and for all trials laid end to end.

``None`` entries are frames left out. Values are summed in the order of frames with exact rounding
(``math.fsum``), so that neither batches nor workers can change a digit.
From: ``his_evaluators/evaluators/base.py`` for the batch rule; must agree with ``aggregation.npz`` to 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

PAPER_BATCH = 16  # his_evaluators' data loader
EMPTY_BATCH_VALUE = 0.0  # what the evaluator takes for a batch without any reference face
#: rules of batches -> the value of a batch without entries; ``None`` = it is left out
BATCH_RULES: Mapping[str, float | None] = {"batches-16": None, "batches-16-zero": EMPTY_BATCH_VALUE}
#: rules whose value over a data set is not made of the values of its trials
OVER_ALL_TRIALS = tuple(BATCH_RULES)

Values = Sequence[float | None]


def frame_mean(values: Values) -> float | None:
    """Mean of the entries that are there; ``None`` when there is none."""
    present = [value for value in values if value is not None]
    return math.fsum(present) / len(present) if present else None


def mean_of_batch_means(
    values: Values, *, batch: int = PAPER_BATCH, empty: float | None = None
) -> float | None:
    """Unweighted mean of the means of consecutive batches, the evaluator's rule.

    ``empty`` is the value of a batch without entries; ``None`` leaves such batches out. Note that frames of
    the last, partial batch weigh more than others.
    """
    if batch < 1:
        raise ValueError(f"batch is {batch}")
    means = [frame_mean(values[start : start + batch]) for start in range(0, len(values), batch)]
    return frame_mean([empty if mean is None else mean for mean in means])


def averaged(values: Values, rule: str) -> float | None:
    """The mean of per-frame values by the rule of that name.

    ``frames``: mean of frames. ``batches-16``: the evaluator's mean of means of batches. ``batches-16-zero``:
    the same with 0 for a batch without entries. Raises ValueError for another name.
    """
    if rule == "frames":
        return frame_mean(values)
    if rule in BATCH_RULES:
        return mean_of_batch_means(values, empty=BATCH_RULES[rule])
    raise ValueError(f"no rule of averaging is called {rule!r}")
