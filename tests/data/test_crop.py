"""Crops of a person: official values, known boxes, laws."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.body.recovery.patch import spin_patch
from iper_bench.data.crop import active_box, crop_frame, crop_matte, square_box, union_box
from iper_bench.errors import UserError
from tests.data.uncommitted import uncommitted
from tests.oracles import cases, load, oracle_files

ORACLES = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/image_crops*.npz")]
BOXES = [pytest.param(path, id=path.stem) for path in oracle_files("datasets/boxes*.npz")]
TOLERANCE = 1e-4  # of numbers
LEVEL = 1  # grey level; versions of OpenCV round differently

OFFICIAL_ORDER = [0, 2, 1, 3]  # x0, y0, x1, y1 in the file; x0, x1, y0, y1 here (and back)


def box_of(official: np.ndarray) -> np.ndarray:
    return official[..., OFFICIAL_ORDER]


def close(found: object, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert np.shape(found) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def case_names(data: dict[str, np.ndarray]) -> list[str]:
    return [key.split("/")[1] for key in cases(data, "") if key.startswith("in/") and key.endswith("/img")]


@pytest.mark.parametrize("path", ORACLES)
def test_crops_agree_with_the_official_code(path) -> None:
    data = load(path)
    names = case_names(data)
    assert names
    for name in names:
        frame, person = data[f"in/{name}/img"], box_of(data[f"in/{name}/box"])
        size = frame.shape[:2]
        box = active_box(person, size, float(data[f"in/{name}/factor"][0]))
        assert list(box) == box_of(data[f"out/{name}/active_box"]).tolist()
        assert list(box) == box_of(data[f"out/{name}/enlarged"]).tolist()
        assert list(square_box(box, size)) == box_of(data[f"out/{name}/square"]).tolist()
        expected = data[f"out/{name}/crop"]
        crop = crop_frame(frame, box, side=len(expected))
        close(crop.image.astype(int), expected.astype(int), LEVEL)
        close([crop.scale], data[f"out/{name}/scale"])
        close(crop.start, data[f"out/{name}/start_pt"])
        close(crop.centre, data[f"out/{name}/center"])
        close(crop.box(person), box_of(data[f"out/{name}/box_in_crop"]))


@pytest.mark.parametrize("path", ORACLES)
def test_patches_agree_with_the_official_code(path) -> None:
    data = load(path)
    names = case_names(data)
    assert names
    for name in names:
        # the file's images are in OpenCV's channel order, its patches are RGB
        frame = np.ascontiguousarray(data[f"in/{name}/img"][..., ::-1])
        person = box_of(data[f"in/{name}/box"])
        patch = spin_patch(frame, person)
        close(patch.pixels[:, ::8, ::8], data[f"out/{name}/spin_patch_sub"], (LEVEL + 0.1) / 255)
        close([patch.scale], data[f"out/{name}/spin_scale"])
        close(patch.start, data[f"out/{name}/spin_start_pt"], 0)
        centre = np.array([person[:2].mean(), person[2:].mean()])
        in_patch = centre * patch.scale + 224 - patch.start
        close(in_patch, data[f"out/{name}/spin_center"], 1)


@pytest.mark.parametrize("path", ORACLES)
def test_unions_agree_with_the_official_code(path) -> None:
    data = load(path)
    np.testing.assert_array_equal(union_box(box_of(data["in/track_boxes"])), box_of(data["out/active_union"]))


@pytest.mark.parametrize("path", BOXES)
def test_boxes_of_the_datasets_agree_with_the_official_code(path) -> None:
    data = load(path)
    sizes, people = data["orig_shape_hw"], box_of(data["box_xyxy"])
    assert len(sizes) == len(people)
    for row, (size, person) in enumerate(zip(sizes.tolist(), people, strict=True)):
        size = tuple(size)
        for column, factor in enumerate(data["factors"].tolist()):
            box = active_box(person, size, factor)
            assert list(box) == box_of(data["formatted"][row, column]).tolist(), (row, factor)
            assert list(square_box(box, size)) == box_of(data["square"][row, column]).tolist(), (row, factor)
        whole = active_box(person, size, 0.0)
        assert list(whole) == box_of(data["full_frame_factor0"][row]).tolist(), row
    unions = data["running_union"]
    for count, expected in enumerate(unions, start=1):
        np.testing.assert_array_equal(union_box(people[:count]), box_of(expected))


@pytest.mark.parametrize("path", BOXES)
def test_the_enlarged_box_differs_only_where_it_meets_a_side(path) -> None:
    """The exchange of height and width acts in the second step alone, at the left and right border."""
    data = load(path)
    enlarged, formatted = box_of(data["enlarged"]), box_of(data["formatted"])
    np.testing.assert_array_equal(enlarged[..., :2], formatted[..., :2])
    widths = np.broadcast_to(data["orig_shape_hw"][:, 1, None], enlarged.shape[:2])
    differs = (enlarged != formatted).any(-1)
    assert differs.any()
    assert ((enlarged[..., 0] == 0) | (enlarged[..., 1] == widths))[differs].all()


@pytest.mark.parametrize("path", uncommitted("datasets/crop_image*.npz"))
def test_crops_of_the_datasets_agree_with_the_official_code(path) -> None:
    data = load(path)
    names = [key.removesuffix("_image") for key in data if key.endswith("_image")]
    assert len(names) == int(data["n_cases"])
    for name in names:
        frame, side = data[f"{name}_image"], int(data["image_size"])
        box = tuple(box_of(data[f"{name}_active_box"]).tolist())
        assert list(square_box(box, frame.shape[:2])) == box_of(data[f"{name}_square_box"]).tolist()
        crop = crop_frame(frame, box, side)
        close(crop.image.astype(int), data[f"{name}_out"].astype(int), LEVEL)
        for found, key in ((crop.scale, "scale"), (crop.start, "start_pt"), (crop.centre, "center")):
            np.testing.assert_allclose(found, data[f"{name}_{key}"], rtol=1e-5, atol=1e-5)
        points, expected = data[f"{name}_kps_in"], data[f"{name}_kps_out"]
        np.testing.assert_allclose(crop.points(points[:, :2]), expected[:, :2], rtol=1e-5, atol=TOLERANCE)
        np.testing.assert_array_equal(points[:, 2], expected[:, 2])
        moved = crop.box(box_of(data[f"{name}_box_in"]))
        np.testing.assert_allclose(moved, box_of(data[f"{name}_box_out"]), rtol=1e-5, atol=TOLERANCE)


@pytest.mark.parametrize("path", uncommitted("datasets/regressor_crop*.npz"))
def test_patches_of_the_datasets_agree_with_the_official_code(path) -> None:
    data = load(path)
    frame = np.ascontiguousarray(data["image_bgr"][..., ::-1])
    compared = 0
    for row in range(int(data["n_boxes"])):
        patch = spin_patch(frame, box_of(data[f"box{row}"]))
        assert patch.pixels.shape == tuple(data[f"shape{row}"])
        np.testing.assert_array_equal(patch.start, data[f"start_pt{row}"])
        assert patch.scale == pytest.approx(float(data[f"scale{row}"]), rel=1e-12)
        expected = data.get(f"out_rgb_u8_{row}")
        if expected is not None:
            close(patch.pixels * 255, expected.astype(np.float32), LEVEL + 1e-4)
            compared += 1
    assert compared


def test_a_matte_is_cropped_like_its_frame_and_nobody_stands_beyond_it() -> None:
    matte = np.zeros((20, 12), np.uint8)
    matte[5:, :7] = 255  # touches the left and the lower border
    box = active_box(np.array([0, 7, 5, 20]), (20, 12), 1.3)
    picture = crop_frame(np.repeat(matte[..., None], 3, 2), box, side=40)
    found = crop_matte(matte, box, side=40)
    inside = picture.points(np.array([[0.0, 0.0], [12.0, 20.0]]))
    (x0, y0), (x1, y1) = np.rint(inside).astype(int).clip(0, 40)
    assert x0 > 0  # the crop reaches beyond the left border
    np.testing.assert_array_equal(found[y0 + 2 : y1, x0 + 2 : x1], picture.image[y0 + 2 : y1, x0 + 2 : x1, 0])
    assert not found[:, : x0 - 2].any()
    assert picture.image[-1, 0, 0] == 255  # while the frame repeats its border
    with pytest.raises(UserError, match="0 <= x0 < x1 <= 12"):
        crop_matte(matte, (0, 60, 0, 40), side=8)


def test_known_boxes() -> None:
    # 20 high, doubled around (50, 40)
    assert active_box(np.array([45, 55, 30, 50]), (100, 100), 2.0) == (30, 70, 20, 60)
    # cut off at the left border, then the longer side grows (the official exchange of height and width)
    assert active_box(np.array([5, 15, 30, 50]), (100, 100), 2.0) == (0, 30, 15, 65)
    # an odd remainder goes to the far side
    assert square_box((10, 15, 0, 10), (10, 40)) == (8, 18, 0, 10)
    assert square_box((0, 5, 0, 10), (10, 40)) == (0, 8, 0, 10)
    # the whole frame, whatever the person
    assert active_box(np.zeros(4), (60, 90), 0.0) == (0, 90, 0, 60)


def test_a_square_frame_is_its_own_crop() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    crop = crop_frame(frame, active_box(np.zeros(4), (32, 32), 0.0), side=32)
    np.testing.assert_array_equal(crop.image, frame)
    assert crop.scale == 1.0
    assert crop.start.tolist() == [0.0, 0.0]


def test_borders_are_repeated() -> None:
    frame = np.zeros((8, 4, 3), np.uint8)
    frame[:, 0], frame[:, -1] = 10, 200
    crop = crop_frame(frame, (0, 4, 0, 8), side=8)
    assert crop.start.tolist() == [-2.0, 0.0]
    assert (crop.image[:, :3] == 10).all()
    assert (crop.image[:, 5:] == 200).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_marked_pixel_lands_where_the_numbers_say(seed) -> None:
    generator = np.random.default_rng(seed)
    height, width = generator.integers(60, 100, 2)
    x, y = generator.integers(25, width - 25), generator.integers(25, height - 25)
    frame = np.zeros((height, width, 3), np.uint8)
    frame[y - 1 : y + 2, x - 1 : x + 2] = 255
    person = np.array([x - 12, x + 10, y - 15, y + 20])
    spot = np.array([x + 0.5, y + 0.5])  # centre of the pixel
    crop = crop_frame(frame, active_box(person, (height, width), 1.3), side=96)
    assert np.abs(brightest(crop.image[..., 0]) - crop.points(spot)).max() < 0.51 * max(1.0, crop.scale)
    patch = spin_patch(frame, person)
    assert np.abs(brightest(patch.pixels[0]) - (spot * patch.scale + 224 - patch.start)).max() < patch.scale


def brightest(image: np.ndarray) -> np.ndarray:
    """x, y of the centre of mass, pixel centres at .5"""
    rows, columns = np.indices(image.shape) + 0.5
    weight = image.astype(float)
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


def test_a_patch_is_black_outside_of_the_frame() -> None:
    frame = np.full((40, 40, 3), 255, np.uint8)
    patch = spin_patch(frame, np.array([0.0, 40.0, 0.0, 40.0]))
    assert patch.scale == 5.0
    assert (patch.pixels[:, 12:-12, 12:-12] == 1.0).all()
    assert patch.pixels.sum() == 3 * 200 * 200


def test_bad_boxes_are_refused_in_one_line() -> None:
    frame = np.zeros((40, 50, 3), np.uint8)
    with pytest.raises(UserError, match="crop factor -1"):
        active_box(np.array([1, 5, 1, 5]), (40, 50), -1.0)
    with pytest.raises(UserError, match="crop factor nan"):
        active_box(np.array([1, 5, 1, 5]), (40, 50), float("nan"))
    for person in ([60, 70, 10, 20], [10, 20, 20, 20]):
        with pytest.raises(UserError, match="leaves nothing to crop"):
            active_box(np.array(person), (40, 50), 1.3)
    with pytest.raises(UserError, match="0 <= x0 < x1 <= 50"):
        crop_frame(frame, (0, 60, 0, 40))
    for box in ([10, 10, 10, 20], [60, 80, 0, 20], [np.nan, 5, 5, 9], [10, 10.5, 10, 10.5]):
        with pytest.raises(UserError, match="frame 3: no usable person box"):
            spin_patch(frame, np.array(box, float), "frame 3")
