"""MTCNN and the face crop against the official detector."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from iper_bench.metrics.backbones.facenet import normalise
from iper_bench.metrics.backbones.network import grey_levels
from iper_bench.metrics.cropping import area_resized, face_crop
from iper_bench.metrics.face_detector import FaceDetector
from tests.oracles import cases, load, oracle_files

FILES = oracle_files("metrics/mtcnn_face*.npz")
# float32 networks: regressed boxes of some hundred pixels move by 7e-5 px between versions of torch
PIXEL, PROBABILITY = 1e-3, 1e-5
AREA = 1e-5  # float32 means of pixels in [-1, 1]
CROP_LEVELS, CROP_SHARE = 1, 1e-3  # OpenCV's area resize: at most 1 level on 0.1 % of the pixels


def assert_close(found, expected, tolerance):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(torch.device("cpu"))


def image_of(arrays, name):
    """The stored image, or the public one with the stored hash."""
    if f"image_{name}" in arrays:
        return arrays[f"image_{name}"]
    astronaut = skimage.data.astronaut()
    candidates = (
        astronaut,
        astronaut[:, ::-1],
        np.clip(astronaut.astype(int) + 35, 0, 255).astype(np.uint8),
        astronaut[0:256, 96:352],
        skimage.data.coffee()[0:256, 0:256],
        skimage.data.chelsea()[0:256, 0:256],
    )
    wanted = str(arrays[f"sha256_{name}"])
    for candidate in map(np.ascontiguousarray, candidates):
        if hashlib.sha256(candidate.tobytes()).hexdigest() == wanted:
            return candidate
    raise AssertionError(f"{name}: neither stored nor one of the images that the description names")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference(path, detector):
    arrays = load(path)
    for name in cases(arrays, "valid_"):
        image = image_of(arrays, name)
        assert image.shape == tuple(arrays[f"shape_{name}"])
        # The official detector gets the frame through float and back to uint8.
        truncated = arrays["truncation_table"][image]
        faces = detector.detect(truncated)
        if not arrays[f"valid_{name}"]:
            assert faces is None
            whole, stored = area_resized(image).numpy(), arrays[f"fallback_{name}"]
            step = whole.shape[1] // stored.shape[1]
            assert_close(whole[:, ::step, ::step], stored, AREA)
            assert_close(whole.mean((1, 2)), arrays[f"fallback_mean_{name}"], AREA)
            continue
        assert_close(faces.boxes, arrays[f"boxes_{name}"], PIXEL)
        assert_close(faces.probabilities, arrays[f"probs_{name}"], PROBABILITY)
        assert_close(faces.points, arrays[f"points_{name}"], PIXEL)
        face = face_crop(image, faces.boxes[0])
        difference = np.abs(face.transpose(2, 0, 1).astype(int) - arrays[f"face_u8_{name}"])
        assert difference.max() <= CROP_LEVELS
        assert (difference > 0).mean() <= CROP_SHARE
        assert normalise(grey_levels(face)).numpy().max() <= 1
        plain = faces if np.array_equal(truncated, image) else detector.detect(image)
        assert_close(plain.boxes, arrays[f"boxes_untruncated_{name}"], PIXEL)
        assert_close(plain.probabilities, arrays[f"probs_untruncated_{name}"], PROBABILITY)


def test_tiny_and_plain_frames_have_no_face(detector):
    assert detector.detect(np.zeros((10, 200, 3), np.uint8)) is None
    assert detector.detect(np.full((64, 64, 3), 128, np.uint8)) is None


def test_label_names_the_weights(detector):
    assert detector.label.startswith("mtcnn@")
    assert detector.label == FaceDetector(torch.device("cpu")).label


def test_the_largest_face_is_the_packages_largest(detector):
    """Weights in another order in memory and planes instead of interleaved channels change nothing."""
    import facenet_pytorch

    judge = facenet_pytorch.MTCNN(min_face_size=20, device=torch.device("cpu"))
    face = skimage.data.astronaut()[0:256, 96:352]
    both = np.concatenate([face, cv2.resize(face, (128, 128)).repeat(2, axis=0)], axis=1)
    for image in (face, np.ascontiguousarray(face[:, ::-1]), np.ascontiguousarray(both)):
        boxes, probabilities, points = judge.detect(image, landmarks=True)
        found = detector.detect(image)
        assert_close(found.boxes, boxes.astype(np.float64), 1e-4)
        assert_close(found.probabilities, probabilities.astype(np.float64), 1e-5)
        assert_close(found.points, points.astype(np.float64), 1e-4)
        box = detector.largest(image)
        assert box.dtype == np.float32
        np.testing.assert_array_equal(box, found.boxes[0])
    assert detector.largest(np.full((64, 64, 3), 128, np.uint8)) is None
    assert detector.largest(np.zeros((19, 200, 3), np.uint8)) is None
