"""The person detector of ultralytics. Without the package (extra ``yolo``, AGPL-3.0) only its absence is
tested.
"""

from __future__ import annotations

import ast
import importlib.util
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.metrics.backbones import ultralytics_yolo as yolo
from iper_bench.metrics.weights import MissingWeightsError, WeightFile
from tests.metrics.seeded_weights import seeded

CPU = torch.device("cpu")
PACKAGE = Path(__file__).resolve().parents[2] / "iper_bench"
SIDE = 64
NEVER, SURELY = -20.0, 6.0  # logits
TINY = "yolov3-tiny.yaml"  # an eighth of the network in use, with the same head

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("ultralytics") is None, reason="extra yolo (AGPL-3.0) is not installed"
)


def test_absence_names_the_extra_and_its_licence(monkeypatch, tmp_path):
    monkeypatch.setattr(yolo, "find_spec", lambda name: None)
    with pytest.raises(MissingWeightsError, match=r"AGPL-3\.0; try: pip install 'iper-bench\[yolo\]'"):
        yolo.UltralyticsDetector(WeightFile(tmp_path / "absent.pth", "0" * 64), CPU)


def test_nothing_else_imports_the_package():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "ultralytics" for name in names):
                found.add(path.name)
    assert found == {"ultralytics_yolo.py"}


@pytest.fixture
def made(monkeypatch, tmp_path):
    """A function from a state dict to a small detector."""
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(yolo, "ARCHITECTURE", TINY)

    def build(state, name="weights.pth"):
        torch.save(state, tmp_path / name)
        return yolo.UltralyticsDetector(WeightFile(tmp_path / name, "0" * 64), CPU)

    return build


def untrained():
    with yolo._contained():
        from ultralytics.nn.tasks import DetectionModel

        return DetectionModel(TINY, ch=3, nc=yolo.CLASSES, verbose=False)


@needs_package
def test_the_process_stays_as_it_was(made, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.save, cv2.getNumThreads(), torch.get_num_threads()
    made(untrained().state_dict())
    assert (torch.save, cv2.getNumThreads(), torch.get_num_threads()) == before
    assert "OMP_NUM_THREADS" not in os.environ


@needs_package
def test_known_answer_of_people_everywhere(made):
    """Heads that see nothing but their bias: an even distribution over 16 distances is 7.5 cells each way."""
    network = untrained()
    state = network.state_dict()
    for key in state:
        head = key.startswith(f"model.{len(network.model) - 1}.cv")
        if head and key.endswith(("2.weight", "2.bias")) and "bn" not in key and "conv" not in key:
            state[key].zero_()
            if ".cv3." in key and key.endswith("bias"):
                state[key].fill_(NEVER)
                if ".cv3.1." in key:  # the coarse level, 32 px a cell
                    state[key][yolo.PERSON] = SURELY
    detector = made(state)
    frame = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    box = detector.largest(frame)
    assert box.dtype == np.float32
    # 480 px of the 640 px to which a frame of 64 px is brought; those that leave the frame are cut
    np.testing.assert_allclose(box[2:] - box[:2], [48, 48], atol=1e-3)
    assert box.min() >= 0
    assert box.max() <= SIDE
    for key in state:
        if ".cv3.1.2.bias" in key:
            state[key][yolo.PERSON] = 1.3  # 0.786
    assert made(state).largest(frame) is None


def lifelike():
    """Seeded weights of a network that sees people of many sizes and scores."""
    state = seeded(untrained())
    for key, value in state.items():
        if key.endswith("2.bias") and ".cv3." in key:
            value[yolo.PERSON] = 2.0
        if "dfl" in key:
            value.copy_(torch.arange(16).view(value.shape))
    return state


@needs_package
def test_reference_by_the_packages_own_predictions(made, tmp_path):
    detector = made(lifelike())
    from ultralytics import YOLO

    judge = YOLO(TINY, verbose=False)
    judge.model.load_state_dict(lifelike())
    rng = np.random.default_rng(1)
    seen = 0
    for height, width in ((64, 64), (96, 48), (50, 90)):
        frame = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        found = judge.predict(
            np.ascontiguousarray(frame[..., ::-1]), conf=0.25, verbose=False, device="cpu", project=tmp_path
        )[0].boxes
        people = found.xyxy[(found.cls == yolo.PERSON) & (found.conf >= yolo.SCORE)].numpy()
        largest = max(people.tolist(), key=lambda b: (b[2] - b[0]) * (b[3] - b[1]), default=None)
        box = detector.largest(frame)
        assert (box is None) == (largest is None)
        if largest is not None:
            seen += 1
            np.testing.assert_allclose(box, largest, atol=1e-2)  # the package folds its norms
        np.testing.assert_array_equal(detector.largest(frame), box)
    assert seen


@needs_package
def test_pickles_of_programs_are_refused_with_the_way_to_convert(made, tmp_path):
    with pytest.raises(UserError, match=r"weights only.*turned into plain tensors by python -c"):
        made({"model": untrained()})
    from safetensors.torch import save_file

    path = tmp_path / "weights.safetensors"
    save_file(untrained().state_dict(), path)
    assert yolo.UltralyticsDetector(WeightFile(path, "0" * 64), CPU).label.startswith(yolo.IDENTITY.name)
