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
from iper_bench.methods.liquid_warping import LiquidWarping, lwb
from iper_bench.methods.liquid_warping import attlwb as create
from iper_bench.methods.method import Sources, Targets
from tests.turning_clip import TurningClip

CLIP = TurningClip()
NARROW = GeneratorConfig(
    bg_filters=(4, 6, 6, 8), bg_res_blocks=1, filters=(4, 6, 8), res_blocks=1, spade_hidden=8
)


def method(path: Path, choices: Variant) -> LiquidWarping:
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


def drawn(method: LiquidWarping, steps: int) -> np.ndarray:
    sources = Sources(CLIP.frames([0, 4]), CLIP.masks([0, 4]), CLIP.track.take([0, 4]), "open-coarse")
    subject = method.personalize(sources, steps=steps, seed=0)
    return np.concatenate(list(subject.render(Targets(CLIP.track.take([1, 2]), True))))


@pytest.mark.parametrize("choices", [RELEASED, PAPER], ids=lambda v: v.name)
def test_weights_of_a_variant_draw_and_refuse_what_lacks(choices: Variant, tmp_path: Path) -> None:
    trained = method(tmp_path / "w.safetensors", choices)
    assert drawn(trained, 0).shape == (2, 64, 64, 3)
    with pytest.raises(UserError, match=r"needs vgg19 and sphere20a, .*face=none.*--steps 0$"):
        drawn(trained, 2)


def test_personalization_uses_the_kinds_of_the_weights(tmp_path: Path) -> None:
    plain = RELEASED.overridden({"losses.perceptual": 0.0, "face": "none", "face_weight": 0.0})
    paper = plain.overridden({"kinds.mask": TermKinds(mask="l2-silhouette").mask})
    frames = [
        drawn(method(tmp_path / f"{k}.safetensors", choices), steps)
        for k, choices in enumerate((plain, paper))
        for steps in (0, 3)
    ]
    assert np.array_equal(frames[0], frames[2])
    assert not np.array_equal(frames[1], frames[0])
    assert not np.array_equal(frames[1], frames[3])


FILELESS = RELEASED.overridden({"losses.perceptual": 0.0, "face": "none", "face_weight": 0.0})


def test_every_recipe_tunes_in_its_own_way(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    own = method(path, FILELESS)
    choices = {name: create(path, recipe=name) for name in ("embedded", "paper", "released")}
    assert choices["released"].identity == own.identity != choices["paper"].identity
    frames = {name: drawn(each, 2) for name, each in choices.items()}
    assert np.array_equal(frames["released"], drawn(own, 2))
    assert len({frames[name].tobytes() for name in frames}) == 3
    assert np.array_equal(drawn(choices["paper"], 2), frames["paper"])  # the fresh discriminator is seeded


def test_terms_may_be_exchanged_by_name_only(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    own = method(path, RELEASED)
    other = create(path, perceptual="efficientnet-lite0", face="none")
    assert other.identity != own.identity
    assert not np.array_equal(drawn(other, 1), drawn(other, 0))
    with pytest.raises(UserError, match=r"needs sphere20a,.*'attlwb\[face-weights=FILE\]@"):
        drawn(create(path, perceptual="efficientnet-lite0"), 1)
    for options, words in (
        ({"recipe": "papr"}, "paper"),
        ({"perceptual": "vgg16"}, "vgg19"),
        ({"face": "sphere"}, "sphere20a"),
        ({"recip": "paper"}, "did you mean recipe"),
        ({"temporal": "on"}, "trained as .unknown., not as .attlwb.temporal=on."),
        ({"batch": "many"}, "whole number"),
        ({"compile": "yes"}, "on"),
        ({"dtype": "float8"}, "float16"),
    ):
        with pytest.raises(UserError, match=words):
            create(path, **options)


def test_files_of_terms_are_in_the_identity(tmp_path: Path) -> None:
    """What is in them changes personalization; where they lie does not."""
    path = tmp_path / "w.safetensors"
    own = method(path, RELEASED)
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    one, same, other = (
        create(path, face_weights=str(tmp_path / name), perceptual_weights=str(tmp_path / "a")).identity
        for name in "abc"
    )
    assert one == same
    assert len({own.identity, one, other}) == 3
    with pytest.raises(UserError, match=r"option 'face-weights' .*absent: no such file"):
        create(path, face_weights=str(tmp_path / "absent"))


def test_weights_of_another_loss_set_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    method(path, FILELESS)
    with pytest.raises(UserError, match=r"trained as 'unknown', not as 'attlwb\[loss=lp\]'"):
        create(path, loss="lp")
    with pytest.raises(UserError, match=r"iper-bench train --method 'lwb'"):
        lwb()
    with pytest.raises(UserError, match=r"no weights for 'attlwb\[loss=lp\]' come with the package"):
        create(loss="lp")
    with pytest.raises(UserError, match="AttLWB-SPADE"):
        lwb(path)


def test_official_weights_ask_for_their_layout(tmp_path: Path) -> None:
    path = tmp_path / "AttLWB-SPADE.pth"
    torch.manual_seed(0)
    torch.save(build_generator(NARROW).state_dict(), path)
    with pytest.raises(UserError, match=r"open-coarse: official weights .*layout=any"):
        drawn(create(path), 0)
    assert drawn(create(path, layout="any"), 0).shape == (2, 64, 64, 3)
    with pytest.raises(UserError, match="released"):
        create(path, layout="none")
