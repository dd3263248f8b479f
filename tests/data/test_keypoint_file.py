"""Files of 2-D points and of person boxes: every form, and every way of being wrong."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iper_bench.body.recovery.keypoint_joints import LAYOUTS
from iper_bench.data.box_file import read_boxes, write_boxes
from iper_bench.data.keypoint_file import Keypoints, missing_number, read_keypoints, write_keypoints
from iper_bench.errors import UserError

FRAME = (60, 80)  # height, width
FRAMES = 3


def points(layout: str, count: int = FRAMES) -> np.ndarray:
    """Points inside the frame, found with confidences from 0.5 to 1."""
    random = np.random.default_rng(len(layout))
    return random.uniform(0.5, 1.0, (count, len(LAYOUTS[layout]), 3)) * np.array([50.0, 40.0, 1.0])


def person(row: np.ndarray) -> dict[str, Any]:
    return {"pose_keypoints_2d": row.reshape(-1).tolist()}


def openpose(folder: Path, rows: np.ndarray, start: int = 8) -> Path:
    """A folder whose numbers go from 8 to 10, so that sorting by letters is wrong."""
    folder.mkdir()
    for number, row in enumerate(rows, start):
        content = {"version": 1.3, "people": [person(row)]}
        (folder / f"film_{number}_keypoints.json").write_text(json.dumps(content))
    return folder


def coco(rows: np.ndarray) -> dict[str, Any]:
    """Annotations in which files, ids and entries are in three different orders."""
    images = [
        {"id": 7, "file_name": "frame_10.png", "height": 60, "width": 80},
        {"id": 3, "file_name": "frame_9.png", "height": 60, "width": 80},
        {"id": 5, "file_name": "frame_8.png", "height": 60, "width": 80},
    ]
    annotations = []
    for image, row in ((3, rows[1]), (7, rows[2]), (5, rows[0])):
        labelled = np.concatenate([row[:, :2], np.full((17, 1), 2.0)], axis=1)
        annotations.append({"image_id": image, "keypoints": labelled.reshape(-1).tolist()})
    return {"images": images, "annotations": annotations}


def save(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def refused(path: Path, *words: str, count: int | None = None) -> None:
    with pytest.raises(UserError) as caught:
        read_keypoints(path, frame=FRAME, count=count)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    for word in words:
        assert word in text, text


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_written_is_read(tmp_path, layout) -> None:
    rows = points(layout).astype(np.float32)
    write_keypoints(tmp_path / "k.npz", Keypoints(rows, layout))
    found = read_keypoints(tmp_path / "k.npz", frame=FRAME, count=FRAMES)
    assert found.layout == layout
    assert found.points.dtype == np.float32
    np.testing.assert_array_equal(found.points, rows)


def test_openpose_files_in_the_order_of_their_numbers(tmp_path) -> None:
    rows = points("body25")
    found = read_keypoints(openpose(tmp_path / "json", rows), frame=FRAME)
    assert found.layout == "body25"
    np.testing.assert_allclose(found.points, rows, rtol=1e-6)


def test_a_gap_in_the_numbers_is_found(tmp_path) -> None:
    folder = openpose(tmp_path / "json", points("body25", 6))  # 8 to 13
    assert missing_number(folder) is None
    for number in (9, 11, 13):
        (folder / f"film_{number}_keypoints.json").unlink()
    assert missing_number(folder) is None  # every second frame: 8, 10, 12
    (folder / "film_10_keypoints.json").rename(folder / "film_9_keypoints.json")
    assert missing_number(folder) == 10
    refused(folder, "points of 3 frames for 4 frames", "a file for frame 10", count=4)
    assert missing_number(tmp_path / "no") is None


def test_the_largest_person_counts_and_nobody_is_zero(tmp_path) -> None:
    rows = points("body25")
    folder = openpose(tmp_path / "json", rows)
    small = rows[0] * np.array([0.5, 0.5, 1.0])
    ghost = np.concatenate([rows[0][:, :2] * 9, np.zeros((25, 1))], axis=1)  # nothing of it was found
    save(folder / "film_8_keypoints.json", {"people": [person(small), person(rows[0]), person(ghost)]})
    save(folder / "film_9_keypoints.json", {"people": []})
    found = read_keypoints(folder, frame=FRAME)
    np.testing.assert_allclose(found.points[0], rows[0], rtol=1e-6)
    assert not found.points[1].any()
    assert found.empty_frames() == [1]


def test_confidences_a_little_above_1_are_cut(tmp_path) -> None:
    rows = points("body25")
    rows[:, :, 2] = 1.04
    found = read_keypoints(openpose(tmp_path / "json", rows), frame=FRAME)
    assert (found.points[..., 2] == 1).all()


def test_a_point_that_was_not_found_holds_zeros(tmp_path) -> None:
    rows = points("coco17").astype(np.float32)
    rows[1, 4] = 300, -7, 0
    np.savez(tmp_path / "k.npz", keypoints=rows, layout="coco17")
    assert read_keypoints(tmp_path / "k.npz", frame=FRAME).points[1, 4].tolist() == [0, 0, 0]


def test_points_of_the_iper_data(tmp_path) -> None:
    """-1 and 1 are the edges of the frame, x by its width and y by its height; Python 2 pickles pass."""
    kps = np.zeros((FRAMES, 19, 2), np.float32)
    kps[0, 0], kps[0, 1] = (-1, -1), (1, 1)
    (tmp_path / "kps.pkl").write_bytes(pickle.dumps({"kps": kps}, protocol=2))
    found = read_keypoints(tmp_path / "kps.pkl", frame=FRAME)
    assert found.layout == "cocoplus19"
    assert found.points[0, :3].tolist() == [[0, 0, 1], [80, 60, 1], [40, 30, 1]]


def test_coco_annotations_in_the_order_of_the_files(tmp_path) -> None:
    rows = points("coco17")
    content = coco(rows)
    content["annotations"][2]["keypoints"][2] = 1  # hidden but labelled
    content["annotations"][2]["keypoints"][5] = 0  # not labelled
    found = read_keypoints(save(tmp_path / "coco.json", content), frame=FRAME)
    assert found.layout == "coco17"
    np.testing.assert_allclose(found.points[1:, :, :2], rows[1:, :, :2], rtol=1e-6)
    assert found.points[0, :3, 2].tolist() == [1, 0, 1]
    content["annotations"].pop(0)
    assert read_keypoints(save(tmp_path / "coco.json", content), frame=FRAME).empty_frames() == [1]


def test_coco_results_in_the_order_of_their_ids(tmp_path) -> None:
    rows = points("coco17")
    entries = [{"image_id": k, "keypoints": rows[k].reshape(-1).tolist(), "score": 0.9} for k in (2, 0, 1)]
    entries.append({"image_id": 0, "keypoints": (rows[0] * [0.1, 0.1, 1]).reshape(-1).tolist()})
    found = read_keypoints(save(tmp_path / "results.json", entries), frame=FRAME)
    np.testing.assert_allclose(found.points, rows, rtol=1e-6)


def test_coco_results_in_the_order_of_the_numbers_in_names(tmp_path) -> None:
    """AlphaPose names the frames of a video 0.jpg to 11.jpg."""
    rows = points("coco17", 12)
    entries = [{"image_id": f"{k}.jpg", "keypoints": rows[k].reshape(-1).tolist()} for k in range(12)]
    found = read_keypoints(save(tmp_path / "results.json", entries[::-1]), frame=FRAME)
    np.testing.assert_allclose(found.points, rows, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"layout": "body25"}, ["no field 'keypoints'"]),
        ({"keypoints": points("body25")}, ["no field 'layout'"]),
        ({"keypoints": points("body25"), "layout": "body52"}, ["unknown keypoint layout 'body52'", "body25"]),
        ({"keypoints": points("body25"), "layout": 3}, ["field 'layout' is no name"]),
        ({"keypoints": points("coco17"), "layout": "body25"}, ["(3, 17, 3)", "(T, 25, 3)"]),
        ({"keypoints": points("body25")[:0], "layout": "body25"}, ["holds 0 frames"]),
        ({"keypoints": points("body25").astype("U5"), "layout": "body25"}, ["<U5"]),
    ],
)
def test_own_files_that_are_wrong(tmp_path, fields, words) -> None:
    np.savez(tmp_path / "k.npz", **fields)
    refused(tmp_path / "k.npz", "k.npz", *words)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ((1, 4, 0), np.nan, ["frame 1, point 4", "value nan", "confidence 0"]),
        ((2, 0, 1), np.inf, ["frame 2, point 0", "value inf"]),
        ((0, 7, 2), -0.1, ["frame 0, point 7", "confidence -0.1", "0 to 1"]),
        ((0, 7, 2), 87.0, ["frame 0, point 7", "confidence 87", "0 to 1"]),
        ((2, 3, 0), 1e9, ["frame 2, point 3", "coordinate 1e+09"]),
    ],
)
def test_numbers_that_are_wrong(tmp_path, place, value, words) -> None:
    rows = points("smpl24")
    rows[place] = value
    np.savez(tmp_path / "k.npz", keypoints=rows, layout="smpl24")
    refused(tmp_path / "k.npz", "k.npz", "field 'keypoints'", *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], ["no field 'people'"]),
        ({"people": {}}, ["no field 'people'"]),
        ({"people": [3]}, ["no list 'people[0].pose_keypoints_2d'", "75 numbers"]),
        ({"people": [{"pose_keypoints_2d": [1.0] * 54}]}, ["holds 54 values", "75 (body25)"]),
        ({"people": [{"pose_keypoints_2d": [True] * 75}]}, ["holds True"]),
        ({"people": [{"pose_keypoints_2d": ["1"] * 75}]}, ["holds '1'"]),
        ({"people": [{"pose_keypoints_2d": [float("nan")] * 75}]}, ["holds nan"]),
        ({"people": [{"pose_keypoints_2d": [10**400] * 75}]}, ["people[0].pose_keypoints_2d", "point 0"]),
        ({"people": [{"pose_keypoints_2d": [0.5] * 74 + [5]}]}, ["point 24: confidence 5"]),
    ],
)
def test_openpose_files_that_are_wrong(tmp_path, content, words) -> None:
    folder = openpose(tmp_path / "json", points("body25"))
    save(folder / "film_9_keypoints.json", content)
    refused(folder, "film_9_keypoints.json", *words)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe{}", b"[" * 100_000, b'{"people": ' + b"9" * 5000 + b"}"], ids=range(5)
)
def test_json_that_is_none(tmp_path, content) -> None:
    folder = openpose(tmp_path / "json", points("body25"))
    (folder / "film_9_keypoints.json").write_bytes(content)
    refused(folder, "film_9_keypoints.json", "no JSON that can be read")
    (tmp_path / "coco.json").write_bytes(content)
    refused(tmp_path / "coco.json", "coco.json", "no JSON that can be read")


def change(content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**content, **fields}


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda c: [], ["holds no people"]),
        (lambda c: 3, ["holds no people"]),
        (lambda c: change(c, annotations=None), ["holds no people"]),
        (lambda c: change(c, images=[]), ["no list 'images'"]),
        (lambda c: change(c, images=[{"id": 1}]), ["image 0 has no id or file_name"]),
        (lambda c: change(c, images=[{**c["images"][0], "width": 640}]), ["image 0 is 640x60", "80x60"]),
        (lambda c: change(c, images=c["images"] * 2), ["two images have one id"]),
        (lambda c: change(c, images=c["images"][:2]), ["entry 2 speaks of image 5"]),
        (lambda c: [{"keypoints": [0] * 51}], ["entry 0 has no image_id"]),
        (lambda c: [{"image_id": 1}], ["no list 'keypoints of entry 0'", "51 numbers"]),
        (
            lambda c: [{"image_id": k, "keypoints": [0] * 51} for k in (1, "a")],
            ["a number here and a name there"],
        ),
        (
            lambda c: change(c, annotations=[{"image_id": 3, "keypoints": [7] * 51}]),
            ["visibility 7", "0, 1 or 2"],
        ),
    ],
)
def test_coco_files_that_are_wrong(tmp_path, made, words) -> None:
    refused(save(tmp_path / "coco.json", made(coco(points("coco17")))), "coco.json", *words)


def test_files_that_are_not_there_or_none(tmp_path) -> None:
    refused(tmp_path / "no.npz", "no.npz", "no such file or folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no JSON file in this folder")
    (tmp_path / "k.txt").write_text("1 2 3")
    refused(tmp_path / "k.txt", "no keypoints in a '.txt'", "OpenPose")
    for content in (b"", b"PK\x03\x04 broken", b"\x80\x02."):
        (tmp_path / "k.npz").write_bytes(content)
        refused(tmp_path / "k.npz", "k.npz")
    np.save(tmp_path / "array.npy", np.zeros((3, 17, 3)))
    os.replace(tmp_path / "array.npy", tmp_path / "array.npz")
    refused(tmp_path / "array.npz", "no file of keypoints")
    np.savez(tmp_path / "object.npz", keypoints=np.array([{}], dtype=object), layout="coco17")
    refused(tmp_path / "object.npz", "no file of keypoints")


def test_as_many_frames_as_asked_for(tmp_path) -> None:
    write_keypoints(tmp_path / "k.npz", Keypoints(points("coco17").astype(np.float32), "coco17"))
    refused(tmp_path / "k.npz", "points of 3 frames for 4 frames", "k.npz", count=4)


def test_two_files_of_one_frame(tmp_path) -> None:
    folder = openpose(tmp_path / "json", points("body25"))
    (folder / "film_08_keypoints.json").write_text((folder / "film_8_keypoints.json").read_text())
    refused(folder, "film_08_keypoints.json and film_8_keypoints.json are both frame 8")


def test_a_pickle_that_does_something_is_not_run(tmp_path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'run'}",)

    (tmp_path / "kps.pkl").write_bytes(pickle.dumps({"kps": Payload()}, protocol=2))
    refused(tmp_path / "kps.pkl", "kps.pkl")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], ["no field 'kps'"]),
        ({"kps": [1, 2]}, ["field 'kps' is list"]),
        ({"kps": np.zeros((3, 24, 2))}, ["(3, 24, 2)", "(T, 19, 2)"]),
        ({"kps": np.full((3, 19, 2), np.nan)}, ["field 'kps', frame 0, point 0", "nan"]),
    ],
)
def test_iper_files_that_are_wrong(tmp_path, content, words) -> None:
    (tmp_path / "kps.pkl").write_bytes(pickle.dumps(content, protocol=2))
    refused(tmp_path / "kps.pkl", "kps.pkl", *words)


def test_boxes_change_their_order_between_file_and_memory(tmp_path) -> None:
    boxes = np.array([[1, 20, 3, 40], [np.nan] * 4, [5, 6, 7, 8]], np.float32)
    write_boxes(tmp_path / "b.npz", boxes)
    with np.load(tmp_path / "b.npz") as stored:
        assert stored["boxes"][0].tolist() == [1, 3, 20, 40]  # x0, y0, x1, y1
    np.testing.assert_array_equal(read_boxes(tmp_path / "b.npz", count=3), boxes)
    np.save(tmp_path / "b.npy", [[1, 3, 20, 40]])
    assert read_boxes(tmp_path / "b.npy").tolist() == [[1, 20, 3, 40]]


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        (np.zeros((3, 5)), ["float64 (3, 5)"]),
        (np.zeros(4), ["float64 (4,)"]),
        (np.array(["a"]), ["<U1"]),
        (np.array([[0.0, 0, 1, 1], [5, 0, 5, 9]]), ["frame 1: (5, 0, 5, 9)", "x0 < x1"]),
        (np.array([[0.0, 0, np.nan, 1]]), ["frame 0", "nan"]),
        (np.array([[0.0, 0, np.inf, 1]]), ["frame 0", "inf"]),
        (np.array([[0.0, 0, 1, 1]]), ["boxes of 1 frames for 2 frames"]),
    ],
)
def test_boxes_that_are_wrong(tmp_path, boxes, words) -> None:
    np.savez(tmp_path / "b.npz", boxes=boxes)
    with pytest.raises(UserError) as caught:
        read_boxes(tmp_path / "b.npz", count=2 if "2 frames" in words[0] else None)
    for word in ("b.npz", *words):
        assert word in str(caught.value)


def test_files_without_boxes(tmp_path) -> None:
    np.savez(tmp_path / "b.npz", other=np.zeros((2, 4)))
    for path in (tmp_path / "b.npz", tmp_path / "missing.npz"):
        with pytest.raises(UserError, match=r"boxes \(T, 4\)"):
            read_boxes(path)
