"""Appearance transfer: official values and known answers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from iper_bench.errors import UserError
from iper_bench.flow.transfer import PART_GROUPS, merge_people, selected_faces
from iper_bench.flow.transformation import face_corners, hide_faces
from iper_bench.flow.uv_image import merge_sources
from tests.flow.oracle_body import FIM_SHARE, OracleCase
from tests.oracles import oracle_files

GEOMETRY = 1e-5  # float32 projection of coordinates in [-1, 1]
IMAGES = 1e-4  # sampled colours; see test_composition
ORACLES = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/flow_swapper_*.npz")]


def images_close(found: Tensor, expected: Tensor) -> None:
    """All pixels, but for those that our own rasters (no official ones are stored) may hold otherwise."""
    assert found.shape == expected.shape
    differs = (found - expected).abs().amax(1) > IMAGES
    assert differs.float().mean() <= FIM_SHARE


@pytest.mark.parametrize("path", ORACLES)
def test_swapper_agrees_with_the_official_code(path) -> None:
    case = OracleCase(path)
    composer = case.composer()
    wanted = case.config["swap_parts"]
    # Faces that nobody chose go to the primary, which is person 0 here.
    people = sorted(range(len(wanted)), key=lambda person: person != case.config["primary"])
    selected = selected_faces([wanted[person] for person in people], case.parts, len(case.faces))
    corners, images = [], []
    for person, faces in zip(people, selected, strict=True):
        key = f"p{person}"
        assert faces.nonzero()[:, 0].tolist() == sorted(case.arrays[f"out/{key}/selected_face_ids"].tolist())
        raster = composer.body(case.tensor(f"in/{key}/verts"), case.tensor(f"in/{key}/cam"))
        flows, visible = composer.uv_flows(raster, torch.zeros(0))
        images.append(merge_sources(case.tensor(f"in/{key}/img"), flows, visible))
        images_close(images[-1], case.tensor(f"out/{key}/uv_img"))
        mine = faces.expand(len(raster.fim), -1)
        given = hide_faces(raster.corners, mine)
        torch.testing.assert_close(given, case.tensor(f"out/{key}/selected_f2pts"), atol=GEOMETRY, rtol=0)
        obj = hide_faces(face_corners(raster.correspondence.projected, case.obj_faces), mine)
        torch.testing.assert_close(obj, case.tensor(f"out/{key}/selected_obj_f2pts"), atol=GEOMETRY, rtol=0)
        corners.append(obj[:1])
    merged = merge_people(torch.cat(images), torch.cat(corners), composer.uv_fim, composer.uv_wim)
    images_close(merged, case.tensor("out/merged_uv"))


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
