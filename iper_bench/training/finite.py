"""A loss that is no number ends a training before it reaches the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

from iper_bench.errors import UserError


def check_finite(terms: Mapping[str, float], step: int, *, training: bool = True) -> None:
    """Raise UserError naming the terms of step ``step`` (from 0) that are no finite numbers; ``training``:
    whether a state is saved, else it is a personalization.
    """
    wrong = [name for name, value in terms.items() if not math.isfinite(value)]
    if not wrong:
        return
    what = f"the loss is no number any more at step {step + 1} ({', '.join(wrong)})"
    if training:
        raise UserError(
            what,
            expected="finite terms; the state saved last is kept",
            hint="another --seed, a preset with a lower rate, or --precision no, in a new folder",
        )
    raise UserError(
        f"{what} of personalization", expected="finite terms", hint="another --seed or fewer --steps"
    )
