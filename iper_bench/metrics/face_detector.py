"""MTCNN, the face detector of every profile, one image at a time.

From: facenet-pytorch 2.5.3 (bundled P-, R- and O-net; identical to the evaluator's), settings of
``his_evaluators``: minimum face 20 px, thresholds 0.6/0.7/0.7, factor 0.709, largest box first.
Must agree with: ``mtcnn_face.npz``, boxes to 1e-3 px. One image at a time because the package cannot return a
batch in which only some images have a face (timesler/facenet-pytorch#224).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.hashing import file_sha256

MINIMUM_FACE = 20  # pixels


@dataclass(frozen=True)
class Faces:
    """Detections of one image, largest first: boxes (n, 4) float32 in pixels, probabilities (n,), points (n,
    5, 2).
    """

    boxes: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float32]
    points: npt.NDArray[np.float32]


class FaceDetector:
    """MTCNN with one minimum face size."""

    def __init__(self, device: torch.device, *, minimum_face: int = MINIMUM_FACE) -> None:
        import facenet_pytorch

        self._net: Any = facenet_pytorch.MTCNN(min_face_size=minimum_face, device=device)
        for part in (self._net.rnet, self._net.onet):
            # torch's max pools take half of MTCNN's time otherwise; boxes move by 1e-5 px
            part.to(memory_format=torch.channels_last)
        self._minimum_face = minimum_face
        data = Path(facenet_pytorch.__file__).parent / "data"
        hashes = "".join(file_sha256(data / f"{net}.pt") for net in ("pnet", "rnet", "onet"))
        self.label = f"mtcnn@{hashlib.sha256(hashes.encode()).hexdigest()[:12]}"

    def detect(self, image: npt.NDArray[np.uint8]) -> Faces | None:
        """All faces of a uint8 (H, W, 3) image, largest box first, or ``None``."""
        if min(image.shape[:2]) < self._minimum_face:
            return None  # smaller than the smallest face: the pyramid would be empty
        # planes that lie one after the other shrink almost twice as fast as interleaved channels
        planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        with torch.inference_mode():
            boxes, probabilities, points = self._net.detect(planes.permute(1, 2, 0), landmarks=True)
        if boxes is None:
            return None
        return Faces(
            np.asarray(boxes, dtype=np.float32),
            np.asarray(probabilities, dtype=np.float32),
            np.asarray(points, dtype=np.float32),
        )

    def largest(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | None:
        """The box (4,) of the largest face of a uint8 (H, W, 3) image, pixels, or ``None``."""
        faces = self.detect(image)
        return None if faces is None else faces.boxes[0]
