"""Appearance transfer: official values and known answers."""

from __future__ import annotations

import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.flow.transfer import PART_GROUPS, merge_people, selected_faces
from iper_bench.flow.transformation import face_corners, hide_faces
from iper_bench.flow.uv_image import merge_sources
from tests.flow.oracle_body import OracleCase
from tests.oracles import oracle_files

TOLERANCE = 1e-4  # sampled colours; see test_composition
ORACLES = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/flow_swapper_*.npz")]


@pytest.mark.parametrize("path", ORACLES)
def test_swapper_agrees_with_the_official_code(path) -> None:
    case = OracleCase(path)
    composer = case.composer()
    selected = selected_faces(case.config["swap_parts"], case.parts, len(case.faces))
    corners, images = [], []
    for person, faces in enumerate(selected):
        key = f"p{person}"
        assert faces.nonzero()[:, 0].tolist() == case.arrays[f"out/{key}/selected_face_ids"].tolist()
        raster = composer.body(case.tensor(f"in/{key}/verts"), case.tensor(f"in/{key}/cam"))
        flows, visible = composer.uv_flows(raster, torch.zeros(0))
        images.append(merge_sources(case.tensor(f"in/{key}/img"), flows, visible))
        torch.testing.assert_close(images[-1], case.tensor(f"out/{key}/uv_img"), atol=TOLERANCE, rtol=0)
        mine = faces.expand(len(raster.fim), -1)
        given = hide_faces(raster.corners, mine)
        torch.testing.assert_close(given, case.tensor(f"out/{key}/selected_f2pts"), atol=1e-5, rtol=0)
        obj = hide_faces(face_corners(raster.correspondence.projected, case.obj_faces), mine)
        torch.testing.assert_close(obj, case.tensor(f"out/{key}/selected_obj_f2pts"), atol=1e-5, rtol=0)
        corners.append(obj[:1])
    merged = merge_people(torch.cat(images), torch.cat(corners), composer.uv_fim, composer.uv_wim)
    torch.testing.assert_close(merged, case.tensor("out/merged_uv"), atol=TOLERANCE, rtol=0)


PARTS = {f"{index:02d}_part": torch.tensor([2 * index, 2 * index + 1]) for index in range(10)}


def test_unclaimed_faces_go_to_the_primary() -> None:
    chosen = selected_faces([["head"], ["upper"]], PARTS, 20)
    assert chosen[0].nonzero()[:, 0].tolist() == [0, 1, 4, 5, 6, 7, 12, 13, 14, 15]
    assert not (chosen[0] & chosen[1]).any()
    assert chosen.any(0).all()


def test_upper_and_lower_with_the_head_are_everything() -> None:
    assert sorted(PART_GROUPS["upper"] + PART_GROUPS["lower"] + PART_GROUPS["head"]) == list(
        PART_GROUPS["all"]
    )


def test_unknown_group() -> None:
    with pytest.raises(UserError, match=r"unknown part group 'uper'.*did you mean upper"):
        selected_faces([["uper"]], PARTS, 20)
