"""A preset fitted to a method: other generators, the loss sets of Table 6, networks whose files were given.

What changes, and why:

- input-concat and texture-warp reconstruct no sources: no source term, and where the released background term
  is halved together with it (kind ``last``), the background counts whole, as in iPERCore's BaselineTrainer;
- attlwb-front has no background stream: no background term, no auxiliary backgrounds, and a filled background
  is what its targets are composed over;
- impersonator takes one source;
- with ``temporal=on`` there are at least two targets of one clip, in its order.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from iper_bench.lwg.config import GeneratorConfig
from iper_bench.lwg.discriminator import DiscriminatorConfig
from iper_bench.lwg.forward import FRONT, WARP_FREE
from iper_bench.lwg.iccv import DOWN_STEPS
from iper_bench.lwg.strategy import TrainedMethod, generator_of, loss_set
from iper_bench.lwg.variant import NO_FACE, RELEASED, VGG19, variant
from iper_bench.training.presets import PRESETS, DiscriminatorSettings, Preset

ONE_SOURCE = "Impersonator"


def settings_for(
    preset: Preset,
    method: TrainedMethod,
    *,
    perceptual_weights: Path | None = None,
    face_weights: Path | None = None,
) -> Preset:
    """``preset`` for ``method``. ``attlwb`` without a loss set and without files leaves it as it is.

    Parameters
    ----------
    perceptual_weights, face_weights: files that were given; they end a preset's exception from its variant's
        VGG19 (with the weight of that term) or face term.

    Raises
    ------
    UserError for an unknown method or loss set.
    """
    changed = _for_generator(preset, generator_of(method.method))
    if method.temporal:
        generator = replace(changed.generator, temporal=True)
        # An earlier output to attend to takes at least two targets.
        changed = replace(changed, generator=generator, targets=max(2, changed.targets))
    named = variant(changed.variant)
    if perceptual_weights is not None and named.perceptual == VGG19:
        # The weight of the term belongs to its network: the scales of two networks differ.
        losses = replace(changed.losses, perceptual=named.losses.perceptual)
        changed = replace(changed, perceptual=VGG19, losses=losses)
    if face_weights is not None and named.face != NO_FACE:
        changed = replace(changed, face=named.face, face_weight=named.face_weight)
    return changed if method.loss is None else _with_losses(changed, method.loss)


def _for_generator(preset: Preset, name: str) -> Preset:
    if name == preset.generator.name:
        return preset
    changed = replace(preset, generator=_generator(preset.generator, name))
    if name in WARP_FREE:
        whole = 2.0 if changed.kinds.background == "last" else 1.0
        losses = replace(changed.losses, source=0.0, background=whole * changed.losses.background)
        changed = replace(changed, losses=losses)
    if name == FRONT:
        changed = replace(
            changed,
            losses=replace(changed.losses, background=0.0),
            inputs=replace(changed.inputs, prefill=True),
            auxiliary_backgrounds=False,
        )
    if name == ONE_SOURCE:
        changed = replace(changed, source_counts=(1,))
    return changed


def _generator(config: GeneratorConfig, name: str) -> GeneratorConfig:
    if name != ONE_SOURCE:
        return config.with_name(name)
    # The ICCV generator has one width, doubled at every halving, and one number of blocks for all streams.
    widths = tuple(config.filters[0] * 2**k for k in range(DOWN_STEPS + 1))
    return replace(
        config, name=name, filters=widths, bg_filters=widths, bg_res_blocks=config.res_blocks, temporal=False
    )


def _with_losses(preset: Preset, name: str) -> Preset:
    """The terms of a loss set and no others; terms that the preset lacks come with the weights of the
    variant, or the released ones where it has none.
    """
    wanted = loss_set(name)
    named = variant(preset.variant)
    losses, discriminator = preset.losses, preset.discriminator
    if not wanted.attention:
        losses = replace(losses, mask=0.0, smooth=0.0)
    if not wanted.adversarial:
        losses, discriminator = replace(losses, adversarial=0.0), None
    elif discriminator is None:
        weight = named.losses.adversarial or RELEASED.losses.adversarial
        losses, discriminator = replace(losses, adversarial=weight), _discriminator(preset)
    face, weight = NO_FACE, 0.0
    if wanted.face:
        source = named if named.face != NO_FACE else RELEASED
        face, weight = source.face, source.face_weight
    return replace(preset, losses=losses, discriminator=discriminator, face=face, face_weight=weight)


def _discriminator(preset: Preset) -> DiscriminatorSettings:
    """The discriminator of the variant; for the embedded one, which has none, that of ``tiny-gan``."""
    named = variant(preset.variant)
    small = PRESETS["tiny-gan"].discriminator
    if named.discriminator is None and small is not None:
        return small
    return DiscriminatorSettings(named.discriminator or "patch_global", DiscriminatorConfig())
