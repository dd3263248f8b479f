"""Flow composition: official values stage by stage, known answers, laws."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from iper_bench.flow.composition import FlowComposer, FlowOptions, SourceMaps
from iper_bench.flow.transformation import hide_faces, transformation_flow
from iper_bench.flow.uv_image import merge_sources
from tests.body.meshes import ellipsoid
from tests.flow.oracle_body import OracleCase, pairs

GEOMETRY = 1e-5  # float32 sums of weights that differ by up to 7e-5, times the side of a face
IMAGES = 1e-4  # sampled colours move with the flow's error times the image's gradient


@pytest.fixture(scope="module", params=pairs(), ids=lambda pair: pair[1].stem)
def case(request: pytest.FixtureRequest) -> tuple[OracleCase, OracleCase]:
    return OracleCase(request.param[0]), OracleCase(request.param[1])


def close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found, expected.to(found.dtype), atol=tolerance, rtol=0)


def sources_of(case: OracleCase, composer: FlowComposer) -> SourceMaps:
    inputs = (case.tensor(f"in/src_{name}") for name in ("img", "alpha", "verts", "cam"))
    return composer.compose_sources(*inputs)


def official_neighbours(composer: FlowComposer, render: OracleCase) -> FlowComposer:
    """Ties among neighbours are arbitrary in the official code, so the stored table replaces ours."""
    composer.neighbours = render.tensor("out/face_k_nearest").long()
    return composer


def test_layout(case) -> None:
    render, _ = case
    composer = render.composer()
    close(composer.table, render.tensor("out/map_fn"), GEOMETRY)
    close(composer.uv_corners, render.tensor("out/f_uvs2img"), GEOMETRY)
    expected = render.tensor("out/uv_fim")
    same = composer.uv_fim == expected
    assert (~same).float().mean() <= 0.001
    close(composer.uv_wim[same], render.tensor("out/uv_wim")[same], 2e-4)


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
    assert same.float().mean() > 0.9
    assert torch.equal(composer.neighbours[:, 0], torch.arange(len(midpoints)))


def test_source_geometry(case) -> None:
    render, _ = case
    composer = official_neighbours(render.composer(), render)
    raster = composer.body(render.tensor("in/src_verts"), render.tensor("in/src_cam"))
    projected = raster.correspondence.projected
    close(raster.corners, render.tensor("out/src_f2pts"), GEOMETRY)
    close(raster.cond, render.tensor("out/src_cond"), GEOMETRY)
    visible = composer.visible(projected, composer.faces, raster.fim)
    close(hide_faces(raster.corners, visible), render.tensor("out/src_only_vis_f2pts"), GEOMETRY)
    obj_visible = composer.visible(projected, render.obj_faces, render.tensor("out/src_obj_fim").long())
    obj_corners = projected[:, render.obj_faces, :2]
    close(obj_corners, render.tensor("out/src_obj_f2pts"), GEOMETRY)
    close(hide_faces(obj_corners, obj_visible), render.tensor("out/src_only_vis_obj_f2pts"), GEOMETRY)


def test_target_geometry(case) -> None:
    render, _ = case
    composer = official_neighbours(render.composer(), render)
    raster = composer.body(render.tensor("in/ref_verts"), render.tensor("in/ref_cam"))
    close(raster.corners, render.tensor("out/ref_f2pts"), GEOMETRY)
    close(raster.cond, render.tensor("out/ref_cond"), GEOMETRY)
    visible = composer.visible(raster.correspondence.projected, composer.faces, raster.fim)
    close(hide_faces(raster.corners, visible), render.tensor("out/ref_only_vis_f2pts"), GEOMETRY)


def test_sources(case) -> None:
    render, compose = case
    maps = sources_of(compose, official_neighbours(compose.composer(), render))
    close(maps.confident, render.tensor("out/src_confidant_sil"), 0)
    close(maps.outer, render.tensor("out/src_outpad_sil"), 0)
    certain = ~compose.tensor("out/tie_pixels").expand_as(maps.morph)
    close(maps.morph[certain], compose.tensor("out/morph_img")[certain], IMAGES)
    close(maps.bg_input[None], compose.tensor("out/input_G_bg"), IMAGES)
    close(maps.src_inputs[:, 3:], compose.tensor("out/input_G_src_cond"), GEOMETRY)
    close(maps.src_inputs[:, :3], maps.morph, 0)
    close(maps.uv_flows, compose.tensor("out/Tsrc2uv"), GEOMETRY)


@pytest.mark.parametrize("stage", ["raw", "morph"])
def test_uv_merge(case, stage) -> None:
    render, compose = case
    composer = official_neighbours(compose.composer(), render)
    raster = composer.body(compose.tensor("in/src_verts"), compose.tensor("in/src_cam"))
    flows, visible = composer.uv_flows(raster, torch.zeros(0))
    # From the official morph images: ours differ in tie pixels.
    images = compose.tensor("in/src_img" if stage == "raw" else "out/morph_img")
    close(merge_sources(images, flows, visible), compose.tensor(f"out/uv_img_{stage}"), IMAGES)


@pytest.mark.parametrize("other", [False, True])
def test_targets(case, other) -> None:
    render, compose = case
    only_vis = compose.config["o"]["only_vis"] != other
    composer = official_neighbours(compose.composer(only_vis=only_vis), render)
    sources = replace(sources_of(compose, composer), uv_image=compose.tensor("out/uv_img_raw"))
    targets = composer.compose_targets(sources, compose.tensor("in/ref_verts"), compose.tensor("in/ref_cam"))
    key = "out/Tst_ref0_other_only_vis" if other else "out/Tst_ref0"
    close(targets.Tst[:1], compose.tensor(key), GEOMETRY)
    close(targets.uv_flows, compose.tensor("out/Tuv2ref"), GEOMETRY)
    close(targets.tsf_inputs[None], compose.tensor("out/tsf_inputs"), IMAGES)
    if "out/Ttt_ref1_to_ref0" in compose.arrays:
        # Colours of target 1 brought to target 0: corners of 1, raster of 0.
        raster = targets.raster
        first = replace(raster, correspondence=raster.correspondence.take([0]))
        found = composer.flows(raster.corners[1:2], first)
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
