"""Transformation flows and visibility: official values, known answers."""

from __future__ import annotations

import pytest
import torch

from iper_bench.flow.condition import condition_table, first_edge_midpoints, uv_condition
from iper_bench.flow.transformation import (
    hide_faces,
    part_neighbours,
    spread_visibility,
    transformation_flow,
    visible_faces,
)
from iper_bench.flow.warp import sample
from tests.oracles import load, oracle_files

ORACLES = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/cal_bc_transform*.npz")]


@pytest.fixture(params=ORACLES)
def data(request: pytest.FixtureRequest) -> dict[str, torch.Tensor]:
    return {
        key: torch.from_numpy(value)
        for key, value in load(request.param).items()
        if not key.startswith("meta")
    }


def close(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-6) -> None:
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


def test_flow_agrees_with_the_official_code(data) -> None:
    close(transformation_flow(data["in/f2pts"], data["in/fim"].long(), data["in/wim"]), data["out/T"])


def test_visibility_agrees_with_the_official_code(data) -> None:
    corners = data["in/f2pts"]
    seen = visible_faces(data["in/fim_for_vis"].long(), corners.shape[1])
    visible = spread_visibility(seen, data["in/face_k_nearest"].long())
    hidden = hide_faces(corners, visible)
    close(hidden, data["out/vis_f2pts"])
    found = transformation_flow(hidden, data["in/fim"].long(), data["in/wim"])
    hidden_face = (found == -2.0) & (data["in/fim"] >= 0)[..., None]
    assert hidden_face.any()
    # Ours is exactly -2 there. The stored weights are float16, so their sum misses 1 by up to 5e-4, and the
    # official value is -2 times that sum.
    total = data["in/wim"].sum(-1, keepdim=True)
    close(torch.where(hidden_face, found * total, found), data["out/T_from_vis"])


def test_selection_agrees_with_the_official_code(data) -> None:
    corners = data["in/f2pts"]
    chosen = torch.zeros(corners.shape[:2], dtype=torch.bool)
    chosen.scatter_(1, data["in/selected"].long(), True)
    close(hide_faces(corners, chosen), data["out/selected_f2pts"])


def test_first_edge_midpoints_are_what_the_official_code_calls_barycentre(data) -> None:
    corners = data["in/f2pts"]
    uv = torch.stack([(corners[..., 0] + 1) / 2, (1 - corners[..., 1]) / 2], -1)
    for row, expected in zip(uv, data["out/barycenter"], strict=True):
        close(first_edge_midpoints(row), expected)


def test_known_visibility() -> None:
    fim = torch.tensor([[[-1, 2], [2, 0]], [[1, 1], [1, 1]]])
    expected = [[True, False, True, False], [False, True, False, False]]
    assert visible_faces(fim, 4).tolist() == expected  # also without any background pixel


def test_known_neighbours() -> None:
    midpoints = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.9, 0.0], [0.1, 0.0], [5.0, 0.0], [5.0, 0.0]])
    parts = {"00_a": torch.tensor([0, 1, 2, 4, 5]), "01_b": torch.tensor([3]), "02_sub": torch.tensor([1, 2])}
    table = part_neighbours(midpoints, parts, 3).tolist()
    assert table[0] == [0, 1, 2]  # face 3 is nearer but in another part
    assert table[3] == [3, 3, 3]
    assert table[1] == [1, 2, 1]  # the later, smaller list overrules
    assert table[5] == [5, 4, 2]  # itself first although face 4 lies at the same place
    seen = torch.tensor([[True, False, False, False, False, False]])
    assert spread_visibility(seen, torch.tensor(table)).tolist() == [[True, True, True, False, False, False]]


def test_known_condition() -> None:
    uv = torch.tensor([[[0.0, 1.0], [0.5, 1.0], [0.0, 0.0]], [[1.0, 0.0], [1.0, 0.5], [0.5, 0.5]]])
    table = condition_table(uv)
    close(table, torch.tensor([[-0.5, -1.0, 0.0], [1.0, 0.5, 0.0], [0.0, 0.0, 1.0]]))
    image = uv_condition(table, torch.tensor([[[0, -1], [1, 1]]]))
    assert image.shape == (1, 3, 2, 2)
    close(image[0, :, 0, 1], torch.tensor([0.0, 0.0, 1.0]))
    close(image[0, :, 1, 0], table[1])


def test_sampling_at_pixel_centres_is_the_identity() -> None:
    image = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    centre = (2.0 * torch.arange(8) + 1.0 - 8) / 8
    flow = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1).expand(2, -1, -1, -1)
    close(sample(image, flow), image)
    assert (sample(image, torch.full_like(flow, -2.0)) == 0).all()
