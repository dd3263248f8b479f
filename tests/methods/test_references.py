"""References: known answers, independent implementations, laws, what is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from iper_bench.body import load_body
from iper_bench.errors import UserError
from iper_bench.methods.method import Sources, Targets
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.methods.nearest_source import NearestSource, nearest_poses
from iper_bench.methods.other_person import OtherPerson
from iper_bench.methods.reference import Reference, made_from
from iper_bench.methods.reference_names import DEFAULT_REFERENCES, MADE_FROM
from iper_bench.methods.truth_reference import TruthBlur, TruthJpeg, TruthShift
from tests.turning_clip import TurningClip

CLIP = TurningClip()
NOISE = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), dtype=np.uint8)


def test_shift_moves_to_the_right_and_repeats_the_edge() -> None:
    row = np.arange(5, dtype=np.uint8).reshape(1, 1, 5, 1).repeat(3, axis=-1)
    assert TruthShift(2).frames(row)[0, 0, :, 0].tolist() == [0, 0, 0, 1, 2]
    assert TruthShift(9).frames(row)[0, 0, :, 0].tolist() == [0] * 5
    moved = TruthShift(1).frames(NOISE)
    np.testing.assert_array_equal(moved[:, :, 1:], NOISE[:, :, :-1])
    np.testing.assert_array_equal(TruthShift(1).frames(moved), TruthShift(2).frames(NOISE))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.3])
def test_blur_is_scipys(sigma: float) -> None:
    theirs = gaussian_filter(NOISE.astype(np.float64), (0, sigma, sigma, 0), mode="nearest", truncate=4.0)
    # one level where the two kernels round a value of nearly one half to different sides
    assert np.abs(TruthBlur(sigma).frames(NOISE).astype(int) - theirs.round().astype(int)).max() <= 1


def test_blur_keeps_what_is_plain_and_grows_with_sigma() -> None:
    plain = np.full((1, 8, 8, 3), 77, np.uint8)
    np.testing.assert_array_equal(TruthBlur(1.0).frames(plain), plain)
    left = [TruthBlur(sigma).frames(NOISE).std() for sigma in (0.5, 1.0, 2.0, 4.0)]
    assert left == sorted(left, reverse=True)


def test_jpeg_is_pillows_and_gets_worse_with_less_quality() -> None:
    buffer = io.BytesIO()
    Image.fromarray(CLIP.frames([0])[0]).save(buffer, format="JPEG", quality=50, subsampling=2)
    theirs = np.asarray(Image.open(io.BytesIO(buffer.getvalue())))
    frames = CLIP.frames([0, 3])
    np.testing.assert_array_equal(TruthJpeg(50).frames(frames)[0], theirs)
    errors = [np.abs(TruthJpeg(q).frames(frames).astype(int) - frames).mean() for q in (95, 50, 10, 1)]
    assert errors == sorted(errors)
    assert errors[0] > 0


@pytest.mark.parametrize("reference", [TruthShift(2), TruthBlur(1.0), TruthJpeg(50), OtherPerson()])
def test_a_frame_depends_on_its_own_alone_and_nothing_is_changed(reference: Reference) -> None:
    before = NOISE.copy()
    whole = reference.frames(NOISE)
    assert (whole.dtype, whole.shape) == (np.uint8, NOISE.shape)
    assert not np.shares_memory(whole, NOISE)
    np.testing.assert_array_equal(np.concatenate([reference.frames(one[None]) for one in NOISE]), whole)
    np.testing.assert_array_equal(NOISE, before)


def test_identity_is_that_of_the_parameter() -> None:
    made = [TruthShift(1), TruthShift(2), TruthBlur(1.0), TruthBlur(2.0), TruthJpeg(1), OtherPerson()]
    assert len({one.identity for one in made}) == len(made)
    assert TruthShift(1).identity == TruthShift(1).identity


@pytest.mark.parametrize(
    "text",
    [
        *("truth-shift[0]", "truth-shift[1.5]", "truth-shift[-1]", "truth-shift[x]", "truth-shift[9999999]"),
        *("truth-blur[0]", "truth-blur[-1]", "truth-blur[nan]", "truth-blur[1e3]", "truth-blur[0.01]"),
        *("truth-jpeg[0]", "truth-jpeg[101]", "truth-jpeg[٣]", "truth-jpeg[5.0]"),
    ],
)
def test_parameters_out_of_range(text: str) -> None:
    name = text.partition("[")[0]
    with pytest.raises(UserError, match=rf"^reference '{name}': found .*expected .*try: {name}\["):
        MethodChoice.parse(text).open_any()


def test_the_parameter_stands_in_brackets_and_in_the_label() -> None:
    assert MethodChoice.parse("truth-shift") == MethodChoice.parse("truth-shift[1]")
    named = MethodChoice.parse("far=truth-shift[pixels=4]")
    assert (named.label, named.options) == ("far", {"pixels": "4"})
    assert MethodChoice.parse("truth-jpeg[quality=7]").label == "truth-jpeg[7]"
    with pytest.raises(UserError, match=r"unknown option 'sigma'.*pixels"):
        MethodChoice.parse("truth-shift[sigma=4]").open_any()
    with pytest.raises(UserError, match="cannot read"):
        MethodChoice.parse("warp[1]")


def test_all_references_can_be_made_and_say_what_from() -> None:
    made = [MethodChoice.parse(text).open_any() for text in DEFAULT_REFERENCES]
    assert {made_from(one) for one in made} == set(MADE_FROM)
    assert not any(one.trains for one in made)
    assert [MethodChoice.parse(text).label for text in DEFAULT_REFERENCES] == list(DEFAULT_REFERENCES)


@pytest.mark.parametrize("text", ["other-person", "truth-blur"])
def test_only_a_run_can_show_what_no_method_sees(text: str) -> None:
    with pytest.raises(UserError, match="needs frames that no method sees"):
        MethodChoice.parse(text).open()


def test_nearest_source_finds_the_frame_itself() -> None:
    """Every source asked for as a target gives itself; a pose between two gives the nearer one."""
    rows = [0, 2, 4, 6]  # a quarter turn apart
    sources = Sources(CLIP.frames(rows), CLIP.masks(rows), CLIP.track.take(rows), "open-coarse")
    subject = NearestSource().personalize(sources, steps=0, seed=0)
    for same_person in (True, False):
        shown = np.concatenate(list(subject.render(Targets(CLIP.track.take([4, 0, 6, 2]), same_person))))
        np.testing.assert_array_equal(shown, sources.frames[[2, 0, 3, 1]])
    turn = TurningClip(side=16, count=32).track  # 32 steps of a turn: 3 of them are 34 degrees
    assert nearest_poses(load_body("open-coarse"), sources.track, turn.take([3, 5, 30]).poses) == [0, 1, 0]


def test_nearest_source_shows_the_clothes_of_the_reference() -> None:
    first, last = (
        Sources(CLIP.frames([row]), CLIP.masks([row]), CLIP.track.take([row]), "open-coarse")
        for row in (0, 3)
    )
    subject = NearestSource().appearance(
        [first, last], [(), ("body",)], steps=0, seed=0, selected_flows=False
    )
    (shown,) = subject.render(Targets(CLIP.track.take([5]), same_person=True))
    np.testing.assert_array_equal(shown, last.frames)
