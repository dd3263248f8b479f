"""Personalization uses the terms that the weights were trained with, or says that it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.lwg.config import GeneratorConfig
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.objective import TermKinds
from iper_bench.lwg.packaged import save_trained
from iper_bench.lwg.variant import PAPER, RELEASED, Variant
from iper_bench.methods.attlwb import AttLWB, create
from iper_bench.methods.method import Sources, Targets
from tests.turning_clip import TurningClip

CLIP = TurningClip()
NARROW = GeneratorConfig(
    bg_filters=(4, 6, 6, 8), bg_res_blocks=1, filters=(4, 6, 8), res_blocks=1, spade_hidden=8
)


def method(path: Path, choices: Variant) -> AttLWB:
    torch.manual_seed(0)
    save_trained(
        build_generator(NARROW, choices.deviations).state_dict(),
        path,
        config=NARROW,
        deviations=choices.deviations,
        inputs=choices.inputs,
        losses=choices.losses,
        training={},
        choices=choices,
    )
    return create(path)


def drawn(method: AttLWB, steps: int) -> np.ndarray:
    sources = Sources(CLIP.frames([0, 4]), CLIP.masks([0, 4]), CLIP.track.take([0, 4]), "open-coarse")
    subject = method.personalize(sources, steps=steps, seed=0)
    return np.concatenate(list(subject.render(Targets(CLIP.track.take([1, 2]), True))))


@pytest.mark.parametrize("choices", [RELEASED, PAPER], ids=lambda v: v.name)
def test_weights_of_a_variant_draw_and_refuse_what_lacks(choices: Variant, tmp_path: Path) -> None:
    trained = method(tmp_path / "w.safetensors", choices)
    assert drawn(trained, 0).shape == (2, 64, 64, 3)
    with pytest.raises(UserError, match=r"'vgg19', with which personalization is not offered yet"):
        drawn(trained, 2)


def test_personalization_uses_the_kinds_of_the_weights(tmp_path: Path) -> None:
    plain = RELEASED.overridden({"losses.perceptual": 0.0, "losses.adversarial": 0.0})
    paper = plain.overridden({"kinds.mask": TermKinds(mask="l2-silhouette").mask})
    frames = [
        drawn(method(tmp_path / f"{k}.safetensors", choices), steps)
        for k, choices in enumerate((plain, paper))
        for steps in (0, 3)
    ]
    assert np.array_equal(frames[0], frames[2])
    assert not np.array_equal(frames[1], frames[0])
    assert not np.array_equal(frames[1], frames[3])
