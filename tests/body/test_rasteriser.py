"""Rasteriser: official maps, an exact reference, the two backends, and laws."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.body.camera import project
from iper_bench.body.correspondence import correspond
from iper_bench.body.rasteriser import NEAR, rasterise
from iper_bench.errors import UserError
from tests.body.meshes import ellipsoid, lattice, soup
from tests.body.raster_reference import EYE, rasterise_exactly
from tests.oracles import load, oracle_files

MESHES = {
    "ellipsoid": lambda size: ellipsoid(seed=3)[:2],
    "soup": lambda size: soup(60, seed=1),
    "far soup": lambda size: soup(24, seed=2, spread=6.0),
    "lattice": lambda size: lattice(5, size, seed=4),
}


@pytest.fixture(scope="module")
def warp_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile Warp kernels into a temporary folder."""
    import warp

    folder = tmp_path_factory.mktemp("warp")
    warp.config.kernel_cache_dir = str(folder)
    return folder


def _oracle_maps():
    for path in oracle_files("lwg/flow_render_*.npz"):
        for who, faces in (("src", "smpl_faces"), ("ref", "smpl_faces"), ("src_obj", "fim_enc_faces")):
            yield pytest.param(path, who, faces, id=f"{path.stem}-{who}")


@pytest.mark.parametrize(("path", "who", "faces"), list(_oracle_maps()))
def test_agrees_with_the_official_kernels(path: Path, who: str, faces: str) -> None:
    data = load(path)
    body = who.split("_")[0]
    projected = project(torch.from_numpy(data[f"in/{body}_verts"]), torch.from_numpy(data[f"in/{body}_cam"]))
    expected = data[f"out/{who}_fim"]
    fim, wim = rasterise(projected, torch.from_numpy(data[f"in/{faces}"]), expected.shape[-1])
    same = fim.numpy() == expected
    # The official kernels decide in float32; a centre within 1e-7 of an edge may fall either way.
    assert (~same).mean() <= 0.001
    # Official float32 weights stay within 7e-5 of float64.
    np.testing.assert_allclose(wim.numpy()[same], data[f"out/{who}_wim"][same], atol=2e-4)


@pytest.mark.parametrize("cull", [True, False])
@pytest.mark.parametrize("name", MESHES)
def test_torch_equals_the_exact_reference(name: str, cull: bool) -> None:
    size = 20
    vertices, faces = MESHES[name](size)
    fim, wim = rasterise(vertices[None], faces, size, cull=cull)
    expected_fim, expected_wim = rasterise_exactly(vertices.numpy(), faces.numpy(), size, cull)
    assert (expected_fim >= 0).sum() > 20
    np.testing.assert_array_equal(fim[0].numpy(), expected_fim)
    # One rounding to float64 and one to float32 against one rounding of the fraction.
    np.testing.assert_allclose(wim[0].numpy(), expected_wim, rtol=2e-7)


@pytest.mark.parametrize("cull", [True, False])
@pytest.mark.parametrize("size", [1, 33, 200])
@pytest.mark.parametrize("name", MESHES)
def test_warp_equals_torch(warp_cache: Path, name: str, size: int, cull: bool) -> None:
    vertices, faces = MESHES[name](max(size, 10))
    batch = torch.stack([vertices, vertices.flip(0), vertices * 0.5])
    expected = rasterise(batch, faces, size, cull=cull)
    found = rasterise(batch, faces, size, cull=cull, backend="warp")
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert any(warp_cache.iterdir())


def test_known_triangle() -> None:
    # y down; corners run counter-clockwise as seen in the y-up image. Weights at a centre follow from its
    # coordinates.
    triangle = torch.tensor([[[-1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]]])
    fim, wim = rasterise(triangle, torch.tensor([[0, 1, 2]]), 4)
    expected = torch.tensor([[0, -1, -1, -1], [0, 0, -1, -1], [0, 0, 0, -1], [0, 0, 0, 0]])
    # The diagonal edge runs through the centres of the diagonal pixels, which belong to the triangle.
    assert torch.equal(fim[0], expected)
    x, y = -0.75, 0.25
    torch.testing.assert_close(
        wim[0, 2, 0], torch.tensor([1 - (x + 1) / 2 - (1 - y) / 2, (x + 1) / 2, (1 - y) / 2])
    )


