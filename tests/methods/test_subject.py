"""The subject: every generator can be served, on any device, in batches of any size, with earlier frames."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from iper_bench.data.clip import BodyTrack, Images
from iper_bench.errors import UserError
from iper_bench.lwg.config import ALL_GENERATOR_NAMES, Deviations, GeneratorConfig
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.inference import InferenceOptions
from iper_bench.lwg.inputs import InputOptions, to_frames
from iper_bench.methods import source_person as source_person_module
from iper_bench.methods.liquid_warping_subject import LiquidWarpingSubject
from iper_bench.methods.method import Sources, Targets
from iper_bench.methods.padding import Padding
from iper_bench.methods.source_person import SourcePerson, prepare_person
from iper_bench.methods.warp import Warp
from tests.fake_accelerator import DEVICE, MixedDevicesError, Wrapper, fake_accelerator
from tests.turning_clip import TurningClip

CLIP = TurningClip(side=32)
RELEASED_INPUTS = InputOptions(
    initial_image="uv-merge", foreground="edge-colours", prefill=False, blank="zero", neighbours=3
)
ONE_LEVEL = 1  # frames are rounded to 256 levels; sums in another order can cross one boundary


def config_of(name: str, **changes: Any) -> GeneratorConfig:
    if name == "Impersonator":
        widths = (2, 4, 8, 16)
        return GeneratorConfig(
            name=name, bg_filters=widths, filters=widths, bg_res_blocks=1, res_blocks=1, **changes
        )
    return GeneratorConfig(
        name=name,
        bg_filters=(4, 6, 6),
        bg_res_blocks=1,
        filters=(4, 6),
        res_blocks=1,
        spade_hidden=6,
        **changes,
    )


def generator_of(name: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    network = build_generator(config_of(name, **changes), Deviations(silhouette_prior=True))
    network.eval().requires_grad_(False)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            parameter.mul_(2.0)  # torch's first weights are so small that every network is nearly silent
    return network


def sources(clip: TurningClip = CLIP, rows: tuple[int, ...] = (0, 4)) -> Sources:
    return Sources(clip.frames(rows), clip.masks(rows), clip.track.take(rows), "open-coarse")


def targets(*rows: int, clip: TurningClip = CLIP, same_person: bool = True) -> Targets:
    return Targets(clip.track.take(rows), same_person)


def person_for(network: Any, given: Sources, inputs: InputOptions | None = None) -> SourcePerson:
    return prepare_person(
        given,
        inputs or InputOptions(visibility_size=64),
        stride=network.config.stride,
        most_sources=network.most_sources,
    )


def subject_of(
    network: Any,
    given: Sources | None = None,
    options: InferenceOptions | None = None,
    inputs: InputOptions | None = None,
) -> LiquidWarpingSubject:
    given = given or sources()
    person = person_for(network, given, inputs)
    return LiquidWarpingSubject(
        network, person.builder, person.inputs, given.track, padding=person.padding, options=options
    )


def drawn(subject: LiquidWarpingSubject, wanted: Targets) -> Images:
    return np.concatenate(list(subject.render(wanted)))


def largest(a: Images, b: Images) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("name", ALL_GENERATOR_NAMES)
def test_every_generator_draws_what_its_released_call_draws(name: str) -> None:
    network = generator_of(name)
    given = sources()
    person = person_for(network, given)
    frames = drawn(subject_of(network, given), targets(1, 2, 3))
    maps = person.builder.maps(
        given.track.betas, CLIP.track.poses[1:4], CLIP.track.cams[1:4], visibility=False
    )
    made = person.builder.targets(person.inputs, maps)
    tsf = made.tsf_inputs[:, 3:] if name == "AttLWB-AdaIN" else made.tsf_inputs
    first = () if name == "AttLWB-Front-SPADE" else (person.inputs.bg_input[None],)
    outputs = network(*first, person.inputs.src_inputs[None], tsf[None], made.flows[None])
    colours, masks = outputs[-2][0], outputs[-1][0]
    background = outputs[0][0] if first else person.inputs.bg_input[:, :3]  # prefilled
    wanted = to_frames(masks * background + (1.0 - masks) * colours)
    assert frames.std() > 5
    assert largest(frames, wanted) <= ONE_LEVEL


def test_one_source_generators_ignore_the_others() -> None:
    network = generator_of("Impersonator")
    alone = drawn(subject_of(network, sources(rows=(0,))), targets(1, 2))
    assert np.array_equal(alone, drawn(subject_of(network, sources(rows=(0, 4))), targets(1, 2)))
    person = prepare_person(sources(), InputOptions(visibility_size=64))
    with pytest.raises(ValueError, match="2 sources; Impersonator uses 1"):
        LiquidWarpingSubject(network, person.builder, person.inputs, CLIP.track)


def test_front_generator_gets_an_inpainted_background_from_an_empty_hole() -> None:
    network = generator_of("AttLWB-Front-SPADE")
    filled = drawn(subject_of(network), targets(2))
    empty = InputOptions(visibility_size=64, prefill=False)
    assert np.array_equal(filled, drawn(subject_of(network, inputs=empty), targets(2)))


@pytest.mark.parametrize("batch", [2, 3, 16])
def test_frames_do_not_depend_on_the_batch(batch: int) -> None:
    network = generator_of("AttLWB-SPADE")
    rows = [k % 8 for k in range(11)]
    one = drawn(subject_of(network), targets(*rows))
    several = drawn(subject_of(network, options=InferenceOptions(batch=batch)), targets(*rows))
    assert largest(one, several) <= ONE_LEVEL
    assert np.mean(one != several) < 0.001  # of values; only those on a rounding boundary


def test_options_name_what_changes_numbers() -> None:
    same = InferenceOptions(batch=4, channels_last=True, compile=True)
    assert same.identity() == InferenceOptions().identity() == {}
    assert InferenceOptions(dtype="bfloat16", time_step=2).identity() == {"dtype": "bfloat16", "time_step": 2}


@pytest.mark.parametrize("wrong", [{"dtype": "int8"}, {"batch": 0}, {"time_step": -1}])
def test_wrong_options_are_one_line(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="inference options"):
        InferenceOptions(**wrong)


def test_the_default_batch_depends_on_the_device() -> None:
    options = InferenceOptions()
    assert options.batch_on(torch.device("cpu")) < options.batch_on(torch.device("cuda"))
    assert InferenceOptions(batch=5).batch_on(torch.device("cpu")) == 5
    assert InferenceOptions(batch=5, time_step=1).batch_on(torch.device("cuda")) == 1


@pytest.mark.parametrize(
    ("options", "near"),
    [
        (InferenceOptions(channels_last=True), ONE_LEVEL),
        (InferenceOptions(dtype="bfloat16"), 8),  # 8 bits of mantissa through ten layers
        (InferenceOptions(dtype="float16"), 3),
    ],
    ids=str,
)
def test_layouts_and_types(options: InferenceOptions, near: int) -> None:
    network = generator_of("AttLWB-SPADE")
    exact = drawn(subject_of(network), targets(1, 2))
    assert largest(exact, drawn(subject_of(network, options=options), targets(1, 2))) <= near
    assert next(network.parameters()).dtype == torch.float32


def test_compiling_gets_the_transfer_stream_with_fixed_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler itself takes minutes; here it is replaced by one that writes down what it was given."""
    network = generator_of("AttLWB-SPADE")
    plain = drawn(subject_of(network), targets(1, 2))
    seen: list[Any] = []

    def compiled(function: Any) -> Any:
        def recorded(prepared: Any, *tensors: torch.Tensor) -> Any:
            seen.append((prepared.cropped, *(tuple(t.shape) for t in tensors)))
            return function(prepared, *tensors)

        return recorded

    monkeypatch.setattr(torch, "compile", compiled)
    frames = drawn(subject_of(network, options=InferenceOptions(compile=True)), targets(1, 2))
    assert largest(frames, plain) <= ONE_LEVEL
    assert seen == [(False, (1, 6, 32, 32), (1, 2, 32, 32, 2))] * 2


