"""Named training set-ups: a variant (``iper_bench.lwg.variant``) with its exceptions by name, network sizes
and a schedule.

============ ======== =======================================================================================
preset       variant  exceptions and schedule
============ ======== =======================================================================================
tiny         embedded none; minutes on a CPU
tiny-gan     embedded as tiny, against a narrow discriminator
packaged     embedded none; what made the weights that come with the package
faithful     released packaged without the deviations and with the released lambdas. Exceptions: the embedded
                      inputs except for the pre-filled hole (averaged initial image, visible faces from a
                      512 px raster, band of nearest colours, hole at level 127); EfficientNet-Lite0 at 0.5,
                      because VGG19's weights do not come with pip; a pixel term of 10; the background
                      compared wherever it is known; neither face term nor discriminator
small        embedded half the released widths; hours on a CPU, minutes on a GPU
paper-256    paper    released sizes at 256 px; rates as in the paper (a quarter of the steps at 1e-4, then
                      down to 1e-5). Exceptions, because their weights do not come with pip:
                      EfficientNet-Lite0 instead of VGG19, at the paper's weight although the scales of the
                      two differ (not measured); no face term. Giving the files ends the exceptions.
                      200,000 steps stand for the paper's two epochs, which depend on the data: --epochs 2
paper-512    paper    as paper-256 at 512 px
paper-1024   paper    as paper-256 at 1024 px
released-512 released released sizes, sources, targets and rate (constant 1e-4) on one device; needs VGG19's
                      weights by path. Exception: no face term unless its weights are given
============ ======== =======================================================================================

The deviations that make short training work are on in the presets of the variant ``embedded`` only. The
exceptions of a preset are computed (``Preset.choices.overrides()``), written into the weights it trains, and
compared with this table in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from iper_bench.errors import UserError, unknown_name
from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.discriminator import DISCRIMINATORS, DiscriminatorConfig
from iper_bench.lwg.inputs import InputOptions
from iper_bench.lwg.objective import LossWeights, TermKinds
from iper_bench.lwg.perceptual import LITE_SMALLEST
from iper_bench.lwg.variant import EFFICIENTNET_LITE0, EMBEDDED, NO_FACE, Variant, variant

#: Side of the image over the side of the smallest picture that a discriminator looks at (its crops).
SMALLEST_CROP = {"patch_global": 1, "patch_global_local": 2, "patch_global_body_head": 4}


@dataclass(frozen=True)
class DiscriminatorSettings:
    """The discriminator that a preset trains against.

    Attributes
    ----------
    name: one of ``DISCRIMINATORS``; released: patch_global_body_head in training.
    sizes: of its patch networks.
    rate: Adam's learning rate at the start (iPERCore: 1e-4, as for the generator); it rises and falls in step
        with the generator's.

    Raises
    ------
    UserError for an unknown name or a rate that is not above 0.
    """

    name: str = "patch_global_body_head"
    sizes: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    rate: float = 1e-4

    def __post_init__(self) -> None:
        if self.name not in DISCRIMINATORS:
            raise unknown_name("discriminator", self.name, DISCRIMINATORS)
        if not self.rate > 0:
            raise UserError(
                f"rate is {self.rate}", where="discriminator settings", expected="a number above 0"
            )

    @property
    def looks_at_crops(self) -> bool:
        """Whether batches must carry boxes."""
        return SMALLEST_CROP[self.name] > 1

    @property
    def least_size(self) -> int:
        """Smallest image side: after all halvings the smallest crop keeps 3 pixels, of which the last two
        convolutions take one each.
        """
        return int(3 * 2**self.sizes.n_layers * SMALLEST_CROP[self.name])

    def check_size(self, size: int) -> None:
        """Raise UserError when images of side ``size`` are too small for the discriminator."""
        if size < self.least_size:
            raise UserError(
                f"size {size} is too small for discriminator '{self.name}' with {self.sizes.n_layers} layers",
                expected=f"at least {self.least_size}",
            )


_YOUNGER_SWITCHES = ("kinds", "perceptual", "face", "face_weight", "discriminator_scores")


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
    discriminator: what the generator is trained against, ``None`` = no adversarial term; it goes together
        with ``losses.adversarial`` above 0, and judges backgrounds too where there are auxiliary ones.
    variant: name of the set of choices that the preset starts from; ``kinds``, ``perceptual``, ``face``,
        ``face_weight`` and ``discriminator_scores`` are those of its switches that are not told above (see
        :class:`iper_bench.lwg.variant.Variant`).

    Raises
    ------
    UserError when only one of the discriminator and its weight is given, or the weight is negative.
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
    discriminator: DiscriminatorSettings | None = None
    variant: str = EMBEDDED.name
    kinds: TermKinds = EMBEDDED.kinds
    perceptual: str = EMBEDDED.perceptual
    face: str = EMBEDDED.face
    face_weight: float = EMBEDDED.face_weight
    discriminator_scores: str = EMBEDDED.discriminator_scores

    def __post_init__(self) -> None:
        weight = self.losses.adversarial
        if weight < 0:
            raise UserError(f"weight {weight}", where="losses.adversarial", expected="0 or more")
        if weight > 0 and self.discriminator is None:
            raise UserError(
                f"weight {weight} without a discriminator", where="losses.adversarial", expected="0 or one"
            )
        if weight == 0 and self.discriminator is not None:
            raise UserError(
                f"discriminator '{self.discriminator.name}' without a weight",
                where="losses.adversarial",
                expected="a weight above 0 (released: 1)",
            )

    @property
    def choices(self) -> Variant:
        """The preset's variant with the preset's own values; ``choices.overrides()`` tells the exceptions."""
        return Variant(
            name=self.variant,
            inputs=self.inputs,
            deviations=self.deviations,
            losses=self.losses,
            kinds=self.kinds,
            perceptual=self.perceptual,
            face=self.face,
            face_weight=self.face_weight,
            discriminator=None if self.discriminator is None else self.discriminator.name,
            discriminator_scores=self.discriminator_scores,
            auxiliary_backgrounds=self.auxiliary_backgrounds,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for cards, logs and the identity of a training folder.

        Without a discriminator the adversarial part is left out, and so are switches that are younger than
        the first weights where they hold the embedded variant's value: folders begun before keep their
        identity. The variant's name is left out because it changes no number.
        """
        content = asdict(self)
        content["inputs"] = self.inputs.to_json()
        del content["variant"]
        for name in _YOUNGER_SWITCHES:
            if getattr(self, name) == getattr(EMBEDDED, name):
                del content[name]
        if self.discriminator is None:
            del content["discriminator"], content["losses"]["adversarial"]
        return content


