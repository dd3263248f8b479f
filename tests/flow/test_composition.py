"""Flow composition: official values stage by stage, known answers, laws.

Every stage is fed with the official index maps, edges and neighbours where it takes them: our own rasters may
differ in one of a thousand pixels and our edges in a few, and such a pixel would move what follows. Our own
rasters are compared here with the allowance, and the wiring of the stages by equality.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from iper_bench.body.rasteriser import EYE_DISTANCE, FAR, NEAR
from iper_bench.flow.composition import FlowComposer, FlowOptions
from iper_bench.flow.condition import uv_condition, uv_image_corners
from iper_bench.flow.morph_image import morph_image, silhouettes
from iper_bench.flow.morphology import thin_edges
from iper_bench.flow.transfer import selected_faces
from iper_bench.flow.transformation import face_corners, hide_faces, transformation_flow
from iper_bench.flow.uv_image import merge_sources, source_to_uv
from tests.body.meshes import ellipsoid
from tests.flow.oracle_body import (
    FIM_SHARE,
    OracleCase,
    pairs,
    stored_composer,
    stored_obj_flows,
    stored_raster,
)

GEOMETRY = 1e-5  # float32 sums of three corners in [-1, 1] with the stored float32 weights
WEIGHTS = 2e-4  # official float32 weights stay within 7e-5 of float64
IMAGES = 1e-4  # flow errors of about 1e-6 times an image gradient of up to 50 per unit
EDGE_SHARE = 0.005  # of the pixels: float32 and float64 edges differ in a few
MIXED = 1e-5  # float32 mix of three colours in [-1, 1]


@pytest.fixture(scope="module", params=pairs(), ids=lambda pair: pair[1].stem)
def case(request: pytest.FixtureRequest) -> tuple[OracleCase, OracleCase]:
    return OracleCase(request.param[0]), OracleCase(request.param[1])


def close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found, expected.to(found.dtype), atol=tolerance, rtol=0)


def source_inputs(case: OracleCase) -> list[Tensor]:
    return [case.tensor(f"in/src_{name}") for name in ("img", "alpha", "verts", "cam")]


def texture_grid(corners: Tensor) -> Tensor:
    """(F, 9, 2) of corners (F, 3, 2): three by three places from corner 0 by halves of both first edges."""
    first, second, third = corners.unbind(1)
    half = torch.tensor([0.0, 0.5, 1.0])
    steps = (
        half.tile(3)[:, None] * (second - first)[:, None]
        + half.repeat_interleave(3)[:, None] * ((third - first)[:, None])
    )
    return first[:, None] + steps


def test_layout(case) -> None:
    render, compose = case
    for file in case:
        assert file.config["eye_z"] == pytest.approx(-EYE_DISTANCE, rel=1e-12)
        assert (file.config["near"], file.config["far"]) == (NEAR, FAR)
    for name in ("vts", "src_verts", "src_cam", "ref_verts", "ref_cam", "src_img"):
        assert torch.equal(render.tensor(f"in/{name}"), compose.tensor(f"in/{name}"))  # a pair of one mesh
    composer = render.composer()
    close(composer.table, render.tensor("out/map_fn"), GEOMETRY)
    close(composer.uv_corners, render.tensor("out/f_uvs2img"), GEOMETRY)
    second = uv_image_corners(render.obj_face_uv)  # of the list that the UV layout is drawn with, at z = 1
    close(torch.cat([second, torch.ones_like(second[..., :1])], -1), render.tensor("out/f_img2uvs"), GEOMETRY)
    # Of the first list, each face read from its last corner.
    grid = texture_grid(composer.uv_corners.flip(1))
    close(grid, render.tensor("out/img2uv_sampler"), GEOMETRY)
    _, head = selected_faces([["body"], ["head"]], render.parts, len(render.faces))
    close(torch.cat([head, head.new_zeros(1)])[:, None].float(), render.tensor("out/front_map_fn"), 0)
    expected = render.tensor("out/uv_fim")
    same = composer.uv_fim == expected
    assert (~same).float().mean() <= FIM_SHARE
    close(composer.uv_wim[same], render.tensor("out/uv_wim")[same], WEIGHTS)


def test_neighbours_are_the_official_ones_up_to_ties(case) -> None:
    render, _ = case
    composer = render.composer()
    midpoints = composer.table[:-1, :2].double()
    expected = render.tensor("out/face_k_nearest").long()

    def distances(table: Tensor) -> Tensor:
        return (midpoints[table] - midpoints[:, None]).norm(dim=-1).sort(dim=1).values

    # Equal distances, whichever faces hold them: midpoints are float32 sums, rounded at 6e-8.
    close(distances(composer.neighbours), distances(expected), 1e-6)
    same = (composer.neighbours.sort(1).values == expected.sort(1).values).all(1)
    assert same.float().mean() > 0.9  # a few rows hold ties
    assert torch.equal(composer.neighbours[:, 0], torch.arange(len(midpoints)))


@pytest.mark.parametrize("who", ["src", "ref"])
def test_bodies(case, who) -> None:
    """Our own raster, and what follows from the official one."""
    render, compose = case
    composer = stored_composer(compose, render)
    own = composer.body(render.tensor(f"in/{who}_verts"), render.tensor(f"in/{who}_cam"))
    official = stored_raster(composer, render, who)
    close(own.corners, render.tensor(f"out/{who}_f2pts"), GEOMETRY)
    expected = render.tensor(f"out/{who}_cond")
    same = own.fim == official.fim
    assert (~same).float().mean() <= FIM_SHARE
    close(own.cond.movedim(1, -1)[same], expected.movedim(1, -1)[same], GEOMETRY)
    close(uv_condition(composer.table, official.fim), expected, GEOMETRY)
    visible = composer.visible(own.correspondence.projected, composer.faces, official.fim)
    close(hide_faces(own.corners, visible), render.tensor(f"out/{who}_only_vis_f2pts"), GEOMETRY)


def test_second_face_list(case) -> None:
    render, compose = case
    corners, visible = stored_obj_flows(stored_composer(compose, render), render)
    close(corners, render.tensor("out/src_obj_f2pts"), GEOMETRY)
    close(hide_faces(corners, visible), render.tensor("out/src_only_vis_obj_f2pts"), GEOMETRY)


def test_silhouettes(case) -> None:
    render, compose = case
    options = compose.composer().options
    background = render.tensor("out/src_cond")[:, 2:]
    found = silhouettes(
        compose.tensor("in/src_alpha"), background, options.conf_erode_ks, options.out_dilate_ks
    )
    close(found[0], render.tensor("out/src_confidant_sil"), 0)
    close(found[1], render.tensor("out/src_outpad_sil"), 0)
    close(found[1] - found[0], compose.tensor("out/uncertain_sil"), 0)


def test_edges_of_the_silhouettes(case) -> None:
    render, compose = case
    expected = compose.tensor("out/thin_edges") > 0
    assert expected.any()
    differs = thin_edges(render.tensor("out/src_confidant_sil")) != expected
    assert differs.float().mean() <= EDGE_SHARE


def test_morph_images(case) -> None:
    render, compose = case
    found = morph_image(
        compose.tensor("in/src_img"),
        render.tensor("out/src_confidant_sil"),
        render.tensor("out/src_outpad_sil"),
        edges=compose.tensor("out/thin_edges") > 0,
    )
    # Among edge pixels at the same distance the official top-k takes any.
    certain = ~compose.tensor("out/tie_pixels")
    band = compose.tensor("out/uncertain_sil") > 0
    assert certain[band].float().mean() > 0.5
    close(found[certain.expand_as(found)], compose.tensor("out/morph_img")[certain.expand_as(found)], MIXED)


@pytest.mark.parametrize("stage", ["raw", "morph"])
def test_uv_merge(case, stage) -> None:
    render, compose = case
    composer = stored_composer(compose, render)
    corners, visible = stored_obj_flows(composer, render)
    flows = source_to_uv(corners, composer.uv_fim, composer.uv_wim)
    close(flows, compose.tensor("out/Tsrc2uv"), GEOMETRY)
    seen = source_to_uv(hide_faces(corners, visible), composer.uv_fim, composer.uv_wim)
    images = compose.tensor("in/src_img" if stage == "raw" else "out/morph_img")
    close(merge_sources(images, flows, seen), compose.tensor(f"out/uv_img_{stage}"), IMAGES)


def test_sources_put_the_stages_together(case, monkeypatch) -> None:
    render, compose = case
    composer = stored_composer(compose, render)
    official = stored_raster(composer, render, "src")
    monkeypatch.setattr(composer, "body", lambda vertices, cams: official)
    maps = composer.compose_sources(*source_inputs(compose))
    close(maps.confident, render.tensor("out/src_confidant_sil"), 0)
    close(maps.outer, render.tensor("out/src_outpad_sil"), 0)
    close(maps.visible_corners, render.tensor("out/src_only_vis_f2pts"), GEOMETRY)
    attended = "src_only_vis_f2pts" if composer.options.only_vis else "src_f2pts"
    close(maps.attended, render.tensor(f"out/{attended}"), GEOMETRY)
    close(maps.bg_input[None], compose.tensor("out/input_G_bg"), IMAGES)
    close(maps.uv_flows, compose.tensor("out/Tsrc2uv"), GEOMETRY)
    images = compose.tensor("in/src_img")
    assert torch.equal(maps.morph, morph_image(images, maps.confident, maps.outer))
    assert torch.equal(maps.src_inputs[:, :3], maps.morph)
    close(maps.src_inputs[:, 3:], compose.tensor("out/input_G_src_cond"), GEOMETRY)
    _, visible = stored_obj_flows(composer, render)
    seen = source_to_uv(
        hide_faces(face_corners(official.correspondence.projected, compose.obj_faces), visible),
        composer.uv_fim,
        composer.uv_wim,
    )
    # The second list is rasterised inside, by our own rasteriser.
    wired = merge_sources(maps.morph, maps.uv_flows, seen)
    assert ((maps.uv_image - wired).abs().amax(1) > IMAGES).float().mean() <= FIM_SHARE


@pytest.mark.parametrize("other", [False, True])
def test_targets(case, other, monkeypatch) -> None:
    render, compose = case
    only_vis = compose.config["o"]["only_vis"] != other
    composer = stored_composer(compose, render, only_vis=only_vis)
    sources = composer.compose_sources(*source_inputs(compose))
    corners = render.tensor("out/src_only_vis_f2pts" if only_vis else "out/src_f2pts")
    sources = replace(sources, uv_image=compose.tensor("out/uv_img_raw"), attended=corners)
    official = stored_raster(composer, render, "ref")
    monkeypatch.setattr(composer, "body", lambda vertices, cams: official)
    targets = composer.compose_targets(sources, compose.tensor("in/ref_verts"), compose.tensor("in/ref_cam"))
    key = "out/Tst_ref0_other_only_vis" if other else "out/Tst_ref0"
    close(targets.Tst[:1], compose.tensor(key), GEOMETRY)
    close(targets.uv_flows, compose.tensor("out/Tuv2ref"), GEOMETRY)
    close(targets.tsf_inputs[None], compose.tensor("out/tsf_inputs"), IMAGES)
    if "out/Ttt_ref1_to_ref0" in compose.arrays:
        # Colours of target 1 brought to target 0: corners of 1, raster of 0.
        first = replace(official, correspondence=official.correspondence.take([0]))
        found = composer.flows(official.corners[1:2], first)
        close(found, compose.tensor("out/Ttt_ref1_to_ref0"), GEOMETRY)


@pytest.fixture(scope="module")
def own() -> tuple[FlowComposer, Tensor, Tensor]:
    """A composer with one face list, three bodies and their images."""
    _, faces, face_uv = ellipsoid(14, 18)
    bodies = torch.stack([ellipsoid(14, 18, seed)[0] for seed in (0, 1, 2)])
    composer = FlowComposer(faces, face_uv, FlowOptions(image_size=64, visibility_size=0, out_dilate_ks=5))
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return composer, bodies, images


CAMS = torch.tensor([[1.0, 0.0, 0.0], [0.9, 0.05, -0.02], [0.8, -0.1, 0.1]])


def test_imitating_oneself_is_the_identity(own) -> None:
    composer, bodies, images = own
    sources = composer.compose_sources(images, None, bodies, CAMS)
    targets = composer.compose_targets(sources, bodies, CAMS)
    centre = (2.0 * torch.arange(64) + 1.0 - 64) / 64
    grid = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1)
    for row in range(3):
        body = targets.raster.fim[row] >= 0
        assert body.sum() > 200
        close(targets.Tst[row, row][body], grid[body], 2e-6)  # half a grid step and float32 sums
        assert (targets.Tst[row, row][~body] == -2).all()


def test_number_of_sources_and_targets_does_not_matter(own) -> None:
    composer, bodies, images = own
    sources = composer.compose_sources(images, None, bodies, CAMS)
    together = composer.compose_targets(sources, bodies, CAMS)
    alone = composer.compose_targets(sources, bodies[1:2], CAMS[1:2])
    assert torch.equal(alone.tsf_inputs, together.tsf_inputs[1:2])
    assert torch.equal(alone.Tst, together.Tst[1:2])
    first = composer.compose_sources(images[:1], None, bodies[:1], CAMS[:1])
    assert torch.equal(first.src_inputs, sources.src_inputs[:1])
    assert torch.equal(first.bg_input, sources.bg_input)
    assert torch.equal(composer.compose_targets(first, bodies, CAMS).Tst, together.Tst[:, :1])


def test_gradients_of_the_image_reach_the_initial_image(own) -> None:
    composer, bodies, images = own
    leaf = images.clone().requires_grad_()
    sources = composer.compose_sources(leaf, None, bodies, CAMS)
    composer.compose_targets(sources, bodies, CAMS).tsf_inputs.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.abs().sum() > 0


def test_every_source_has_a_background_when_not_shared(own) -> None:
    composer, bodies, images = own
    other = FlowComposer(composer.faces, ellipsoid(14, 18)[2], replace(composer.options, share_bg=False))
    maps = other.compose_sources(images, None, bodies, CAMS)
    assert maps.bg_input.shape == (3, 4, 64, 64)
    assert torch.equal(maps.bg_input[:1], composer.compose_sources(images, None, bodies, CAMS).bg_input)


def test_finer_visibility_sees_at_least_as_much(own) -> None:
    composer, bodies, _ = own
    raster = composer.body(bodies, CAMS)
    literal = composer.visible(raster.correspondence.projected, composer.faces, raster.fim)
    finer = FlowComposer(composer.faces, ellipsoid(14, 18)[2], replace(composer.options, visibility_size=192))
    fine = finer.visible(raster.correspondence.projected, composer.faces, raster.fim)
    # 192 = 3 * 64: every centre of the coarse raster is a centre of the fine one.
    assert (fine | ~literal).all()
    assert fine.sum() > literal.sum()


def test_hidden_faces_hold_exactly_minus_two(own) -> None:
    composer, bodies, _ = own
    raster = composer.body(bodies, CAMS)
    nothing = hide_faces(raster.corners, torch.zeros(3, len(composer.faces), dtype=torch.bool))
    assert (transformation_flow(nothing, raster.fim, raster.wim) == -2.0).all()


def test_refuses_images_of_another_size(own) -> None:
    composer, bodies, images = own
    with pytest.raises(ValueError, match="32 x 32 px; expected 64 x 64"):
        composer.compose_sources(images[..., :32, :32], None, bodies, CAMS)


def test_refuses_half_a_second_list(own) -> None:
    composer, _, _ = own
    with pytest.raises(ValueError, match="both obj_faces and obj_face_uv"):
        FlowComposer(composer.faces, ellipsoid(14, 18)[2], composer.options, obj_faces=composer.faces)