def test_a_compiler_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def backend(*_: Any) -> Any:
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    subject = subject_of(generator_of("AttLWB-SPADE"), options=InferenceOptions(compile=True))
    with pytest.raises(UserError, match=r"torch\.compile failed: .*No working C\+\+.*leave compile out"):
        drawn(subject, targets(1))


def test_temporal_mode_attends_to_the_frames_before() -> None:
    """The first frame has none; the second follows from the definition, by the path of training."""
    network = generator_of("AttLWB-SPADE", temporal=True)
    given, wanted = sources(), targets(1, 2, 3)
    plain = drawn(subject_of(network, given), wanted)
    frames = drawn(subject_of(network, given, InferenceOptions(time_step=1)), wanted)
    assert np.array_equal(frames[0], plain[0])
    assert largest(frames[1], plain[1]) > ONE_LEVEL
    person = person_for(network, given)
    track = wanted.track
    maps = [
        person.builder.maps(track.betas, track.poses[k : k + 1], track.cams[k : k + 1], visibility=False)
        for k in range(2)
    ]
    made = [person.builder.targets(person.inputs, one) for one in maps]
    background = network.background(person.inputs.bg_input[None])[:, 0]
    features = network.encode_sources(person.inputs.src_inputs[None])
    colour, mask = network.transfer(made[0].tsf_inputs, features, made[0].flows)
    first = network.compose(background, colour, mask)
    earlier = network.encode_sources(torch.cat([first, made[0].tsf_inputs[:, 3:]], 1)[None])
    into = person.builder.flows_into(maps[0], maps[1])
    colour, mask = network.transfer(made[1].tsf_inputs, features, made[1].flows, earlier, into)
    assert largest(frames[1:2], to_frames(network.compose(background, colour, mask))) <= ONE_LEVEL