_NARROW = GeneratorConfig(
    bg_filters=(16, 32, 32, 64), bg_res_blocks=3, filters=(16, 32, 64), res_blocks=3, spade_hidden=32
)
_WITHOUT_FACE: Mapping[str, Any] = {"face": NO_FACE, "face_weight": 0.0}


def make_preset(
    variant_name: str,
    generator: GeneratorConfig,
    overrides: Mapping[str, Any] | None = None,
    discriminator_sizes: DiscriminatorConfig | None = None,
    **schedule: Any,
) -> Preset:
    """A preset of a variant.

    Parameters
    ----------
    overrides: switches in which the preset departs from the variant, as in
        :meth:`iper_bench.lwg.variant.Variant.switches`.
    discriminator_sizes: of the variant's discriminator; ``None`` = the released ones.
    schedule: the other fields of :class:`Preset`.

    Raises
    ------
    UserError for an unknown variant or switch.
    """
    choices = variant(variant_name).overridden(overrides or {})
    sizes = discriminator_sizes or DiscriminatorConfig()
    return Preset(
        generator=generator,
        deviations=choices.deviations,
        inputs=choices.inputs,
        losses=choices.losses,
        auxiliary_backgrounds=choices.auxiliary_backgrounds,
        discriminator=DiscriminatorSettings(choices.discriminator, sizes) if choices.discriminator else None,
        variant=choices.name,
        kinds=choices.kinds,
        perceptual=choices.perceptual,
        face=choices.face,
        face_weight=choices.face_weight,
        discriminator_scores=choices.discriminator_scores,
        **schedule,
    )


_LONGER: dict[str, Any] = {
    "people": 2,
    "targets": 2,
    "source_counts": (1, 2, 2, 2, 4),
    "steps": 4000,
    "constant": 0.4,
    "warm_up": 100,
    "ema": 0.998,
}

