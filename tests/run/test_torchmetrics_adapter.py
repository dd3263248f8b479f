"""The adapter gives the numbers of the pure functions, whatever the batches."""

from __future__ import annotations

import copy
import importlib.util
import math
import pickle
import sys

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.metric import UndefinedError
from iper_bench.metrics.psnr import psnr
from iper_bench.metrics.ssim import ssim

pytestmark = pytest.mark.filterwarnings("ignore")  # torchmetrics warns of its own imports

adapter = pytest.importorskip("iper_bench.run.torchmetrics_adapter", reason="needs the extra torchmetrics")
PAIRS = np.random.default_rng(0).integers(0, 256, (2, 7, 16, 18, 3), dtype=np.uint8)
OURS, THEIRS = (torch.from_numpy(side.transpose(0, 3, 1, 2).copy()) for side in PAIRS)


@pytest.mark.parametrize("function", [psnr, ssim])
def test_equal_to_the_pure_function_for_any_batches_and_order(function):
    expected = math.fsum(function(p, t) for p, t in zip(*PAIRS, strict=True)) / 7
    for order, sizes in ((range(7), [7]), (range(7), [1, 4, 2]), ([3, 0, 6, 2, 1, 5, 4], [3, 4])):
        metric = adapter.PairMetric(function, higher_is_better=True)
        for part in torch.tensor(list(order)).split(sizes):
            metric.update(OURS[part], THEIRS[part])
        assert float(metric.compute()) == expected
        metric.reset()
        assert math.isnan(float(metric.compute()))


def test_forward_and_collections():
    from torchmetrics import MetricCollection

    together = MetricCollection(
        {
            "PSNR": adapter.PairMetric(psnr, higher_is_better=True),
            "SSIM": adapter.PairMetric(ssim, higher_is_better=True),
        }
    )
    first = together(OURS[:2], THEIRS[:2])
    expected = np.mean([psnr(*pair) for pair in zip(*PAIRS[:, :2], strict=True)])
    assert float(first["PSNR"]) == pytest.approx(expected)
    together(OURS[2:], THEIRS[2:])
    assert float(together.compute()["SSIM"]) == pytest.approx(
        np.mean([ssim(*pair) for pair in zip(*PAIRS, strict=True)]), rel=1e-12
    )


def test_equal_frames_are_left_out_of_a_mean_that_would_be_infinite():
    metric = adapter.PairMetric(psnr, higher_is_better=True)
    metric.update(torch.cat([OURS[:1], THEIRS[1:2]]), THEIRS[:2])
    assert float(metric.compute()) == psnr(PAIRS[0, 0], PAIRS[1, 0])
    metric.reset()
    metric.update(OURS, OURS)
    assert math.isinf(float(metric.compute()))


def test_float_frames_need_their_range():
    metric = adapter.PairMetric(psnr, higher_is_better=True)
    with pytest.raises(UserError, match="value_range"):
        metric.update(OURS / 255, THEIRS / 255)
    ranged = adapter.PairMetric(psnr, higher_is_better=True, value_range=(-1, 1))
    ranged.update(OURS / 127.5 - 1, THEIRS / 127.5 - 1)
    metric.update(OURS, THEIRS)
    assert float(ranged.compute()) == float(metric.compute())
    for wrong in (OURS * 2.0, torch.full_like(OURS, math.nan, dtype=torch.float32)):
        with pytest.raises(UserError, match="outside"):
            ranged.update(wrong, THEIRS / 127.5 - 1)
    with pytest.raises(UserError, match="one shape"):
        metric.update(OURS, THEIRS[:3])
    with pytest.raises(UserError, match=r"\(N, 3, H, W\)"):
        metric.update(OURS.permute(0, 2, 3, 1), THEIRS.permute(0, 2, 3, 1))


@pytest.mark.parametrize("wrong", [(1, -1), (0, 0), (0, math.nan)])
def test_a_range_that_does_not_increase_is_refused(wrong):
    with pytest.raises(UserError, match=r"value_range: .*expected \(lowest, highest\)"):
        adapter.PairMetric(psnr, higher_is_better=True, value_range=wrong)
    with pytest.raises(UserError, match="value_range"):
        adapter.SetMetric(len, frechet_distance, value_range=wrong)


