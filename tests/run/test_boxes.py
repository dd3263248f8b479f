"""Boxes of the projected body: by hand, and as laws."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.body import load_body
from iper_bench.data.clip import BodyTrack
from iper_bench.methods.method import Sources, Targets
from iper_bench.methods.predicted_track import predicted_track
from iper_bench.run.boxes import ENLARGEMENT, enlarged, person_boxes


def track(cams: list[list[float]], betas: float = 0.0) -> BodyTrack:
    poses = np.zeros((len(cams), 72), np.float32)
    poses[:, 0] = np.pi
    return BodyTrack(np.full(10, betas, np.float32), poses, np.array(cams, np.float32))


def test_known_extents() -> None:
    boxes = enlarged(
        np.array([[-0.5, -0.5, 0.5, 0.5], [-3.0, -3.0, 3.0, 3.0], [2.0, 0.0, 3.0, 1.0]]), (100, 200)
    )
    half = 0.5 * ENLARGEMENT
    np.testing.assert_allclose(boxes[0], [100 - 100 * half, 50 - 50 * half, 100 + 100 * half, 50 + 50 * half])
    np.testing.assert_array_equal(boxes[1], [0, 0, 200, 100])
    assert boxes[2][0] == boxes[2][2] == 200  # wholly outside: empty, at the border
    assert boxes.dtype == np.float32


def test_boxes_follow_the_camera() -> None:
    body = load_body("open-coarse")
    near, far, moved = person_boxes(body, track([[0.8, 0, 0.3], [0.4, 0, 0.3], [0.4, 0.5, 0.3]]), (256, 256))
    width, height = near[2:] - near[:2]
    assert 0 < width <= 256
    assert height > width * 0.8  # a T-pose is about as wide as it is high
    np.testing.assert_allclose(far[2:] - far[:2], (near[2:] - near[:2]) / 2, rtol=1e-4)
    # tx = 0.5 at s = 0.4 is 0.2 of the half width of 128 pixels
    np.testing.assert_allclose(moved[[0, 2]] - far[[0, 2]], 0.2 * 128, atol=1e-3)


def test_batches_do_not_matter() -> None:
    body = load_body("open-coarse")
    many = track([[0.5 + 0.003 * i, 0.0, 0.3] for i in range(70)])
    whole = person_boxes(body, many, (64, 64))
    single = [person_boxes(body, many.take([i]), (64, 64))[0] for i in (0, 63, 64, 69)]
    # float32 sums in another order: 1e-6 of 64 pixels
    np.testing.assert_allclose(whole[[0, 63, 64, 69]], single, atol=1e-4)
    assert person_boxes(body, many.take([]), (64, 64)).shape == (0, 4)


def test_the_prediction_shows_the_source_person_under_the_right_camera() -> None:
    source = track([[0.8, 0.1, 0.2], [0.7, 0.0, 0.2]], betas=1.0)
    sources = Sources(np.zeros((2, 4, 4, 3), np.uint8), None, source, "open-coarse")
    driver = track([[0.4, 0.0, 0.3], [0.6, 0.1, 0.3]])
    own = predicted_track(sources, Targets(driver, same_person=True))
    np.testing.assert_array_equal(own.cams, driver.cams)
    other = predicted_track(sources, Targets(driver, same_person=False))
    assert other.cams[0] == pytest.approx(source.cams[0])
    assert other.cams[1] == pytest.approx([0.8 * 1.5, 0.2, 0.2])
    np.testing.assert_array_equal(other.betas, source.betas)
