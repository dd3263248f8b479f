"""Padding: pixels keep their places, cameras keep the body on them, and what fits is not touched."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.body import load_body
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import InputBuilder, InputOptions
from iper_bench.methods.method import Sources
from iper_bench.methods.padding import Padding, square_side
from tests.turning_clip import TurningClip

SIZES = [(100, 104), (99, 104), (97, 104), (30, 32)]


def sources(side: int) -> Sources:
    clip = TurningClip(side=side)
    return Sources(clip.frames([0, 3]), clip.masks([0, 3]), clip.track.take([0, 3]), "open-coarse")


def test_what_fits_is_the_very_same() -> None:
    padding, given = Padding.to_multiple(128, 8), sources(32)
    assert padding == Padding(128, 128)
    fitting = Padding.to_multiple(32, 8)
    assert fitting.sources(given) is given
    assert fitting.cams(given.track.cams) is given.track.cams
    assert fitting.crop(given.frames) is given.frames


@pytest.mark.parametrize(("size", "padded"), SIZES)
def test_pixels_come_back_exactly(size: int, padded: int) -> None:
    given = sources(size)
    padding = Padding.to_multiple(size, 8)
    assert padding == Padding(size, padded)
    wide = padding.sources(given)
    assert wide.frames.shape == (2, padded, padded, 3)
    assert np.array_equal(padding.crop(wide.frames), given.frames)
    assert wide.masks is not None
    assert given.masks is not None
    assert np.array_equal(padding.crop(wide.masks[..., None])[..., 0], given.masks)
    assert wide.masks.sum() == given.masks.sum()  # nobody stands in the padding
    corner = wide.frames[:, : padding.before + 1, : padding.before + 1]
    assert np.array_equal(corner, np.broadcast_to(given.frames[:, :1, :1], corner.shape))


@pytest.mark.parametrize(("size", "padded"), SIZES)
def test_cameras_keep_points_on_their_pixels(size: int, padded: int) -> None:
    """By the definitions: x = s (X + tx), pixel = (x + 1) S / 2 - 1/2."""
    rng = np.random.default_rng(0)
    cams = np.stack([rng.uniform(0.4, 1.2, 50), rng.uniform(-1, 1, 50), rng.uniform(-1, 1, 50)], 1)
    points = rng.uniform(-1, 1, (50, 2))
    padding = Padding(size, padded)

    def pixels(of: np.ndarray, side: int) -> np.ndarray:
        return (of[:, :1] * (points + of[:, 1:]) + 1.0) * side / 2 - 0.5

    moved = pixels(padding.cams(cams.astype(np.float32)).astype(float), padded)
    # float32 cameras: 1e-7 of about 100 px, several times over
    assert np.abs(moved - pixels(cams.astype(np.float32), size) - padding.before).max() < 5e-5


@pytest.mark.parametrize(("size", "padded"), SIZES)
def test_bodies_cover_the_same_pixels(size: int, padded: int) -> None:
    given, padding = sources(size), Padding(size, padded)
    body = load_body("open-coarse")

    def faces(side: int, track: BodyTrack) -> np.ndarray:
        builder = InputBuilder(body, side, InputOptions())
        maps = builder.maps(track.betas, track.poses, track.cams, visibility=False)
        return maps.fim.numpy()

    wide = faces(padded, padding.sources(given).track)
    cropped = wide[:, padding.before : padding.before + size, padding.before : padding.before + size]
    # corners are rounded to 1/65536 pixel, which may hand a pixel on an edge to the neighbouring face
    assert np.mean(cropped != faces(size, given.track)) < 0.001
    assert (cropped >= 0).sum() == (wide >= 0).sum()


def test_odd_differences_put_the_last_line_at_the_far_side() -> None:
    padding = Padding(97, 104)
    assert padding.before == 3
    frames = np.zeros((1, 104, 104, 3), np.uint8)
    frames[:, 3:100, 3:100] = 1
    assert padding.crop(frames).shape == (1, 97, 97, 3)
    assert padding.crop(frames).all()


def test_sources_without_mattes_can_be_padded() -> None:
    given = sources(30)
    bare = Sources(given.frames, None, given.track, given.body)
    assert Padding(30, 32).sources(bare).masks is None


def test_oblong_frames_are_one_line() -> None:
    with pytest.raises(UserError, match="frames are 40x30; expected square"):
        square_side(np.zeros((1, 30, 40, 3), np.uint8))
