"""MTCNN and the face crop against the official detector."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import skimage.data
import torch

from iper_bench.metrics.backbones.facenet import prepare
from iper_bench.metrics.cropping import area_resized, face_crop
from iper_bench.metrics.face_detector import FaceDetector
from tests.oracles import load, oracle_files

FILES = oracle_files("metrics/mtcnn_face.npz")
BOX, PROBABILITY = 1e-3, 1e-5  # pixels; share
CROP_LEVELS, CROP_SHARE = 1, 1e-3  # at most 1 level on 0.1 % of the pixels


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
    return next(
        np.ascontiguousarray(c)
        for c in candidates
        if hashlib.sha256(np.ascontiguousarray(c).tobytes()).hexdigest() == wanted
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference(path, detector):
    arrays = load(path)
    for name in sorted(key.removeprefix("valid_") for key in arrays if key.startswith("valid_")):
        image = image_of(arrays, name)
        faces = detector.detect(image)
        if not arrays[f"valid_{name}"]:
            assert faces is None
            whole = area_resized(image).numpy()
            np.testing.assert_allclose(whole[:, ::4, ::4], arrays[f"fallback_{name}"], atol=1e-5)
            np.testing.assert_allclose(whole.mean((1, 2)), arrays[f"fallback_mean_{name}"], atol=1e-5)
            continue
        np.testing.assert_allclose(faces.boxes, arrays[f"boxes_{name}"], atol=BOX)
        np.testing.assert_allclose(faces.probabilities, arrays[f"probs_{name}"], atol=PROBABILITY)
        np.testing.assert_allclose(faces.points, arrays[f"points_{name}"], atol=BOX)
        face = face_crop(image, faces.boxes[0])
        difference = np.abs(face.transpose(2, 0, 1).astype(int) - arrays[f"face_u8_{name}"])
        assert difference.max() <= CROP_LEVELS
        assert (difference > 0).mean() <= CROP_SHARE
        assert prepare(face).numpy().max() <= 1


def test_tiny_and_plain_frames_have_no_face(detector):
    assert detector.detect(np.zeros((10, 200, 3), np.uint8)) is None
    assert detector.detect(np.full((64, 64, 3), 128, np.uint8)) is None


def test_label_names_the_weights(detector):
    assert detector.label.startswith("mtcnn@")
    assert detector.label == FaceDetector(torch.device("cpu")).label
