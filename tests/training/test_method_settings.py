"""Presets fitted to methods: every generator trains and its weights draw, loss sets hold their terms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.lwg.face_identity import Sphere20a
from iper_bench.lwg.forward import WARP_FREE, forward_batch
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.objective import FaceTerm, StepBatch, objective
from iper_bench.lwg.strategy import GENERATOR_OF, LOSS_SETS, TrainedMethod
from iper_bench.lwg.variant import PAPER, RELEASED, Variant, face_term
from iper_bench.methods.method import METHODS, Sources, Targets
from iper_bench.training.generator_trainee import train_generator
from iper_bench.training.method_settings import settings_for
from iper_bench.training.presets import PRESETS, Preset
from iper_bench.training.samples import Sampler
from tests.training.small import GAN, SMALL, new_sampler
from tests.turning_clip import TurningClip

METHOD_NAMES = sorted(GENERATOR_OF)


def fitted(name: str, base: Preset = SMALL, **files: Path) -> Preset:
    return settings_for(base, TrainedMethod.parse(name), **files)


@pytest.fixture(scope="module")
def batch() -> StepBatch:
    return new_sampler().batch(0, people=2, source_counts=(2,), targets=2)


def test_attlwb_alone_changes_nothing() -> None:
    for name, preset in PRESETS.items():
        assert fitted("attlwb", preset) == preset, name


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_every_generator_gives_a_loss_that_reaches_it(name: str, batch: StepBatch) -> None:
    settings = fitted(name)
    one_source = settings.source_counts == (1,)
    sources = batch if not one_source else new_sampler().batch(0, people=2, source_counts=(1,), targets=2)
    torch.manual_seed(1)  # with 0 all ReLUs of input-concat's last layer, four channels wide, are dead
    generator = build_generator(settings.generator, settings.deviations)
    outputs = forward_batch(generator, settings.generator, sources)
    warp_free = settings.generator.name in WARP_FREE
    assert (outputs.source_colours is None) == warp_free
    assert outputs.colours.shape == (2, 2, 3, 64, 64)
    total, terms = objective(outputs, sources, settings.losses, None, kinds=settings.kinds)
    assert ("source" in terms) != warp_free
    torch.autograd.backward(total)
    without = [key for key, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    # AdaIN's weights are one number per source and image, whose biases of keys and queries cancel there.
    assert [key for key in without if not key.endswith(("fk.bias", "fq.bias"))] == [], name


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_trained_weights_serve_their_method(name: str, tmp_path: Path, request_for: Any) -> None:
    from iper_bench.training.train import train

    clip = TurningClip()
    path = train(replace(request_for(SMALL, steps=1), method=name))
    method = METHODS.get(name)(weights=path)
    sources = Sources(clip.frames([0, 4]), clip.masks([0, 4]), clip.track.take([0, 4]), "open-coarse")
    for steps in (0, 1):
        subject = method.personalize(sources, steps=steps, seed=0)
        frames = np.concatenate(list(subject.render(Targets(clip.track.take([1, 2]), True))))
        assert frames.shape == (2, 64, 64, 3)
    other = "lwb" if name != "lwb" else "attlwb"
    with pytest.raises(UserError, match=str(path)):
        METHODS.get(other)(weights=path)


def test_released_background_counts_whole_without_sources() -> None:
    released = fitted("texture-warp", PRESETS["released-512"])
    assert (released.losses.source, released.losses.background) == (0.0, 10.0)  # BaselineTrainer
    embedded = fitted("texture-warp")
    assert embedded.losses.background == SMALL.losses.background


@pytest.mark.parametrize("name", LOSS_SETS)
@pytest.mark.parametrize("base", [SMALL, GAN, PRESETS["paper-256"]], ids=["small", "gan", "paper"])
def test_a_loss_set_holds_its_terms_and_no_others(name: str, base: Preset) -> None:
    wanted = LOSS_SETS[name]
    settings = fitted(f"attlwb[loss={name}]", base)
    assert (settings.discriminator is not None) == (settings.losses.adversarial > 0) == wanted.adversarial
    assert (settings.face != "none") == (settings.face_weight > 0) == wanted.face
    assert (settings.losses.mask > 0) == (settings.losses.smooth > 0) == wanted.attention
    assert settings.losses.perceptual == base.losses.perceptual
    assert settings.losses.source == base.losses.source


def test_files_end_the_exceptions_of_a_preset(tmp_path: Path) -> None:
    paper = PRESETS["paper-256"]
    whole = fitted("attlwb", paper, perceptual_weights=tmp_path / "v", face_weights=tmp_path / "f")
    assert whole.choices == PAPER
    assert fitted("attlwb", SMALL, face_weights=tmp_path / "f") == SMALL
    faithful = fitted("attlwb", PRESETS["faithful"], perceptual_weights=tmp_path / "v")
    assert (faithful.perceptual, faithful.losses.perceptual) == ("vgg19", RELEASED.losses.perceptual)


@pytest.fixture(scope="module")
def sphere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("sphere") / "sphere20a.pth"
    torch.save(Sphere20a().state_dict(), path)
    return path


def test_the_face_term_is_weighted_and_reaches_the_colours(batch: StepBatch, sphere: Path) -> None:
    outputs = forward_batch(
        build_generator(SMALL.generator, SMALL.deviations), SMALL.generator, batch
    )._replace(colours=torch.zeros_like(batch.target_images).requires_grad_(True))
    plain, _ = objective(outputs, batch, SMALL.losses, None)
    for choices in (RELEASED, PAPER):
        face = face_term(choices, sphere)
        assert face is not None
        total, terms = objective(outputs, batch, SMALL.losses, None, face=face)
        assert (total - plain).item() == pytest.approx(5.0 * terms["face"].item(), rel=1e-3)
        assert terms["face"].item() > 0
    assert batch.head_boxes is not None
    (gradient,) = torch.autograd.grad(terms["face"], outputs.colours)
    x0, x1, y0, y1 = batch.head_boxes[0, 0].tolist()
    assert gradient[0, 0, :, y0:y1, x0:x1].any()
    gradient[0, 0, :, y0:y1, x0:x1] = 0
    assert not gradient[0, 0].any()
    with pytest.raises(ValueError, match="needs head boxes"):
        objective(
            outputs,
            replace(batch, head_boxes=None),
            SMALL.losses,
            None,
            face=FaceTerm(1.0, lambda a, b, boxes: a.sum()),
        )


def test_the_papers_face_term_is_the_embedding_alone(sphere: Path) -> None:
    rng = torch.Generator().manual_seed(1)
    images = [torch.rand(2, 3, 112, 96, generator=rng) * 2 - 1 for _ in range(2)]
    layers, alone = (face_term(choices, sphere) for choices in (RELEASED, PAPER))
    assert layers is not None
    assert alone is not None
    network = alone.distance.network  # type: ignore[attr-defined]
    ours, theirs = (network(each)[-1] for each in images)
    wanted = float((ours - theirs).abs().mean())
    assert float(alone.distance(*images, None)) == pytest.approx(wanted, rel=1e-5)  # type: ignore[arg-type]
    assert float(layers.distance(*images, None)) > wanted  # type: ignore[arg-type]


def test_face_files_are_asked_for_and_refused_by_name(sphere: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs its weights.*--face-weights FILE"):
        face_term(RELEASED, None)
    none: Variant = RELEASED.overridden({"face": "none"})
    assert face_term(none, None) is None
    with pytest.raises(UserError, match="has no face term here"):
        face_term(none, sphere)
    with pytest.raises(UserError, match="no such file"):
        face_term(RELEASED, tmp_path / "absent.pth")


def test_a_step_with_every_term_of_the_paper(sphere: Path, tmp_path: Path) -> None:
    from iper_bench.training.options import LoopOptions
    from tests.training.small import new_state

    settings = replace(
        GAN, face="sphere20a", face_weight=5.0, discriminator_scores="sum", steps=1, source_counts=(2,)
    )
    state = new_state(settings)
    before = {key: value.clone() for key, value in state.generator.state_dict().items()}
    sampler: Sampler = new_sampler()
    options = LoopOptions(tmp_path / "out", "id", 1, log_every=1)
    train_generator(state, sampler, settings, None, options, face_term(settings.choices, sphere))
    line = (tmp_path / "out" / "log.jsonl").read_text()
    assert '"face"' in line
    assert '"adversarial"' in line
    assert any(not torch.equal(value, before[key]) for key, value in state.generator.state_dict().items())


def test_a_temporal_generator_trains_on_targets_in_order(tmp_path: Path, request_for: Any) -> None:
    from iper_bench.training.train import train

    settings = fitted("attlwb[temporal=on]")
    assert settings.generator.temporal
    assert settings.targets == 2
    path = train(replace(request_for(SMALL, steps=1), method="attlwb[temporal=on]"))
    clip = TurningClip()
    sources = Sources(clip.frames([0, 4]), clip.masks([0, 4]), clip.track.take([0, 4]), "open-coarse")
    frames = {}
    for step in ("0", "2"):
        method = METHODS.get("attlwb")(weights=path, temporal="on", time_step=step)
        subject = method.personalize(sources, steps=0, seed=0)
        frames[step] = np.concatenate(list(subject.render(Targets(clip.track.take([1, 2]), True))))
    assert np.array_equal(frames["0"][0], frames["2"][0])  # nothing comes before the first frame
    assert not np.array_equal(frames["0"][1], frames["2"][1])
    with pytest.raises(UserError, match=r"trained as 'attlwb\[temporal=on\]', not as 'attlwb'"):
        METHODS.get("attlwb")(weights=path, temporal="off")


def test_flows_between_targets_lead_to_the_frame_before() -> None:
    """The same pose twice: every body pixel comes from its own place."""
    from iper_bench.body import load_body
    from iper_bench.lwg.inputs import InputBuilder

    clip = TurningClip()
    builder = InputBuilder(load_body("open-coarse"), 64, SMALL.inputs)
    track = clip.track.take([3, 3, 5])
    maps = builder.maps(track.betas, track.poses, track.cams, visibility=False)
    flows = builder.successive_flows(maps)
    assert flows.shape == (2, 64, 64, 2)
    grid = (2 * torch.arange(64.0) + 1 - 64) / 64
    own = torch.stack(torch.meshgrid(grid, grid, indexing="xy"), -1)
    inside = maps.fim[1] >= 0
    # barycentric weights are clamped at faces' edges: a hundredth of a pixel
    torch.testing.assert_close(flows[0][inside], own[inside], atol=3e-4, rtol=0)
    assert (flows[0][~inside] == -2).all()
    assert (flows[1][maps.fim[2] >= 0] - own[maps.fim[2] >= 0]).abs().max() > 0.05
