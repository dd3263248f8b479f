"""Appearance transfer: who gives which pixel, and laws of several people in one subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.flow.initial import averaged_initial_image
from iper_bench.flow.transfer import averaged_people_image, selected_faces
from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.inputs import InputBuilder, InputOptions
from iper_bench.lwg.objective import LossWeights
from iper_bench.lwg.packaged import save_trained
from iper_bench.methods.appearance_subject import SeveralPeople, in_turn
from iper_bench.methods.liquid_warping import LiquidWarping, attlwb
from iper_bench.methods.method import Sources, Subject, Targets
from iper_bench.methods.warp import Warp
from tests.tasks.people import People

RED, BLUE = (220, 20, 20), (20, 20, 220)
SOFT = 60  # levels by which bilinear samples at a part's edge may mix with the band around it


def sources(people: People, name: str, *rows: int) -> Sources:
    clip = people.clip(name)
    return Sources(clip.frames(rows), clip.masks(rows), clip.track.take(rows), people.body)


def plain(people: People, colour: tuple[int, int, int]) -> Sources:
    """Front and back of a person of one colour."""
    found = sources(people, "a", 0, 4)
    frames = np.where(found.masks[..., None] > 0, np.uint8(colour), np.uint8(200))  # type: ignore[index]
    return Sources(frames, found.masks, found.track, found.body)


def drawn(subject: Subject, people: People, *rows: int) -> np.ndarray:
    track = people.clip("a").track.take(rows)
    return np.concatenate(list(subject.render(Targets(track, same_person=True))))


def appearance(
    method: SeveralPeople, who: list[Sources], parts: list[tuple[str, ...]], **more: int
) -> Subject:
    asked = {"steps": 0, "seed": 0, "selected_flows": True, **more}
    return method.appearance(who, parts, **asked)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> LiquidWarping:
    """A very narrow generator with random weights."""
    torch.manual_seed(0)
    config = GeneratorConfig(
        bg_filters=(4, 6, 6, 8), bg_res_blocks=1, filters=(4, 6, 8), res_blocks=1, spade_hidden=8
    )
    deviations = Deviations(True, True, True, True)
    path: Path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_trained(
        build_generator(config, deviations).state_dict(),
        path,
        config=config,
        deviations=deviations,
        inputs=InputOptions(),
        losses=LossWeights(perceptual=0.0, pixel=10.0),
        training={},
    )
    return attlwb(path)


@pytest.mark.parametrize("initial", ["averaged", "uv-merge"])
@pytest.mark.parametrize("parts", [("lower",), ("head",), ("upper", "left_leg")])
def test_every_pixel_comes_from_the_person_who_gives_it(
    people: People, initial: str, parts: tuple[str, ...]
) -> None:
    """A red and a blue person: the colour says who gave a pixel, the index map who should have."""
    method = Warp()
    method._options = InputOptions(initial_image=initial)  # type: ignore[arg-type]
    frames = drawn(appearance(method, [plain(people, RED), plain(people, BLUE)], [(), parts]), people, 0, 4)
    body = load_body(people.body)
    given = selected_faces([(), parts], body.parts, body.face_count)[1]
    track = people.clip("a").track.take([0, 4])
    maps = InputBuilder(body, people.image_size, InputOptions()).maps(
        track.betas, track.poses, track.cams, visibility=False
    )
    inside = (maps.fim >= 0).numpy()
    from_other = given[maps.fim.clamp(min=0)].numpy() & inside
    colours = frames.astype(int)
    is_blue = colours[..., 2] > colours[..., 0]
    assert from_other.any()
    assert (inside & ~from_other).any()
    # a UV image of 48 px holds several faces per pixel, so parts bleed into each other at their edges
    right = 1.0 if initial == "averaged" else 0.85
    assert (is_blue == from_other)[inside].mean() >= right
    if initial == "averaged":
        assert np.abs(colours[from_other] - BLUE).max() <= SOFT
        assert np.abs(colours[inside & ~from_other] - RED).max() <= SOFT


def test_unseen_places_take_the_giver_not_the_primary(people: People) -> None:
    """Nobody shows a back; where it is asked for, the projection of the giver's own front fills it."""
    front = [
        Sources(one.frames[:1], one.masks[:1], one.track.take([0]), one.body)  # type: ignore[index]
        for one in (plain(people, RED), plain(people, BLUE))
    ]
    frames = drawn(appearance(Warp(), front, [(), ("all",)]), people, 4).astype(int)
    inside = people.clip("a").masks([4])[0] > 0
    assert (frames[0][inside][:, 2] > frames[0][inside][:, 0]).all()


