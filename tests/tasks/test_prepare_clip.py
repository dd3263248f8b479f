"""One clip into the prepared layout: pixels, cameras, boxes and mattes stay together, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iper_bench.body.recovery.person_box import boxes_from_mattes
from iper_bench.data.box_file import read_boxes, write_boxes
from iper_bench.data.clip import BodyTrack
from iper_bench.data.crop import active_box, crop_frame
from iper_bench.data.image_io import decode_png, encode_png
from iper_bench.data.keypoint_file import Keypoints, read_keypoints, write_keypoints
from iper_bench.data.track_file import TrackFile, read_track
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.tasks.prepare_clip import ClipOptions, StoppedError, prepare_clip
from iper_bench.tasks.prepare_frames import RawClip, require_order, sortable

HEIGHT, WIDTH, COUNT = 60, 40, 4
WHOLE = ClipOptions(size=32, factor=0.0, body="open-coarse", model="open-coarse")
CROPPED = replace(WHOLE, factor=1.3)
PIXEL = 1e-3  # float32 cameras


def person_of(number: int) -> tuple[int, int, int, int]:
    """x0, x1, y0, y1 of the person, who walks to the right and down."""
    return 8 + 2 * number, 20 + 2 * number, 10 + number, 40 + number


def picture(number: int) -> np.ndarray:
    image = np.full((HEIGHT, WIDTH, 3), 40 * number, np.uint8)
    x0, x1, y0, y1 = person_of(number)
    image[y0:y1, x0:x1] = 255
    return image


def matte(number: int) -> np.ndarray:
    x0, x1, y0, y1 = person_of(number)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[y0:y1, x0:x1] = 255
    return mask


def a_track(count: int = COUNT, **fields: object) -> TrackFile:
    generator = np.random.default_rng(3)
    cams = np.column_stack([generator.uniform(0.5, 1, count), generator.uniform(-0.2, 0.2, (count, 2))])
    poses = generator.normal(0, 0.2, (count, 72)).astype(np.float32)
    return TrackFile(BodyTrack(np.zeros(10, np.float32), poses, cams.astype(np.float32)), **fields)


@pytest.fixture
def clip(tmp_path: Path) -> RawClip:
    files, mattes = [], []
    for number in range(COUNT):
        for folder, image, into in (("frames", picture(number), files), ("mattes", matte(number), mattes)):
            path = tmp_path / folder / f"frame_{number:08d}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encode_png(image))
            into.append(path)
    names = tuple(path.name for path in files)
    return RawClip("001/9/1", tmp_path / "frames", names, tuple(files), tuple(mattes), inputs="abc")


def images_of(folder: Path, kind: str = "images") -> np.ndarray:
    return np.stack([decode_png(path.read_bytes()) for path in sorted((folder / kind).iterdir())])


def test_a_cropped_clip(clip, tmp_path) -> None:
    out = tmp_path / "out"
    track = a_track(frame=(HEIGHT, WIDTH))
    outcome = prepare_clip(replace(clip, track=track), out, CROPPED)
    assert (outcome.error, outcome.frames, outcome.tracked, outcome.notes) == (None, COUNT, True, ())
    # the box of the whole walk: x 8 to 26, y 10 to 43
    box = active_box(np.array([8, 26, 10, 43]), (HEIGHT, WIDTH), 1.3)
    crops = [crop_frame(picture(number), box, 32) for number in range(COUNT)]
    np.testing.assert_array_equal(images_of(out), [crop.image for crop in crops])
    assert sorted(path.name for path in (out / "images").iterdir()) == list(clip.names)
    boxes = read_boxes(out / "boxes.npz", count=COUNT)
    expected = crops[0].box(np.array([person_of(number) for number in range(COUNT)]))
    np.testing.assert_allclose(boxes, expected, atol=1e-4)
    # within a pixel, the mattes say the same
    np.testing.assert_allclose(boxes_from_mattes(images_of(out, "masks")), boxes, atol=1.01)
    assert read_track(out / "track.npz").body == "open-coarse"
    record = json.loads((out / "clip.json").read_text())
    start = record.pop("start")
    digests = record.pop("sha256")
    assert record == {
        "format": 1,
        "frames": COUNT,
        "fps": None,
        "source": str(clip.source),
        "frame_size": [HEIGHT, WIDTH],
        "crop_box": list(box),
        "scale": crops[0].scale,
        "inputs": "abc",
        "estimator": None,
    }
    np.testing.assert_allclose(start, crops[0].start)
    assert len(digests) == 2 * COUNT + 2
    assert all(file_sha256(out / name) == digest for name, digest in digests.items())


def test_the_track_follows_the_crop(clip, tmp_path) -> None:
    """A point of the body lies on the same spot of the person before and after."""
    track = a_track(frame=(HEIGHT, WIDTH))
    prepare_clip(replace(clip, track=track), tmp_path / "out", CROPPED)
    found = read_track(tmp_path / "out" / "track.npz").track
    np.testing.assert_array_equal(found.poses, track.track.poses)
    point = np.array([0.1, -0.3])
    old, new = (cams[:, :1] * (point + cams[:, 1:]) for cams in (track.track.cams, found.cams))
    padding = np.array([(HEIGHT - WIDTH) // 2, 0])
    in_frame = (old + 1) / 2 * HEIGHT - padding
    record = json.loads((tmp_path / "out" / "clip.json").read_text())
    np.testing.assert_allclose(
        (new + 1) / 2 * 32, in_frame * record["scale"] - record["start"], rtol=1e-5, atol=PIXEL
    )


def test_a_whole_square_frame_stays_what_it_is(clip, tmp_path) -> None:
    files = []
    for number in range(COUNT):
        path = tmp_path / "square" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode_png(picture(number)[:32, :32]))
        files.append(path)
    names = tuple(path.name for path in files)
    track = a_track()
    raw = RawClip("a", tmp_path / "square", names, tuple(files), track=track)
    outcome = prepare_clip(raw, tmp_path / "out", WHOLE)
    assert outcome.error is None
    np.testing.assert_array_equal(
        images_of(tmp_path / "out"), [picture(number)[:32, :32] for number in range(COUNT)]
    )
    assert not (tmp_path / "out" / "masks").exists()
    found = read_track(tmp_path / "out" / "track.npz")
    np.testing.assert_allclose(found.track.cams, track.track.cams, rtol=1e-6, atol=1e-6)
    # nobody says where the person is: the whole frame
    np.testing.assert_array_equal(read_boxes(tmp_path / "out" / "boxes.npz"), [[0, 32, 0, 32]] * COUNT)


def test_where_the_person_is(clip, tmp_path) -> None:
    """A given file before the mattes, the mattes before the points, the points before the whole frame."""
    plain = replace(clip, mattes=None)
    boxes = np.array([[4, 30, 5, 50]] * COUNT, np.float32)
    boxes[2] = np.nan
    write_boxes(tmp_path / "boxes.npz", boxes)
    points = np.zeros((COUNT, 25, 3), np.float32)
    points[:, 0], points[:, 8], points[:, 9] = (12, 10, 1), (20, 30, 1), (30, 44, 0.5)
    points[1] = 0
    write_keypoints(tmp_path / "points.npz", Keypoints(points, "body25"))
    kinds = {
        "boxes": (replace(clip, boxes=tmp_path / "boxes.npz"), (4, 30, 5, 50)),
        "mattes": (replace(clip, keypoints=tmp_path / "points.npz"), (8, 26, 10, 43)),
        "points": (replace(plain, keypoints=tmp_path / "points.npz"), (12, 30, 10, 44)),
        "whole": (plain, (0, WIDTH, 0, HEIGHT)),
    }
    for kind, (raw, union) in kinds.items():
        outcome = prepare_clip(raw, tmp_path / kind, CROPPED)
        record = json.loads((tmp_path / kind / "clip.json").read_text())
        assert record["crop_box"] == list(active_box(np.array(union), (HEIGHT, WIDTH), 1.3)), kind
        nobody = [2] if kind == "boxes" else [1] if kind == "points" else []
        found = read_boxes(tmp_path / kind / "boxes.npz")
        assert np.flatnonzero(np.isnan(found).any(1)).tolist() == nobody
        assert len(outcome.notes) == len(nobody)
        if nobody:
            assert outcome.notes[0] == f"clip 001/9/1: nobody found in 1 of 4 frames ({nobody[0]})"
    moved = read_keypoints(tmp_path / "points" / "keypoints.npz", frame=(32, 32), count=COUNT)
    record = json.loads((tmp_path / "points" / "clip.json").read_text())
    expected = np.array([[12.0, 10], [20, 30], [30, 44]]) * record["scale"] - record["start"]
    np.testing.assert_allclose(moved.points[0, [0, 8, 9], :2], expected, atol=1e-4)
    assert not moved.points[1].any()


def test_a_former_clip_leaves_nothing_behind(clip, tmp_path) -> None:
    prepare_clip(replace(clip, track=a_track(frame=(HEIGHT, WIDTH))), tmp_path / "out", CROPPED)
    short = replace(clip, files=clip.files[:2], names=clip.names[:2], mattes=None)
    assert prepare_clip(short, tmp_path / "out", CROPPED).frames == 2
    left = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert left == ["boxes.npz", "clip.json", *(f"images/{name}" for name in clip.names[:2])]


def test_an_interrupted_clip_is_not_finished(clip, tmp_path) -> None:
    asked = iter([False, True])
    with pytest.raises(StoppedError):
        prepare_clip(clip, tmp_path / "out", WHOLE, lambda: next(asked))
    assert len(list((tmp_path / "out" / "images").iterdir())) == 2
    assert not (tmp_path / "out" / "clip.json").exists()


def refused(clip: RawClip, folder: Path, options: ClipOptions = WHOLE) -> str:
    outcome = prepare_clip(clip, folder, options)
    assert not (folder / "clip.json").exists()
    assert outcome.error is not None
    assert outcome.error.startswith(f"clip {clip.name}: ")
    assert "\n" not in outcome.error
    assert not outcome.ends
    return outcome.error


def test_what_does_not_fit_is_refused_in_one_line(clip, tmp_path) -> None:
    out = tmp_path / "out"
    for track, words in (
        (a_track(3, frame=(HEIGHT, WIDTH)), "holds 3 bodies for 4 frames"),
        (a_track(), "was made for square frames, the frames are 40x60"),
        (a_track(frame=(60, 60)), "was made for frames of 60x60, the frames are 40x60"),
    ):
        assert words in refused(replace(clip, track=track), out)
    assert "3 mattes for 4 frames" in refused(replace(clip, mattes=clip.mattes[:3]), out, CROPPED)
    assert "cannot read" in refused(replace(clip, boxes=tmp_path / "gone.npz"), out)
    assert "have no times" in refused(clip, out, replace(WHOLE, fps=25.0))
    clip.mattes[1].write_bytes(encode_png(np.zeros((5, 5), np.uint8)))
    assert "a matte of 5x5 pixels; expected 40x60" in refused(clip, out)
    for path in clip.mattes:
        path.write_bytes(encode_png(np.zeros((HEIGHT, WIDTH), np.uint8)))
    assert "nobody is found in any frame" in refused(clip, out, CROPPED)


def test_bad_frames_are_named(clip, tmp_path) -> None:
    plain = replace(clip, mattes=None)
    clip.files[2].write_bytes(encode_png(np.zeros((8, 9, 3), np.uint8)))
    error = refused(plain, tmp_path / "out")
    assert "frame_00000002.png: 9x8 pixels; expected 40x60, like the first frame" in error
    clip.files[2].write_bytes(clip.files[1].read_bytes()[:-20])
    assert "frame_00000002.png: cut: the end of the PNG file is missing" in refused(plain, tmp_path / "out")
    clip.files[2].unlink()
    assert "frame_00000002.png" in refused(plain, tmp_path / "out")


def test_the_order_of_frames(clip, tmp_path) -> None:
    for names in (["a.png", "b.png"], ["frame_0.jpg", "frame_1.jpg"], ["08.png", "09.png", "100.png"]):
        require_order(names, "x")
    for names, words in (
        (["1.png", "10.png", "2.png"], "frames out of order: 10.png comes before 2.png by name"),
        (["1.png", "01.png"], r"frames out of order: 1.png comes before 01.png"),
        (["12.jpg", "12.png"], "two frames are called '12'"),
    ):
        with pytest.raises(UserError, match=words):
            require_order(names, "x")
    assert sortable(["a1", "a2", "a10"], "x") == ["a01", "a02", "a10"]
    assert sortable(["8", "9", "100"], "x") == ["008", "009", "100"]
    assert sortable(["007", "012"], "x") == ["007", "012"]
    with pytest.raises(UserError, match="sorted in two ways"):
        sortable(["b", "a"], "x")
    # a gap is said, and does not hinder
    raw = replace(
        clip, mattes=None, files=clip.files[:1] + clip.files[2:], names=clip.names[:1] + clip.names[2:]
    )
    outcome = prepare_clip(raw, tmp_path / "out", WHOLE)
    assert outcome.frames == COUNT - 1
    assert outcome.notes == ("clip 001/9/1: number 1 is missing",)
