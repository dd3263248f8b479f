"""SSIM of a 512x512 pair against scikit-image and torchmetrics, in one run on this machine.

    python benchmarks/ssim.py

Prints milliseconds (median), ratios to ``ssim``, and how far each value lies from scikit-image's under the
same settings. torchmetrics is no dependency: a line says so where it is not installed.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import skimage.data
import skimage.metrics

from iper_bench.metrics.psnr import signed_unit
from iper_bench.metrics.ssim import ssim, ssim_paper

REPEATS = 15
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def timed(work: Callable[[], float]) -> tuple[float, float]:
    """Median milliseconds of a call after one to warm up, and what it gives."""
    value = work()
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken), value


def main() -> None:
    """Print the table."""
    truth = skimage.data.astronaut()
    noise = np.random.default_rng(0).normal(0, 8, truth.shape)
    prediction = np.clip(truth + noise, 0, 255).round().astype(np.uint8)

    def reference(**settings: object) -> float:
        return float(
            skimage.metrics.structural_similarity(
                truth, prediction, channel_axis=2, data_range=255, **settings
            )
        )

    # the evaluator's float32 steps, then scikit-image in float64 as version 0.16.2 had it
    signed = (signed_unit(frame).astype(np.float64) for frame in (truth, prediction))
    paper = float(skimage.metrics.structural_similarity(*signed, channel_axis=2, data_range=2))
    rows = [
        ("ssim (standard)", lambda: ssim(prediction, truth), reference(**WANG)),
        ("ssim_paper", lambda: ssim_paper(prediction, truth), paper),
        ("scikit-image, default", lambda: reference(), None),
        ("scikit-image, settings of Wang et al.", lambda: reference(**WANG), None),
        *torchmetrics_row(prediction, truth, reference(**WANG)),
    ]
    own, _ = timed(rows[0][1])
    print("| implementation | ms | ratio to ssim | value | off scikit-image |")
    print("| --- | --- | --- | --- | --- |")
    for name, work, expected in rows:
        milliseconds, value = timed(work)
        off = "" if expected is None else f"{abs(value - expected):.1e}"
        print(f"| {name} | {milliseconds:.1f} | {milliseconds / own:.1f} | {value:.7f} | {off} |", flush=True)


def torchmetrics_row(
    prediction: np.ndarray, truth: np.ndarray, expected: float
) -> list[tuple[str, Callable[[], float], float | None]]:
    """torchmetrics on float32 tensors that are there already; its mean includes the padded border."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torchmetrics.functional.image import structural_similarity_index_measure as similarity
    except ImportError:
        print("torchmetrics is not installed; try: pip install 'iper-bench[torchmetrics]'")
        return []
    import torch

    ours, theirs = (
        torch.from_numpy(frame.transpose(2, 0, 1).copy()).float()[None] / 255 for frame in (prediction, truth)
    )
    return [("torchmetrics", lambda: float(similarity(ours, theirs, data_range=1.0)), expected)]


if __name__ == "__main__":
    main()