def test_temporal_mode_forgets_what_is_older_than_its_time_step() -> None:
    """With a buffer of one, frame 9 knows frame 8 only, across the border of the input batches (8)."""
    network = generator_of("AttLWB-SPADE", temporal=True)
    rows = [k % 8 for k in range(10)]
    one = drawn(subject_of(network, options=InferenceOptions(time_step=1)), targets(*rows))
    three = drawn(subject_of(network, options=InferenceOptions(time_step=3)), targets(*rows))
    assert np.array_equal(one[:2], three[:2])
    assert not np.array_equal(one[2], three[2])
    plain = drawn(subject_of(network), targets(*rows))
    assert not np.array_equal(one[8], plain[8])  # the buffer lives on
    again = subject_of(network, options=InferenceOptions(time_step=1))
    assert np.array_equal(
        drawn(again, targets(*rows)), drawn(again, targets(*rows))
    )  # and ends with the call


def test_temporal_mode_needs_a_temporal_generator() -> None:
    with pytest.raises(UserError, match="not temporal"):
        subject_of(generator_of("AttLWB-SPADE"), options=InferenceOptions(time_step=1))


def test_sides_that_are_no_multiple_of_the_stride() -> None:
    clip = TurningClip(side=30)
    network = generator_of("AttLWB-SPADE")
    assert network.config.stride == 4
    for same_person in (True, False):
        frames = drawn(subject_of(network, sources(clip)), targets(1, 2, clip=clip, same_person=same_person))
        assert frames.shape == (2, 30, 30, 3)