def test_back_faces_are_culled_on_request_only() -> None:
    triangle = torch.tensor([[[-1.0, 1.0, 0.0], [-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]])
    faces = torch.tensor([[0, 1, 2]])
    assert (rasterise(triangle, faces, 8)[0] < 0).all()
    assert (rasterise(triangle, faces, 8, cull=False)[0] == 0).any()


def test_nearest_wins_then_lowest_index() -> None:
    square = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    depths = (0.5, 0.2, 0.2, 0.4)
    vertices = torch.cat([torch.cat([square, torch.full((4, 1), z)], 1) for z in depths])[None]
    faces = torch.cat([torch.tensor([[0, 1, 2], [0, 2, 3]]) + 4 * i for i in range(len(depths))])
    fim, _ = rasterise(vertices, faces, 16)
    assert set(fim.unique().tolist()) == {2, 3}
    diagonal = fim[0].diagonal()
    assert (diagonal == 2).all()  # centres on the shared edge go to the lower of the two faces


def test_depth_is_interpolated_through_its_reciprocal() -> None:
    # Face 0 runs from depth 1 to depth 9; at its middle 1/z interpolation gives 1.8, plain interpolation 5.
    def strip(near: float, far: float) -> torch.Tensor:
        x = torch.tensor([-1.0, -1.0, 1.0, 1.0])
        y = torch.tensor([-1.0, 1.0, 1.0, -1.0])
        z = torch.tensor([near, near, far, far]) - EYE
        return torch.stack([x, y, z], 1)

    vertices = torch.cat([strip(1.0, 9.0), strip(3.0, 3.0)])[None]
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    fim, _ = rasterise(vertices, faces, 64)
    assert (fim[0, :, 33] < 2).all()  # 3 m lies behind 1.8 m
    assert (fim[0, :, 60] >= 2).all()


def test_planes_cut() -> None:
    square = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    faces = torch.tensor([[0, 1, 2]])
    for depth, seen in ((0.9 * NEAR, False), (1.1 * NEAR, True), (99.0, True), (101.0, False), (-1.0, False)):
        corners = torch.cat([square, torch.full((3, 1), depth - EYE)], 1)[None]
        assert bool((rasterise(corners, faces, 8)[0] >= 0).any()) is seen


def test_weights_rebuild_the_pixel_centre() -> None:
    vertices, faces, _ = ellipsoid()
    size = 48
    seen = correspond(vertices[None], torch.tensor([[1.0, 0.02, -0.03]]), faces, size)
    centre = (2.0 * torch.arange(size) + 1.0 - size) / size
    body = seen.fim[0] >= 0
    corners = seen.projected[0][faces[seen.fim[0][body]], :2]
    found = (corners * seen.wim[0][body][..., None]).sum(1)
    grid = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1)[body]
    # Half a grid step (1/65536 pixel) is 3e-7 here; float32 sums add about as much.
    torch.testing.assert_close(found, grid, atol=2e-6, rtol=0)
    torch.testing.assert_close(seen.wim.sum(-1), body.float()[None], atol=2e-7, rtol=0)
    assert torch.equal(seen.background, (~body).float()[None, None])


@pytest.mark.parametrize("backend", ["torch", "warp"])
def test_batch_size_does_not_matter(warp_cache: Path, backend: str) -> None:
    vertices, faces, _ = ellipsoid()
    batch = torch.stack([vertices * scale for scale in (0.4, 0.8, 1.0, 1.3)])
    together = rasterise(batch, faces, 40, backend=backend)
    for row, body in enumerate(batch):
        alone = rasterise(body[None], faces, 40, backend=backend)
        assert torch.equal(together[0][row], alone[0][0])
        assert torch.equal(together[1][row], alone[1][0])


def test_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    vertices, faces = soup(80, seed=5)
    expected = rasterise(vertices[None], faces, 64, cull=False)
    monkeypatch.setattr("iper_bench.body.rasteriser._PAIRS_AT_ONCE", 100)
    found = rasterise(vertices[None], faces, 64, cull=False)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_mirror() -> None:
    vertices, faces, _ = ellipsoid()
    fim, wim = rasterise(vertices[None], faces, 50)
    mirrored = vertices * torch.tensor([-1.0, 1.0, 1.0])
    fim_m, wim_m = rasterise(mirrored[None], faces[:, [0, 2, 1]], 50)
    assert torch.equal(fim_m.flip(-1), fim)
    assert torch.equal(wim_m.flip(-2)[..., [0, 2, 1]], wim)


def test_order_of_faces_does_not_matter() -> None:
    vertices, faces, _ = ellipsoid()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(faces)))
    fim, wim = rasterise(vertices[None], faces, 50)
    shuffled, wim_s = rasterise(vertices[None], faces[order], 50)
    assert torch.equal(torch.where(shuffled < 0, -1, order[shuffled.clamp(min=0)]), fim)
    assert torch.equal(wim_s, wim)


def test_nothing_to_draw() -> None:
    vertices, faces, _ = ellipsoid()
    assert rasterise(vertices[None][:0], faces, 8)[0].shape == (0, 8, 8)
    fim, wim = rasterise(vertices[None], faces[:0], 8)
    assert (fim == -1).all()
    assert (wim == 0).all()
    assert (rasterise(vertices[None] + 3.0, faces, 8)[0] == -1).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("axis", [1, 2])
def test_refuses_what_is_not_finite(bad: float, axis: int) -> None:
    vertices, faces, _ = ellipsoid()
    vertices[5, axis] = bad
    with pytest.raises(ValueError, match="not finite"):
        rasterise(vertices[None], faces, 8)


def test_refuses_coordinates_out_of_reach() -> None:
    vertices, faces, _ = ellipsoid()
    vertices[5, 1] = 1e6
    with pytest.raises(ValueError, match=r"4000000 pixels from .* a 8 px image; expected up to 8192"):
        rasterise(vertices[None], faces, 8)


def test_unknown_backend() -> None:
    vertices, faces, _ = ellipsoid()
    with pytest.raises(UserError, match=r"unknown rasteriser backend 'wrap'.*did you mean warp"):
        rasterise(vertices[None], faces, 8, backend="wrap")


def test_warp_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    vertices, faces, _ = ellipsoid()
    monkeypatch.setitem(sys.modules, "warp", None)
    monkeypatch.delitem(sys.modules, "iper_bench.body.raster_warp", raising=False)
    with pytest.raises(UserError, match="needs warp-lang"):
        rasterise(vertices[None], faces, 8, backend="warp")
