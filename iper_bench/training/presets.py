"""Named training set-ups: network sizes, deviations, inputs, losses and schedule.

``tiny`` trains on a CPU in minutes, ``packaged`` is what made the weights that come with the package,
``paper-256`` states the released sizes and losses with the paper's schedule (two passes, a quarter at 1e-4,
then down to 1e-5). The deviations that make short training work are on in ``tiny`` and ``packaged`` only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from iper_bench.errors import unknown_name
from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.inputs import InputOptions
from iper_bench.lwg.objective import LossWeights

SHORT_TRAINING = Deviations(
    known_background=True, prefilled_hole=True, silhouette_prior=True, residual_colour=True
)


@dataclass(frozen=True)
class Preset:
    """One training set-up.

    Attributes
    ----------
    people, targets, source_counts: clips per step, target frames per clip, values of sn drawn per step.
    steps: optimisation steps of the whole schedule.
    rate, final_rate: Adam learning rates; the rate falls linearly after ``constant`` (a share of the steps),
        after ``warm_up`` steps of linear rise.
    clip_norm: largest gradient norm, 0 = no clipping.
    ema: decay of the averaged weights that are exported, 0 = export the last weights.
    auxiliary_backgrounds: whether clean backgrounds without a person feed the background stream too.
    """

    generator: GeneratorConfig
    deviations: Deviations
    inputs: InputOptions
    losses: LossWeights
    people: int = 2
    targets: int = 2
    source_counts: tuple[int, ...] = (2,)
    steps: int = 1000
    rate: float = 1e-3
    final_rate: float = 1e-5
    constant: float = 0.25
    warm_up: int = 30
    betas: tuple[float, float] = (0.5, 0.999)
    clip_norm: float = 5.0
    ema: float = 0.0
    auxiliary_backgrounds: bool = True
    size: int = 128
    dataset_options: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for cards, logs and the identity of a training folder."""
        return asdict(self)


_NARROW = GeneratorConfig(
    bg_filters=(16, 32, 32, 64), bg_res_blocks=3, filters=(16, 32, 64), res_blocks=3, spade_hidden=32
)
_SHORT_LOSSES = LossWeights(source=3.0, background=5.0, perceptual=0.5, pixel=10.0, mask=1.0, smooth=0.05)

PRESETS: dict[str, Preset] = {
    "tiny": Preset(
        generator=GeneratorConfig(
            bg_filters=(16, 32, 32, 64), bg_res_blocks=3, filters=(16, 32, 64), res_blocks=3, spade_hidden=32
        ),
        deviations=SHORT_TRAINING,
        inputs=InputOptions(),
        losses=_SHORT_LOSSES,
        targets=1,
        steps=700,
        ema=0.99,
    ),
    "packaged": Preset(
        generator=_NARROW,
        deviations=SHORT_TRAINING,
        inputs=InputOptions(),
        losses=_SHORT_LOSSES,
        people=2,
        targets=2,
        source_counts=(1, 2, 2, 2, 4),
        steps=5000,
        constant=0.4,
        warm_up=100,
        ema=0.998,
    ),
    "faithful": Preset(
        generator=_NARROW,
        deviations=Deviations(),
        inputs=InputOptions(prefill=False),
        losses=LossWeights(perceptual=0.5, pixel=10.0),
        people=2,
        targets=2,
        source_counts=(1, 2, 2, 2, 4),
        steps=5000,
        constant=0.4,
        warm_up=100,
        ema=0.998,
    ),
    "paper-256": Preset(
        generator=GeneratorConfig(),
        deviations=Deviations(),
        inputs=InputOptions(visibility_size=0, prefill=False, background_dilate=11),
        losses=LossWeights(pixel=0.0),
        people=2,
        targets=1,
        steps=200_000,
        rate=1e-4,
        betas=(0.9, 0.999),
        clip_norm=0.0,
        auxiliary_backgrounds=False,
        warm_up=0,
        size=256,
    ),
}


def preset(name: str) -> Preset:
    """The preset called ``name``. Raises UserError with the nearest names when unknown."""
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name]


def learning_rate(settings: Preset, step: int, steps: int) -> float:
    """Rate of ``step`` (0-based) of ``steps``: linear warm-up, constant, linear fall to ``final_rate``."""
    rise = min(1.0, (step + 1) / max(1, settings.warm_up))
    start = settings.constant * steps
    if step <= start:
        return settings.rate * rise
    share = min(1.0, (step - start) / max(1.0, steps - start))
    return (settings.rate + (settings.final_rate - settings.rate) * share) * rise
