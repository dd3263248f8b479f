"""A loss that is no number ends a training before it reaches the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

from iper_bench.errors import UserError


def check_finite(terms: Mapping[str, float], step: int) -> None:
    """Raise UserError naming the terms of step ``step`` (from 0) that are no finite numbers."""
    wrong = [name for name, value in terms.items() if not math.isfinite(value)]
    if wrong:
        raise UserError(
            f"the loss is no number any more at step {step + 1} ({', '.join(wrong)})",
            expected="finite terms; the state saved last is kept",
            hint="another --seed, a preset with a lower rate, or --precision no, in a new folder",
        )
