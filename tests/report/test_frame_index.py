"""Which picture shows what, and thumbnails of it: found, missing with a reason, damaged without a crash."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iper_bench.hashing import content_hash
from iper_bench.report.frame_index import (
    DAMAGED,
    DRIVER,
    NO_TRUTH,
    NOT_KEPT,
    NOT_SAVED,
    PREDICTION,
    Container,
    FrameIndex,
    Missing,
    Picture,
    slug,
)
from iper_bench.report.thumbnails import SIDE, Thumbnails, cropped, encode, hatched_html
from iper_bench.store.prediction_video import predictions_of
from iper_bench.store.run_folder import RunFolder
from tests.report import framed, made_up

TRIAL = "self:a/0"
UNIT = content_hash(["warp", TRIAL, 2, 0, 0])


def opened_image(path: Path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = framed.framed_rows(["warp"], trials=[TRIAL, "cross:a/0<-b/0"])
    return framed.write_framed(tmp_path / "run", rows)


def test_a_slug_is_an_anchor_and_names_stay_apart() -> None:
    assert slug("self:a/b") == "self-a-b-54bc6042"
    names = ["self:a/b", "self:a-b", "SELF:A/B", "<script>", "日本", "", "x" * 300, "x" * 301]
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one) and len(one) < 64 for one in slugs)


def test_pictures_are_those_of_the_run(run: Path) -> None:
    index = FrameIndex([run])
    shown = index.prediction(0, UNIT, 5)
    assert shown == Picture(Container(0, PREDICTION, UNIT), 5)
    expected = made_up.figure(framed.SIDE, "a/0", 5, "warp")
    np.testing.assert_array_equal(index.read(shown.container, [5])[0], expected)
    first, second = index.sources(0, TRIAL, 2)
    assert isinstance(first, Picture)
    assert isinstance(second, Picture)
    np.testing.assert_array_equal(
        index.read(second.container, [second.number])[0], made_up.figure(framed.SIDE, "a/0", 12, "")
    )
    assert index.size(first) == (framed.SIDE, framed.SIDE)
    assert index.saved(0, TRIAL) == [0, 8, 16]


def test_a_frame_of_another_number_never_stands_for_one_that_was_not_saved(run: Path) -> None:
    index = FrameIndex([run])
    assert isinstance(index.driver(0, TRIAL, 8), Picture)
    assert index.driver(0, TRIAL, 9) == Missing("frame 9 not saved (saved: 0, 8, 16)")


def test_a_film_gives_the_frames_that_are_not_saved(tmp_path: Path) -> None:
    rows = framed.framed_rows(["warp"], trials=[TRIAL])
    path = framed.write_framed(tmp_path / "run", rows, pictures=False)
    grey = np.stack([np.full((32, 32, 3), 10 * t, np.uint8) for t in range(framed.LENGTH)])
    RunFolder.open(path).exhibit(content_hash(TRIAL)).write({"reference": {0: grey[0]}}, {"truth": [grey]})
    index = FrameIndex([path])
    shown = index.driver(0, TRIAL, 9)
    assert isinstance(shown, Picture)
    assert shown.container.film
    assert abs(float(index.read(shown.container, [9]).mean()) - 90) < 4  # lossy, far from its neighbours
    saved = index.driver(0, TRIAL, 0)
    assert isinstance(saved, Picture)
    assert not saved.container.film


def test_self_imitation_shows_driver_and_truth_as_one_and_cross_has_no_truth(run: Path) -> None:
    index = FrameIndex([run])
    assert list(index.beside(0, TRIAL, 2, 8)) == ["source", "driver = truth"]
    assert list(index.beside(0, "cross:a/0<-b/0", 2, 8)) == ["source", "driver"]
    assert index.truth(0, "cross:a/0<-b/0", 8) == Missing(NO_TRUTH)


def test_what_was_deleted_is_missing_with_a_reason(run: Path) -> None:
    shutil.rmtree(run / "predictions" / UNIT)
    shutil.rmtree(run / "exhibits")
    index = FrameIndex([run])
    assert index.prediction(0, UNIT, 0) == Missing(NOT_KEPT)
    assert index.sources(0, TRIAL, 2) == [Missing(NOT_SAVED), Missing(NOT_SAVED)]
    assert set(index.beside(0, TRIAL, 2, 0).values()) == {Missing(NOT_SAVED)}
    assert set(index.beside(0, "self:no such trial", 2, 0).values()) == {Missing(NOT_SAVED)}


def test_predictions_kept_as_video_are_found(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = RunFolder.open(run).predictions(UNIT).read()
    monkeypatch.setattr(
        RunFolder, "predictions", lambda self, unit, kind=None: predictions_of(self.path, unit, kind)
    )
    for _ in RunFolder.open(run).predictions(UNIT, "ffv1").write([frames]):
        pass
    index = FrameIndex([run])
    shown = index.prediction(0, UNIT, 5)
    assert isinstance(shown, Picture)
    np.testing.assert_array_equal(index.read(shown.container, [5])[0], frames[5])
    assert index.prediction(0, UNIT, 99) == Missing("frame 99 is not among the predictions")
    video = run / "predictions" / f"{UNIT}.mkv"
    video.write_bytes(video.read_bytes()[:200])
    assert FrameIndex([run]).prediction(0, UNIT, 5) == Missing(DAMAGED)


def test_a_thumbnail_is_a_small_picture_of_the_frame() -> None:
    large = np.asarray(made_up.figure(2 * SIDE, "a", 0, ""))
    shown = np.asarray(Image.open(io.BytesIO(encode(large))).convert("RGB")).astype(float)
    assert max(shown.shape[:2]) == SIDE
    halved = large.reshape(SIDE, 2, SIDE, 2, 3).mean(axis=(1, 3))
    assert 10 * np.log10(255**2 / ((shown - halved) ** 2).mean()) > 28  # WebP's colours are half as sharp
    small = made_up.figure(40, "a", 0, "")
    assert Image.open(io.BytesIO(encode(small))).size == (40, 40)
    assert encode(large) == encode(large)


def test_a_crop_is_that_part_of_the_frame_and_never_empty() -> None:
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    np.testing.assert_array_equal(cropped(image, (0.25, 0.5, 0.75, 1.0)), image[2:6, 4:8])
    assert cropped(image, (0.99, 0.99, 1.0, 1.0)).shape == (1, 1, 3)
    assert cropped(image, None) is image


def test_every_container_is_opened_once(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = FrameIndex([run])
    thumbnails = Thumbnails(index)
    for number in (3, 5, 7, 5):
        shown = index.prediction(0, UNIT, number)
        assert isinstance(shown, Picture)
        thumbnails.name(shown)
    opened: list[Container] = []
    read = index.read
    monkeypatch.setattr(index, "read", lambda where, numbers: (opened.append(where), read(where, numbers))[1])
    assets = thumbnails.assets()
    assert len(assets) == 3
    for asset in assets:
        asset.write(tmp_path / asset.name)
    assert opened == [Container(0, PREDICTION, UNIT)]
    sizes = {opened_image(tmp_path / asset.name).shape[:2] for asset in assets}
    assert sizes == {(framed.SIDE, framed.SIDE)}


def test_a_damaged_frame_becomes_a_hatched_thumbnail_and_the_others_stay(run: Path, tmp_path: Path) -> None:
    (run / "predictions" / UNIT / "00003.png").write_bytes(b"no picture")
    index = FrameIndex([run])
    thumbnails = Thumbnails(index)
    pictures = [Picture(Container(0, PREDICTION, UNIT), number) for number in (3, 4)]
    names = [thumbnails.name(picture) for picture in pictures]
    for asset in thumbnails.assets():
        asset.write(tmp_path / asset.name)
    damaged, sound = (opened_image(tmp_path / name) for name in names)
    assert damaged.std(axis=-1).max() < 12  # greys
    assert sound.shape == (framed.SIDE, framed.SIDE, 3)


def test_names_of_thumbnails_depend_on_what_they_show_alone(run: Path) -> None:
    one, other = Thumbnails(FrameIndex([run])), Thumbnails(FrameIndex([run]))
    place = Container(0, DRIVER, content_hash(TRIAL))
    shown = [Picture(place, 0), Picture(place, 8), Picture(place, 0, (0.0, 0.0, 0.5, 0.5))]
    names = [one.name(picture) for picture in shown]
    assert names == [other.name(picture) for picture in reversed(shown)][::-1]
    assert len(set(names)) == 3


def test_words_are_escaped() -> None:
    thumbnails = hatched_html("<b>", '"><script>')
    assert "<script>" not in thumbnails
    assert "<b>" not in thumbnails