#: ``faithful`` keeps the embedded inputs, so that beside ``packaged`` it tells what the deviations and the
#: lambdas do, and goes without what a short run on a CPU without given weight files cannot have.
FAITHFUL_OVERRIDES: Mapping[str, Any] = {
    "inputs.initial_image": "averaged",
    "inputs.only_visible": True,
    "inputs.visibility_size": 512,
    "inputs.neighbours": 1,
    "inputs.foreground": "nearest-colour",
    "inputs.band": 6,
    "inputs.background_dilate": 5,
    "inputs.blank": "grey",
    "losses.perceptual": 0.5,
    "losses.pixel": 10.0,
    "losses.adversarial": 0.0,
    "kinds.background": "known",
    "discriminator": None,
    "perceptual": EFFICIENTNET_LITE0,
    **_WITHOUT_FACE,
}


def _paper_preset(size: int) -> Preset:
    return make_preset(
        "paper",
        GeneratorConfig(),
        {"perceptual": EFFICIENTNET_LITE0, **_WITHOUT_FACE},
        people=2,
        targets=1,
        steps=200_000,
        rate=1e-4,
        betas=(0.9, 0.999),
        clip_norm=0.0,
        warm_up=0,
        size=size,
    )


PRESETS: dict[str, Preset] = {
    "tiny": make_preset("embedded", _NARROW, targets=1, steps=300, ema=0.99),
    "tiny-gan": make_preset(
        "embedded",
        _NARROW,
        {"discriminator": "patch_global", "losses.adversarial": 1.0},
        DiscriminatorConfig(ndf=16, n_layers=3),
        targets=1,
        steps=300,
        ema=0.99,
    ),
    "packaged": make_preset("embedded", _NARROW, **_LONGER),
    "faithful": make_preset("released", _NARROW, FAITHFUL_OVERRIDES, **_LONGER),
    "small": make_preset(
        "embedded",
        GeneratorConfig(bg_filters=(32, 64, 64, 128), bg_res_blocks=4, filters=(32, 64, 128), res_blocks=4),
        **{**_LONGER, "steps": 20_000},
    ),
    **{f"paper-{size}": _paper_preset(size) for size in (256, 512, 1024)},
    "released-512": make_preset(
        "released",
        GeneratorConfig(),
        _WITHOUT_FACE,
        people=1,
        targets=2,
        source_counts=(4,),
        steps=400_000,
        rate=1e-4,
        final_rate=1e-4,
        constant=1.0,
        betas=(0.9, 0.999),
        clip_norm=0.0,
        warm_up=0,
        size=512,
    ),
}


def preset(name: str) -> Preset:
    """The preset called ``name``. Raises UserError with the nearest names when unknown."""
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name]


def check_size(settings: Preset, size: int) -> None:
    """Raise UserError when the networks of ``settings`` cannot train on frames of side ``size``: no multiple
    of the generator's stride, or too small for the perceptual network or the discriminator.
    """
    stride = settings.generator.stride
    if size % stride:
        near = f"{size - size % stride} or {size + -size % stride}"
        raise UserError(
            f"size {size} cannot be halved as often as generator '{settings.generator.name}' does",
            where="--size",
            expected=f"a multiple of {stride}",
            hint=f"--size {near}",
        )
    if settings.losses.perceptual > 0 and settings.perceptual == EFFICIENTNET_LITE0 and size < LITE_SMALLEST:
        raise UserError(
            f"size {size} is too small for perceptual network '{settings.perceptual}'",
            where="--size",
            expected=f"at least {LITE_SMALLEST}",
        )
    if settings.discriminator is not None:
        settings.discriminator.check_size(size)


def learning_rate(settings: Preset, step: int, steps: int) -> float:
    """Rate of ``step`` (0-based) of ``steps``: linear warm-up, constant, linear fall to ``final_rate``."""
    rise = min(1.0, (step + 1) / max(1, settings.warm_up))
    start = settings.constant * steps
    if step <= start:
        return settings.rate * rise
    share = min(1.0, (step - start) / max(1.0, steps - start))
    return (settings.rate + (settings.final_rate - settings.rate) * share) * rise


def discriminator_rate(settings: Preset, step: int, steps: int) -> float:
    """The discriminator's own rate under the generator's schedule (paper: one schedule; released: both
    constant). Raises ValueError for a preset without a discriminator.
    """
    if settings.discriminator is None:
        raise ValueError("the preset has no discriminator")
    return settings.discriminator.rate * learning_rate(settings, step, steps) / settings.rate
