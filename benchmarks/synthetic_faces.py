"""How often MTCNN finds the faces of the embedded dataset: front, half profile, and (wrongly) from behind.

    python benchmarks/synthetic_faces.py [--sizes 128 256 512] [--actors 20] [--body open-coarse]

MTCNN of facenet-pytorch with the weights it brings, ``min_face_size`` 20; a face counts from probability 0.9.
At 128 px the head is 11 px wide, under any face detector's least size: there the picture is also given four
times enlarged (bicubic), as the offline face metric does.
"""

from __future__ import annotations

import argparse
import os
import tempfile

import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray

from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticDataset

FOUND = 0.9  # least probability
VIEWS = {"front": 0, "45 degrees": 2, "back": 8}  # frame of a turn of 16


def probabilities(detector: MTCNN, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Highest probability of a face in every picture; 0 where none is found."""
    found = [detector.detect(picture)[1] for picture in pictures]
    return np.array([0.0 if best[0] is None else float(max(best)) for best in found])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--actors", type=int, default=20)
    parser.add_argument("--body", default="open-coarse")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    detector = MTCNN(min_face_size=20, device="cpu")
    with tempfile.TemporaryDirectory() as home:
        os.environ["IPER_BENCH_HOME"] = home
        for size in arguments.sizes:
            dataset = SyntheticDataset(SyntheticConfig(size=size, body=arguments.body))
            clips = [dataset.clip(f"actor{actor:03d}/outfit0") for actor in range(arguments.actors)]
            pictures = np.stack([clip.frames(list(VIEWS.values())) for clip in clips])
            for enlarged in (1, 4) if size <= 128 else (1,):
                for view, name in enumerate(VIEWS):
                    seen = [
                        cv2.resize(one, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
                        for one in pictures[:, view]
                    ]
                    best = probabilities(detector, np.stack(seen))
                    rate = f"{int((best > FOUND).sum()):3d} of {len(best)}"
                    print(f"{size:4d} px x{enlarged}  {name:10s}  {rate}, least {best.min():.3f}", flush=True)


if __name__ == "__main__":
    main()
