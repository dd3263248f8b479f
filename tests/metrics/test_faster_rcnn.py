"""The `standard` profile's person detector, run: reference (torchvision's own parts), known answer, laws."""

from __future__ import annotations

import numpy as np
import torch
import torchvision

from iper_bench.metrics.backbones.person_detector import PERSON, SCORE, PersonDetector
from iper_bench.metrics.weights import WeightFile
from tests.metrics.small_detector import CLASSES, SURELY, everything_is, lifelike, small_images

HEIGHT, WIDTH = 48, 40


def made(state, folder) -> PersonDetector:
    path = folder / "weights.pth"
    torch.save(state, path)
    with small_images():
        detector = PersonDetector(WeightFile(path, "0" * 64), torch.device("cpu"))
    path.unlink()
    return detector


def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_known_answer_of_people_everywhere(tmp_path):
    detector = made(everything_is(PERSON), tmp_path)
    first, second = frames()
    np.testing.assert_allclose(detector.largest(first), [0, 0, WIDTH, HEIGHT], atol=1e-3)
    # a frame of another shape has its own box, in its own pixels
    wide = np.ascontiguousarray(second[: WIDTH // 2])
    np.testing.assert_allclose(detector.largest(wide), [0, 0, WIDTH, WIDTH // 2], atol=1e-3)
    # everything is something else, or not sure enough
    bias = detector._net.roi_heads.box_predictor.cls_score.bias
    bias[PERSON], bias[PERSON + 1] = 0.0, SURELY
    assert detector.largest(first) is None
    bias[PERSON + 1] = 0.0
    for score, found in ((SCORE - 0.01, False), (SCORE + 0.01, True)):
        bias[PERSON] = float(np.log(score / (1 - score) * (CLASSES - 1)))
        assert (detector.largest(first) is not None) == found


def test_reference_by_torchvisions_own_parts(tmp_path):
    """Backbone, proposals, box head and suppression called one by one on a float frame; and that the answer
    depends on nothing but the frame.
    """
    detector = made(lifelike(), tmp_path)
    frame, other = frames()
    net = detector._net
    with torch.inference_mode():
        images, _ = net.transform([torchvision.transforms.functional.to_tensor(frame)])
        features = net.backbone(images.tensors)
        proposals, _ = net.rpn(images, features)
        pooled = net.roi_heads.box_roi_pool(features, proposals, images.image_sizes)
        logits, moves = net.roi_heads.box_predictor(net.roi_heads.box_head(pooled))
        boxes = net.roi_heads.box_coder.decode(moves, proposals)[:, PERSON]
        scores = logits.softmax(dim=1)[:, PERSON]
    height, width = images.image_sizes[0]
    boxes = torchvision.ops.clip_boxes_to_image(boxes, (height, width))
    kept = torchvision.ops.nms(boxes, scores, net.roi_heads.nms_thresh)[: net.roi_heads.detections_per_img]
    people = boxes[kept][scores[kept] >= SCORE] * torch.tensor([WIDTH / width, HEIGHT / height] * 2)
    largest = max(people.tolist(), key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    assert 1 < len(people) < len(kept)
    found = detector.largest(frame)
    np.testing.assert_allclose(found, largest, atol=1e-2)
    assert not np.array_equal(detector.largest(other), found)
    np.testing.assert_array_equal(detector.largest(frame), found)
