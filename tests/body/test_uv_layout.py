"""Layouts of a licensed body: derived from the mesh, or read from the official files beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from iper_bench.body import BodyModel, load_body
from iper_bench.body.rasteriser import rasterise
from iper_bench.body.smpl_companions import VARIABLE
from iper_bench.body.smpl_file import load_smpl_file
from iper_bench.body.uv_chart import boundary_loop, directed_neighbours, flatten, signed_areas
from iper_bench.body.uv_file import face_uv_of, read_uv_file
from iper_bench.body.uv_layout import MARGIN, derive_layout
from iper_bench.errors import UserError
from iper_bench.flow.condition import uv_image_corners
from iper_bench.flow.uv_image import rasterise_uv
from iper_bench.lwg.inputs import InputBuilder, InputOptions
from tests.body.smpl_like import smpl_arrays, uv_text, write_lists, write_pickle

SIDE = 512


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_body("open-coarse")


@pytest.fixture(scope="module")
def layout(body: BodyModel) -> Tensor:
    return derive_layout(body.template, body.faces, body.parts)


@pytest.fixture
def pickled(tmp_path: Path, body: BodyModel) -> Path:
    return write_pickle(tmp_path / "SMPL_NEUTRAL.pkl", smpl_arrays(body))


def charts_of(faces: Tensor, layout: Tensor) -> np.ndarray:
    """(F,) chart of every face: faces joined by an edge whose UV agree on both sides."""
    named = torch.cat([faces[..., None].to(torch.float64), layout.to(torch.float64)], -1)
    _, ids = torch.unique(named.reshape(-1, 3), dim=0, return_inverse=True)
    near = directed_neighbours(ids.reshape(-1, 3).numpy())
    row, side = np.nonzero(near >= 0)
    graph = sparse.csr_array((np.ones(len(row)), (row, near[row, side])), shape=(len(near),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1])


def test_every_triangle_of_a_derived_layout_looks_forward_and_none_is_culled(layout: Tensor) -> None:
    assert float(layout.min()) >= MARGIN - 1e-6
    assert float(layout.max()) <= 1.0 - MARGIN + 1e-6
    assert signed_areas(layout.numpy().astype(np.float64)).min() > 0
    corners = uv_image_corners(layout)
    flat = torch.cat([corners, torch.ones_like(corners[..., :1])], -1).reshape(1, -1, 3)
    culled, _ = rasterise(flat, torch.arange(flat.shape[1]).reshape(-1, 3), SIDE, cull=True)
    assert torch.equal(culled[0], rasterise_uv(layout, SIDE)[0])


def test_charts_do_not_overlap_and_keep_their_distance(body: BodyModel, layout: Tensor) -> None:
    fim = rasterise_uv(layout, SIDE)[0].numpy()
    own = signed_areas(layout.numpy().astype(np.float64)).sum()
    # An overlap would hide faces: the drawn area would fall short of the sum of areas. Pixels on a border
    # count or not, evenly.
    assert (fim >= 0).mean() == pytest.approx(own, rel=0.01)
    chart = np.where(fim < 0, 0, charts_of(body.faces, layout)[fim] + 1)
    last = np.where(chart == 0, 10**6, chart)
    reach = 3  # texels; MARGIN is four
    several = (ndimage.minimum_filter(last, reach) != ndimage.maximum_filter(chart, reach)) & (chart > 0)
    assert not several.any()


def test_parts_have_charts_of_their_own_of_even_density(body: BodyModel, layout: Tensor) -> None:
    chart = charts_of(body.faces, layout)
    part = np.full(body.face_count, -1)
    for number, name in enumerate(list(body.parts)[:10]):
        part[body.parts[name].numpy()] = number
    assert all(len(set(part[chart == k])) == 1 for k in range(chart.max() + 1))
    assert chart.max() + 1 < 100
    corners = body.template[body.faces]
    size = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=1) / 2
    density = signed_areas(layout.numpy().astype(np.float64)) / size.numpy()
    least, middle, most = np.quantile(density, [0.05, 0.5, 0.95])
    assert least > 0.05 * middle
    assert most < 6 * middle


def test_the_same_mesh_gives_the_same_layout_wherever_it_stands(body: BodyModel, layout: Tensor) -> None:
    assert torch.equal(derive_layout(body.template.clone(), body.faces, body.parts), layout)
    moved = derive_layout(body.template + torch.tensor([0.0, 0.5, 0.0]), body.faces, body.parts)
    assert float((moved - layout).abs().median()) < 1e-4


def test_a_flat_square_keeps_its_area_and_folds_nowhere() -> None:
    side = 6
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    positions = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1).astype(np.float64)
    a = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + side], 1), np.stack([a + 1, a + side + 1, a + side], 1)])
    loop = boundary_loop(faces, directed_neighbours(faces))
    assert loop is not None
    assert len(loop) == 4 * (side - 1)
    chart = flatten(positions, faces, loop)
    assert chart is not None
    assert signed_areas(chart.corners).sum() == pytest.approx((side - 1) ** 2)
    assert chart.evenness > 0.2


def test_only_discs_have_a_boundary_loop() -> None:
    tetrahedron = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])
    assert boundary_loop(tetrahedron, directed_neighbours(tetrahedron)) is None
    cup = tetrahedron[:3]
    assert boundary_loop(cup, directed_neighbours(cup)) is not None
    bow_tie = np.array([[0, 1, 2], [0, 3, 4]])
    assert boundary_loop(bow_tie, directed_neighbours(bow_tie)) is None


def test_closed_and_degenerate_meshes_get_a_layout(body: BodyModel) -> None:
    template = body.template.clone()
    template[body.faces[7]] = body.template[body.faces[7, 0]]  # a triangle without area
    layout = derive_layout(template, body.faces, body.parts)
    assert signed_areas(layout.numpy().astype(np.float64)).min() > 0


def mirrored(body: BodyModel) -> tuple[Tensor, Tensor, Tensor]:
    """A layout whose right leg is a reflected copy, as in the official one, and the second list of it: faces
    reversed there.
    """
    assert body.face_uv is not None
    leg = body.parts["03_right_leg"]
    uv = body.face_uv.clone()
    uv[leg, :, 0] = 1.0 - uv[leg, :, 0]
    faces, second = body.faces.clone(), uv.clone()
    faces[leg], second[leg] = body.faces[leg].flip(1), uv[leg].flip(1)
    return uv, faces, second


def test_official_files_beside_the_body_are_read(tmp_path: Path, pickled: Path, body: BodyModel) -> None:
    alone = load_smpl_file(pickled)
    assert alone.uv_source == "derived"
    uv, faces, second = mirrored(body)
    (tmp_path / "mapper_uv.txt").write_text(uv_text(body.vertex_count, body.faces, uv))
    first_only = load_smpl_file(pickled)
    assert first_only.uv_source == "file"
    assert first_only.obj_faces is None
    (tmp_path / "mapper_fim_enc.txt").write_text(uv_text(body.vertex_count, faces, second))
    read = load_smpl_file(pickled)
    assert read.uv_source == "file"
    for found, wanted in ((read.face_uv, uv), (read.obj_faces, faces), (read.obj_face_uv, second)):
        assert found is not None
        assert torch.equal(found, wanted)
    assert torch.equal(read.faces, body.faces)
    assert len({alone.sha256, first_only.sha256, read.sha256}) == 3
    moved = read.to("cpu")
    assert moved.obj_faces is read.obj_faces


def test_the_second_list_reaches_the_composition(tmp_path: Path, pickled: Path, body: BodyModel) -> None:
    uv, faces, second = mirrored(body)
    for name, list_, of in (("mapper_uv.txt", body.faces, uv), ("mapper_fim_enc.txt", faces, second)):
        (tmp_path / name).write_text(uv_text(body.vertex_count, list_, of))
    composer = InputBuilder(load_smpl_file(pickled), 32, InputOptions())._composer
    assert composer.obj_faces is not None
    assert torch.equal(composer.obj_faces, faces)
    leg = body.parts["03_right_leg"]
    midpoints = uv_image_corners(second)[leg, :2].mean(1)
    torch.testing.assert_close(composer.table[leg, :2], midpoints)
    plain = InputBuilder(
        replace(load_smpl_file(pickled), obj_faces=None, obj_face_uv=None), 32, InputOptions()
    )
    assert not torch.allclose(plain._composer.table[leg, :2], midpoints)


def test_a_layout_in_another_order_is_matched_by_vertices(tmp_path: Path, body: BodyModel) -> None:
    assert body.face_uv is not None
    shuffled = torch.randperm(body.face_count, generator=torch.Generator().manual_seed(0))
    faces, uv = body.faces[shuffled].roll(1, dims=1), body.face_uv[shuffled].roll(1, dims=1)
    path = tmp_path / "smpl_uv.obj"
    path.write_text(uv_text(body.vertex_count, faces, uv))
    assert torch.equal(face_uv_of(read_uv_file(path, body.vertex_count), body.faces, path), body.face_uv)


def test_another_folder_may_be_named(
    tmp_path: Path, pickled: Path, body: BodyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert body.face_uv is not None
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "smpl_uv_2020.obj").write_text(uv_text(body.vertex_count, body.faces, body.face_uv))
    assert load_body(pickled, folder=folder).uv_source == "file"
    assert load_body(pickled).uv_source == "derived"
    monkeypatch.setenv(VARIABLE, str(folder))
    assert load_body(pickled).uv_source == "file"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(UserError, match=f"{VARIABLE}=.*no such folder"):
        load_body(pickled)


def test_several_other_layouts_are_refused(tmp_path: Path, pickled: Path) -> None:
    for name in ("smpl_uv.obj", "smpl_uv_2.obj"):
        (tmp_path / name).write_text("vt 0 0\n")
    with pytest.raises(UserError, match=r"several UV layouts: smpl_uv.obj, smpl_uv_2.obj"):
        load_smpl_file(pickled)


SQUARE = "v 0 0 0\nv 0 0 1\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"


@pytest.mark.parametrize("face", ["f 1/1/1 2/2/2 3/3/3", "f 1/1 2/2 3/3", "f 1/1/3 2/2/1 3/3/2 "])
def test_all_forms_of_a_face_are_read(tmp_path: Path, face: str) -> None:
    path = tmp_path / "mapper_uv.txt"
    path.write_text(f"{SQUARE}s off\nusemtl none\n{face}\n")
    file = read_uv_file(path, 3)
    assert file.corners.tolist() == [[0, 1, 2]]
    assert file.uv.tolist() == [[[0, 0], [1, 0], [0, 1]]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{SQUARE}f -3/-3 -2/-2 -1/-1\n", r"line 7: negative \(relative\) id in corner '-3/-3'.*ids from 1"),
        (f"{SQUARE}f 0/1 2/2 3/3\n", "line 7: zero id"),
        (f"{SQUARE}f 1/1 2/2 3/9\n", "names vt 9.*from 1 to 3"),
        (f"{SQUARE}f 1/1 2/2 4/3\n", "names vertex 4.*from 1 to 3"),
        (f"{SQUARE}f 1//1 2//2 3//3\n", "line 7: cannot read corner '1//1'"),
        (f"{SQUARE}f 1 2 3\n", "line 7: cannot read corner '1'"),
        (f"{SQUARE}f 1/1 2/2 3/3 1/1\n", "a face with 4 corners"),
        (f"vt nan 0\n{SQUARE}f 1/1 2/2 3/3\n", r"line 1: UV coordinate \(nan, 0.0\)"),
        (f"vt 0 inf\n{SQUARE}f 1/1 2/2 3/3\n", "line 1: UV coordinate"),
        (f"vt 0\n{SQUARE}f 1/1 2/2 3/3\n", "line 1: cannot read 'vt 0'"),
        (f"v 0 0 0\n{SQUARE}f 1/1 2/2 3/3\n", "4 vertices; expected the body's 3"),
        (SQUARE, "no UV layout in this file"),
        ("", "no UV layout in this file"),
        ("\xff\xfe".encode("latin1"), "not a text file"),
    ],
)
def test_a_bad_layout_is_refused_in_one_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    path = tmp_path / "mapper_uv.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=words) as caught:
        read_uv_file(path, 3)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_layouts_of_another_mesh_are_refused(tmp_path: Path, pickled: Path, body: BodyModel) -> None:
    assert body.face_uv is not None
    path = tmp_path / "mapper_uv.txt"
    path.write_text(uv_text(body.vertex_count, body.faces[:-1], body.face_uv[:-1]))
    with pytest.raises(
        UserError, match=f"{body.face_count - 1} faces; expected the body's {body.face_count}"
    ):
        load_smpl_file(pickled)
    faces = body.faces.clone()
    faces[5] = faces[6]
    path.write_text(uv_text(body.vertex_count, faces, body.face_uv))
    with pytest.raises(UserError, match="are not the body's"):
        load_smpl_file(pickled)


def test_official_part_lists_take_the_place_of_derived_ones(
    tmp_path: Path, pickled: Path, body: BodyModel
) -> None:
    lists = dict(body.parts)
    moved = lists["01_torso"][:5]
    lists["01_torso"], lists["04_left_arm"] = (
        lists["01_torso"][5:],
        torch.cat([lists["04_left_arm"], moved]).sort().values,
    )
    write_lists(tmp_path / "smpl_part_info.json", dict(reversed(lists.items())), body.faces)
    head, front = body.head_faces[3:], body.front_faces[::2]
    (tmp_path / "head.json").write_text(json.dumps({"vertex": [], "face": head.tolist()}))
    write_lists(tmp_path / "front_body.json", {"torso": front[:9], "facial": front[5:]}, body.faces)
    write_lists(tmp_path / "front_facial.json", {"facial": lists["10_facial_large"]}, body.faces)
    read = load_smpl_file(pickled)
    assert list(read.parts) == list(body.parts)
    assert all(torch.equal(read.parts[name], ids) for name, ids in lists.items())
    assert torch.equal(read.head_faces, head)
    assert torch.equal(read.front_faces, front)


def test_the_facial_list_alone_is_used(tmp_path: Path, pickled: Path, body: BodyModel) -> None:
    large = body.parts["10_facial_large"][::2]
    write_lists(tmp_path / "front_facial.json", {"facial": large}, body.faces)
    parts = load_smpl_file(pickled).parts
    assert torch.equal(parts["10_facial_large"], large)
    assert set(parts["11_facial_small"].tolist()) < set(large.tolist())
    assert torch.equal(parts["00_head"], body.parts["00_head"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "no part list"),
        ('{"00_head": {"face": [0]}}', "parts are missing: 01_torso"),
        ('{"00_head": {"vertex": [0]}}', "entry '00_head': no list of face ids"),
        ('{"00_head": {"face": [true]}}', "no list of face ids"),
        ('{"00_head": {"face": [99999]}}', "face 99999; expected ids from 0 to"),
        ('{"00_head": {"face": [-1]}}', "face -1"),
        ('{"00_head": {"face": [1, 1]}}', "listed twice"),
    ],
)
def test_bad_part_lists_are_refused(tmp_path: Path, pickled: Path, content: str, words: str) -> None:
    (tmp_path / "smpl_part_info.json").write_text(content)
    with pytest.raises(UserError, match=words) as caught:
        load_smpl_file(pickled)
    assert "smpl_part_info.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parts_that_do_not_partition_the_body_are_refused(
    tmp_path: Path, pickled: Path, body: BodyModel
) -> None:
    lists = dict(body.parts)
    lists["01_torso"] = lists["01_torso"][1:]
    write_lists(tmp_path / "smpl_part_info.json", lists, body.faces)
    with pytest.raises(UserError, match=rf"1 of {body.face_count} faces lie in none"):
        load_smpl_file(pickled)