def test_a_hundred_pixel_person_is_drawn_where_he_stands() -> None:
    """Stride 8, so 104 px inside. With silent heads a frame is the initial image inside the silhouette, which
    in the source's own pose is the source, and the inpainted background outside, both mixed 95 : 5.
    """
    clip = TurningClip(side=100)
    network: Any = build_generator(
        replace(config_of("AttLWB-SPADE"), filters=(4, 6, 6)),
        Deviations(prefilled_hole=True, silhouette_prior=True, residual_colour=True),
    )
    network.eval().requires_grad_(False)
    for head in (network.tsf_img_reg[0], network.tsf_att_reg[0], network.bg_net.main[-2]):
        head.weight.zero_()
    given = sources(clip, rows=(0,))
    assert person_for(network, given).padding == Padding(100, 104)
    frame = drawn(subject_of(network, given, inputs=InputOptions()), targets(0, clip=clip))[0]
    inside, share = clip.masks([0])[0] > 0, 1.0 / (1.0 + np.exp(-3.0))
    truth = clip.frames([0])[0].astype(float)
    wanted = np.where(inside[..., None], truth, 127.5) * np.where(inside[..., None], share, 1 - share)
    wanted = wanted + clip.plain * np.where(inside[..., None], 1 - share, share)
    away = np.abs(frame - wanted).max(-1)
    # inpainting overshoots by up to 5 levels; a person one pixel off would miss by 50 along the outline
    assert np.mean(away > 6) < 0.001
    moved = np.abs(np.roll(frame, 1, axis=0) - wanted).max(-1)
    assert np.mean(moved > 6) > 0.01


@pytest.mark.parametrize("name", ["AttLWB-SPADE", "AttLWB-Front-SPADE", "InputConcat", "Impersonator"])
@pytest.mark.parametrize(
    "inputs", [InputOptions(visibility_size=64), RELEASED_INPUTS], ids=["own", "released"]
)
def test_nothing_mixes_devices(name: str, inputs: InputOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way from frames to frames; see tests/fake_accelerator.py for what this does not prove."""
    inputs = replace(inputs, visibility_size=64)
    network, given, wanted = generator_of(name), sources(), targets(1, 2, same_person=False)
    here = drawn(subject_of(network, given, inputs=inputs), wanted)
    monkeypatch.setattr(source_person_module, "compute_device", lambda: DEVICE)
    with fake_accelerator():
        person = person_for(network, given, inputs)
        for tensor in (person.images, person.masks, person.maps.fim, *vars(person.inputs).values()):
            assert tensor is None or isinstance(tensor, Wrapper)
        there = drawn(subject_of(network, given, inputs=inputs), wanted)
    assert largest(here, there) <= ONE_LEVEL
    assert next(network.parameters()).device.type == "cpu"  # the given generator stays


def test_temporal_mode_mixes_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    network, options = generator_of("AttLWB-SPADE", temporal=True), InferenceOptions(time_step=2)
    here = drawn(subject_of(network, options=options), targets(1, 2, 3))
    monkeypatch.setattr(source_person_module, "compute_device", lambda: DEVICE)
    with fake_accelerator():
        there = drawn(subject_of(network, options=options), targets(1, 2, 3))
    assert largest(here, there) <= ONE_LEVEL


def test_the_warp_reference_mixes_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    here = np.concatenate(list(Warp().personalize(sources(), steps=0, seed=0).render(targets(1))))
    monkeypatch.setattr(source_person_module, "compute_device", lambda: DEVICE)
    with fake_accelerator():
        there = np.concatenate(list(Warp().personalize(sources(), steps=0, seed=0).render(targets(1))))
    assert largest(here, there) <= ONE_LEVEL


def test_the_fake_accelerator_can_fail() -> None:
    with fake_accelerator() as device:
        there = torch.ones(3).to(device)
        assert (there + torch.ones(3, device=device)).tolist() == [2.0, 2.0, 2.0]
        assert (there * torch.tensor(2.0)).cpu().sum() == 6  # as on CUDA
        for mixed in (lambda: there + torch.ones(3), lambda: torch.cat([there, torch.zeros(2)])):
            with pytest.raises(MixedDevicesError):
                mixed()
        with pytest.raises((RuntimeError, TypeError)):
            there.numpy()


def test_body_tracks_stay_as_they_were() -> None:
    """Padding changes cameras in copies only."""
    clip = TurningClip(side=30)
    before = BodyTrack(clip.track.betas.copy(), clip.track.poses.copy(), clip.track.cams.copy())
    drawn(subject_of(generator_of("AddLWB"), sources(clip)), targets(1, clip=clip))
    assert np.array_equal(before.cams, clip.track.cams)