def test_sets():
    def extract(frames):
        return frames.reshape(len(frames), -1)[:, :3].astype(np.float64)

    metric = adapter.SetMetric(extract, frechet_distance)
    for part in (slice(0, 3), slice(3, 7)):
        metric.update(OURS[part], real=False)
        metric.update(THEIRS[part], real=True)
    assert float(metric.compute()) == pytest.approx(frechet_distance(*map(extract, PAIRS)), rel=1e-12)
    metric.reset()
    metric.update(OURS[:1], real=False)
    with pytest.raises(UndefinedError):
        metric.compute()


def test_a_frame_without_a_number_shows():
    metric = adapter.PairMetric(
        lambda p, t: float(p.mean()) if p[0, 0, 0] else math.nan, higher_is_better=True
    )
    frames = OURS[:3].clone()
    frames[:, 0, 0, 0] = torch.tensor([1, 0, 2], dtype=torch.uint8)
    metric.update(frames, frames)
    assert math.isnan(float(metric.compute()))


def test_the_states_of_several_processes_join_to_the_same_number():
    """What torchmetrics does with the states of all processes: stacked in lists, joined by ``cat``."""
    from torchmetrics.utilities.data import dim_zero_cat

    one, joined = (adapter.PairMetric(ssim, higher_is_better=True) for _ in range(2))
    parts = []
    one.update(OURS, THEIRS)
    for part in (slice(4, 7), slice(0, 1), slice(1, 4)):
        process = adapter.PairMetric(ssim, higher_is_better=True)
        process.update(OURS[part], THEIRS[part])
        parts.append(dim_zero_cat(process.values))
    joined.update(OURS[:1], THEIRS[:1])
    joined.values = dim_zero_cat(parts)  # a tensor, as a synchronisation leaves it
    assert float(joined.compute()) == float(one.compute())
    assert one._reductions["values"] is dim_zero_cat


def test_copies_and_what_is_read_back_carry_the_values():
    metric = adapter.PairMetric(psnr, higher_is_better=True)
    assert metric.higher_is_better
    metric.update(OURS, THEIRS)
    for again in (pickle.loads(pickle.dumps(metric)), copy.deepcopy(metric), metric.clone()):
        assert again.higher_is_better
        assert float(again.compute()) == float(metric.compute())
        again.reset()
        again.update(OURS[:1], THEIRS[:1])
        assert float(again.compute()) == psnr(PAIRS[0, 0], PAIRS[1, 0])
    assert len(metric.values) == 1
    assert not adapter.PairMetric(psnr, higher_is_better=False).higher_is_better


def test_bootstrapped_and_tracked_by_torchmetrics():
    from torchmetrics.wrappers import BootStrapper, MetricTracker

    metric = adapter.PairMetric(psnr, higher_is_better=True)
    torch.manual_seed(0)
    bootstrapped = BootStrapper(metric, num_bootstraps=50, raw=True)
    bootstrapped.update(OURS, THEIRS)
    drawn = bootstrapped.compute()
    single = [psnr(*pair) for pair in zip(*PAIRS, strict=True)]
    assert drawn["raw"].shape == (50,)
    assert min(single) <= float(drawn["raw"].min()) < float(drawn["raw"].max()) <= max(single)
    assert float(drawn["std"]) == pytest.approx(np.std(single) / math.sqrt(7), rel=0.35)
    tracker = MetricTracker(metric)
    for side in (OURS, THEIRS // 2 + OURS // 2):  # the second is nearer to the truth
        tracker.increment()
        tracker.update(side, THEIRS)
    assert tracker.best_metric(return_step=True)[1] == 1


def test_without_torchmetrics_the_extra_is_named(monkeypatch):
    spec = importlib.util.find_spec("iper_bench.run.torchmetrics_adapter")
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'iper-bench\[torchmetrics\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
