"""What DIAF's flow network learns from, against the original's maps, by hand, and as laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from iper_bench.baselines.diaf.flow_truth import (
    FlowTruth,
    flow_truth,
    joint_maps,
    name_tensor,
    shifted,
    tensor_name,
)

from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from tests.baselines.diaf.references import tensors
from tests.oracles import load, oracle_files


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_geometry*.npz"), ids=lambda p: p.stem)
def test_joint_maps(path: Path) -> None:
    points, out = load(path)["in/kp_xy"].astype(np.float32), tensors(path, "out/")
    points[(points == -1).any(1)] = np.nan  # how the original marks a missing point
    found = 0
    for key, expected in out.items():
        if not key.startswith("kp_"):
            continue
        kind, radius = key.removeprefix("kp_").split("_r")
        name = {"binary": "binary", "gauss": "gaussian"}[kind]
        maps = joint_maps(torch.from_numpy(points), tuple(expected.shape[:2]), float(radius), name)
        # exact for discs; 1e-6, of the description, for Gaussians in float32
        torch.testing.assert_close(maps.permute(1, 2, 0), expected, atol=1e-6, rtol=0)
        found += 1
    assert found


def test_joint_maps_by_hand() -> None:
    maps = joint_maps(torch.tensor([[[3.0, 2.0], [torch.nan, 1.0]]]), (6, 8), 1)
    assert maps.shape == (1, 2, 6, 8)
    assert maps[0, 0].nonzero().tolist() == [[1, 3], [2, 2], [2, 3], [2, 4], [3, 3]]
    assert maps[0, 1].sum() == 0
    with pytest.raises(UserError, match="kind of joint maps 'disc'"):
        joint_maps(torch.zeros(1, 2), (4, 4), 1, "disc")


@pytest.mark.parametrize("name", ["open-coarse", "/somewhere/Körper.pkl"])
def test_names_travel_as_tensors(name: str) -> None:
    assert tensor_name(name_tensor(name)) == name


def test_names_that_are_too_long() -> None:
    with pytest.raises(UserError, match="1025 bytes"):
        name_tensor("x" * 1025)


def truth_of(rows: list[list[int]], size: int = 48) -> FlowTruth:
    dataset = DATASETS.get("synthetic")(root=None, size=64)
    track = dataset.clips("train")[0].track
    batch = {
        "betas": torch.from_numpy(track.betas).expand(len(rows), -1),
        "poses": torch.from_numpy(np.stack([track.take(row).poses for row in rows])),
        "cams": torch.from_numpy(np.stack([track.take(row).cams for row in rows])),
        "body": torch.stack([name_tensor(dataset.body)] * len(rows)),
    }
    return flow_truth(batch, size, window=1, neighbours=True)


def test_batches_of_pairs() -> None:
    both, first = truth_of([[0, 9], [3, 20]]), truth_of([[0, 9]])
    assert both.flow.shape == (2, 2, 48, 48)
    # 1e-3 pixels: products of matrices of another batch size round otherwise
    torch.testing.assert_close(both.flow[:1], first.flow, atol=1e-3, rtol=0)
    for field in ("visibility", "source_parts", "target_parts"):
        assert torch.equal(getattr(both, field)[:1], getattr(first, field))


def test_shifted_by_hand() -> None:
    """The pixel (x, y) of the shifted target still comes from the same source pixel."""
    flow = torch.zeros(1, 2, 4, 5)
    visibility = torch.full((1, 1, 4, 5), 2.0)
    parts = torch.zeros(1, 4, 5, dtype=torch.uint8)
    flow[0, :, 1, 2], visibility[0, 0, 1, 2], parts[0, 1, 2] = torch.tensor([1.0, 2.0]), 0, 3
    moved = shifted(FlowTruth(flow, visibility, parts, parts), torch.tensor([[2, -1]]))
    assert (moved.visibility != 2).nonzero().tolist() == [[0, 0, 0, 4]]
    assert moved.flow[0, :, 0, 4].tolist() == [1 - 2, 2 + 1]
    assert moved.flow.abs().sum() == 4
    assert moved.target_parts.nonzero().tolist() == [[0, 0, 4]]
    assert torch.equal(moved.source_parts, parts)
    gone = shifted(FlowTruth(flow, visibility, parts, parts), torch.tensor([[7, 0]]))
    assert (gone.visibility == 2).all()
    assert not gone.flow.any()


def test_there_and_back() -> None:
    truth = truth_of([[0, 9]])
    back = shifted(shifted(truth, torch.tensor([[3, 2]])), torch.tensor([[-3, -2]]))
    torch.testing.assert_close(back.flow, truth.flow, atol=1e-5, rtol=0)
    assert torch.equal(back.visibility, truth.visibility)