@pytest.mark.parametrize("selected", [True, False])
def test_everything_from_the_same_person_is_imitation(people: People, selected: bool) -> None:
    one = sources(people, "a", 0, 4)
    swapped = appearance(Warp(), [one, one], [(), ("all",)], selected_flows=selected)
    alone = Warp().personalize(one, steps=0, seed=0)
    assert np.array_equal(drawn(swapped, people, 1, 3), drawn(alone, people, 1, 3))


def test_nothing_taken_is_imitation(people: People, network: LiquidWarping) -> None:
    one = sources(people, "a", 0, 4)
    swapped = appearance(network, [one], [()])
    alone = network.personalize(one, steps=0, seed=0)
    assert np.array_equal(drawn(swapped, people, 1, 3), drawn(alone, people, 1, 3))


def test_order_of_the_others_does_not_matter(people: People) -> None:
    a, b, c = sources(people, "a", 0, 4), sources(people, "b", 0), plain(people, BLUE)
    first = appearance(Warp(), [a, b, c], [(), ("upper",), ("lower",)])
    second = appearance(Warp(), [a, c, b], [(), ("lower",), ("upper",)])
    assert np.array_equal(drawn(first, people, 1, 5), drawn(second, people, 1, 5))


def test_background_shape_and_size_are_the_primarys(people: People) -> None:
    swapped = appearance(Warp(), [sources(people, "b", 0), sources(people, "a", 0)], [(), ("body",)])
    outside = people.clip("a").masks([0, 1]).max(0) == 0
    assert np.median(drawn(swapped, people, 1)[0][outside]) == 60  # the wall of b


def test_selected_flows_change_what_the_network_sees(people: People, network: LiquidWarping) -> None:
    who = [sources(people, "a", 0, 4), sources(people, "b", 0, 4)]
    chosen, everything = (
        drawn(appearance(network, who, [(), ("upper",)], selected_flows=selected), people, 1)
        for selected in (True, False)
    )
    assert not np.array_equal(chosen, everything)


def test_personalised_on_everybody_in_turn(people: People, network: LiquidWarping) -> None:
    """One step per person changes the frames, the shared weights stay, and it can be repeated."""
    who = [sources(people, "a", 0), sources(people, "b", 0)]
    before = drawn(appearance(network, who, [(), ("upper",)]), people, 1)
    tuned = [drawn(appearance(network, who, [(), ("upper",)], steps=1, seed=3), people, 1) for _ in range(2)]
    assert not np.array_equal(before, tuned[0])
    assert np.array_equal(*tuned)
    assert np.array_equal(before, drawn(appearance(network, who, [(), ("upper",)]), people, 1))


def test_in_turn() -> None:
    streams = [iter("aaa"), iter("bbb")]
    turns = in_turn(streams)
    assert [next(turns) for _ in range(5)] == list("ababa")


def test_sizes_must_agree(people: People) -> None:
    small = sources(People(32), "a", 0)
    with pytest.raises(ValueError, match="different frame sizes"):
        appearance(Warp(), [sources(people, "a", 0), small], [(), ("upper",)])


def test_averaged_people_image_in_closed_form() -> None:
    """Two pixels: one seen by both sources of a person, one by nobody."""
    images = torch.stack([torch.full((3, 1, 2), value) for value in (0.2, 0.6, -1.0)])
    at, nowhere = torch.zeros(2), torch.full((2,), -2.0)
    seen, unseen = torch.stack([at, nowhere]), torch.stack([nowhere, nowhere])
    flows = torch.stack([seen, seen, unseen])
    full = torch.stack([torch.stack([at, nowhere]), torch.stack([nowhere, at])])
    found = averaged_people_image(images, flows[None, :, None], images[[0, 2]], full[None, :, None])
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([0.4, -1.0]))
    empty = averaged_people_image(images, flows[None, :, None], images[[0, 2]], None)
    torch.testing.assert_close(empty, averaged_initial_image(images, flows[None, :, None], None))
    assert float(empty[0, 0, 0, 1]) == 0.0
