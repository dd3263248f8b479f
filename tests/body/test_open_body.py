"""The shipped body: laws of its arrays and lists, known sizes, damage."""

from __future__ import annotations

import importlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.body import BodyModel, load_body, open_body
from iper_bench.body.lbs import joint_transforms, rotation_matrices, skin
from iper_bench.body.model import SMPL_PARENTS
from iper_bench.body.parts import FACIAL_LARGE, FACIAL_SMALL, PART_JOINTS
from iper_bench.errors import UserError

TOOLS = Path(__file__).resolve().parents[2] / "tools"
NAMES = ["open-coarse", "open-mid"]
ASSETS = Path(open_body.__file__).parent / "assets"
MEGABYTE = 1_000_000


@pytest.fixture(params=NAMES)
def body(request: pytest.FixtureRequest) -> BodyModel:
    return load_body(request.param)


def test_the_names_are_listed() -> None:
    assert open_body.open_body_names() == NAMES


def test_the_files_are_small() -> None:
    assert sum(file.stat().st_size for file in ASSETS.glob("*.npz")) < MEGABYTE


def test_shapes_and_sums(body: BodyModel) -> None:
    count = body.vertex_count
    assert count == {"open-coarse": 2315, "open-mid": 6914}[body.name]
    assert body.shape_dirs.shape == (count, 3, 10)
    assert body.pose_dirs is None
    assert body.face_uv is not None
    assert body.face_uv.shape == (body.face_count, 3, 2)
    # float32 rounding of sums of at most 6 (weights) and 128 signed terms of size up to one (regressor)
    assert (body.skin_weights.sum(1) - 1).abs().max() < 1e-6
    assert body.skin_weights.min() >= 0
    assert (body.joint_regressor.sum(1) - 1).abs().max() < 1e-5
    assert body.faces.min() == 0
    assert body.faces.max() == count - 1
    assert len(torch.unique(body.faces)) == count
    assert "CC0" in body.licence


def test_parts_are_an_exact_partition(body: BodyModel) -> None:
    assert list(body.parts) == [*PART_JOINTS, FACIAL_LARGE, FACIAL_SMALL]
    together = torch.cat([body.parts[name] for name in PART_JOINTS])
    assert torch.equal(together.sort().values, torch.arange(body.face_count))
    assert all(len(ids) > 100 for ids in body.parts.values())


def test_face_lists_nest(body: BodyModel) -> None:
    head, large, small = (set(body.parts[n].tolist()) for n in ("00_head", FACIAL_LARGE, FACIAL_SMALL))
    assert small < large < head < set(body.head_faces.tolist())
    front = set(body.front_faces.tolist())
    assert front < set(body.parts["01_torso"].tolist()) | large
    assert set(body.eye_faces.tolist()) < large


def test_sides_are_where_they_are_called(body: BodyModel) -> None:
    middle = body.template[body.faces].mean(1)
    for name, ids in body.parts.items():
        if "left" in name:  # the person's left is +x when it looks along +z
            assert middle[ids, 0].median() > 0.05, name
        if "right" in name:
            assert middle[ids, 0].median() < -0.05, name
    assert middle[body.parts["00_head"], 1].min() > middle[body.parts["01_torso"], 1].mean()
    assert middle[body.parts[FACIAL_SMALL], 2].mean() > middle[body.parts["00_head"], 2].mean()


def test_left_and_right_agree(body: BodyModel) -> None:
    # Decimation is not mirrored: every vertex has a mirror surface point within a coarse edge length.
    mirrored = body.template * torch.tensor([-1.0, 1.0, 1.0])
    nearest = torch.cdist(mirrored, body.template).amin(1)
    assert nearest.mean() < 0.012
    joints = body.joint_regressor @ body.template
    for left, right in ((1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), (22, 23)):
        apart = (joints[left] * torch.tensor([-1.0, 1.0, 1.0]) - joints[right]).norm()
        assert apart < 0.003  # metres; the regressor itself errs by up to 4 mm
    assert joints[[0, 3, 6, 9, 12, 15], 0].abs().max() < 0.002


def test_joints_lie_where_a_skeleton_has_them(body: BodyModel) -> None:
    joints = body.joint_regressor @ body.template
    # pinned by the builder
    torch.testing.assert_close(joints[0], torch.tensor([0.0, -0.24, 0.03]), atol=0.002, rtol=0)
    spine = joints[[0, 3, 6, 9, 12, 15], 1]
    assert (spine.diff() > 0.05).all()
    # T-pose: arms along x, shins down
    assert (joints[[16, 18, 20, 22], 1].max() - joints[[16, 18, 20, 22], 1].min()) < 0.005
    assert joints[7, 1] < joints[4, 1] < joints[1, 1]


def test_uv_is_in_range_and_not_mirrored(body: BodyModel) -> None:
    uv = body.face_uv
    assert uv is not None
    assert uv.min() >= 0
    assert uv.max() <= 1
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    mirrored = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) <= 0
    assert mirrored.float().mean() < 0.001  # a few slivers at seams: 2 of 4,600 and 8 of 13,776
    # no triangle spans the atlas: edges stay below a tenth of it
    assert (uv - uv.roll(1, dims=1)).abs().max() < 0.1


@pytest.mark.parametrize(("beta", "metres"), [(-2.0, 1.56), (0.0, 1.77), (2.0, 1.99)])
def test_beta_zero_is_stature(body: BodyModel, beta: float, metres: float) -> None:
    betas = torch.zeros(10)
    betas[0] = beta
    height = body.shaped(betas)[0, :, 1]
    assert float(height.max() - height.min()) == pytest.approx(metres, abs=0.01)


def test_landmarks_are_where_they_are_called(body: BodyModel) -> None:
    at = {name: body.template[vertex] for name, vertex in body.landmarks.items()}
    assert len(at) == 21
    head = body.template[body.skin_weights[:, 15] > 0.5]
    assert at["nose"][2] > head[:, 2].max() - 0.01
    assert at["nose"][0].abs() < 0.01
    for left, right in (("leye", "reye"), ("lear", "rear"), ("LHeel", "RHeel"), ("LBigToe", "RBigToe")):
        assert at[left][0] > 0.02
        assert (at[left] * torch.tensor([-1.0, 1.0, 1.0]) - at[right]).norm() < 0.012
    for side in "lr":
        # palms down in the T-pose: thumb in front, little finger behind
        depths = [float(at[side + name][2]) for name in ("thumb", "index", "middle", "ring", "pinky")]
        assert depths == sorted(depths, reverse=True)


@pytest.fixture
def copied_assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in ASSETS.glob("open_*"):
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(open_body.resources, "files", lambda _package: tmp_path)
    return tmp_path


def test_a_damaged_file_is_refused_in_one_line(copied_assets: Path) -> None:
    file = copied_assets / "open_coarse.npz"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(UserError, match=r"open_coarse\.npz: package data is damaged.*pip install") as caught:
        open_body.load_open_body("open-coarse")
    assert "\n" not in str(caught.value)
    assert open_body.load_open_body("open-mid").vertex_count == 6914


def test_a_missing_file_is_refused_in_one_line(copied_assets: Path) -> None:
    (copied_assets / "open_mid.npz").unlink()
    with pytest.raises(UserError, match=r"open_mid\.npz: package data is missing"):
        open_body.load_open_body("open-mid")


def test_the_manifest_names_what_is_loaded(body: BodyModel) -> None:
    manifest = json.loads((ASSETS / "open_body.json").read_text(encoding="utf-8"))
    assert manifest["bodies"][body.name]["sha256"] == body.sha256


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean open-coarse"):
        load_body("open-corse")


def test_packing_loses_no_more_than_its_types(monkeypatch: pytest.MonkeyPatch, body: BodyModel) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    packing = importlib.import_module("open_body.packing")
    arrays = {
        "template": body.template.numpy(),
        "shape_dirs": body.shape_dirs.numpy(),
        "weights": body.skin_weights.numpy().astype(np.float64),
        "regressor": body.joint_regressor.numpy(),
        "faces": body.faces.numpy(),
        "face_uv": body.face_uv.numpy(),
        "eye_faces": body.eye_faces.numpy(),
        "landmarks": dict(body.landmarks),
    }
    content = packing.pack(**arrays)
    assert content == packing.pack(**arrays)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        again = open_body.unpack("again", "", {key: archive[key] for key in archive.files})
    for name in ("template", "shape_dirs", "joint_regressor", "faces", "face_uv", "eye_faces"):
        assert torch.equal(getattr(again, name), getattr(body, name)), name
    # one step of a 16-bit integer, times the six slots that rounding down feeds into the first
    assert (again.skin_weights - body.skin_weights).abs().max() < 6.5 / 65535
    assert again.landmarks == body.landmarks


def test_the_straightened_body_poses_back_exactly(monkeypatch: pytest.MonkeyPatch, body: BodyModel) -> None:
    """The builder's T-pose is the inverse of blend skinning: the collar loses nothing on the way back."""
    monkeypatch.syspath_prepend(str(TOOLS))
    straighten = importlib.import_module("open_body.straighten")
    arms_down = torch.zeros(1, 72)
    arms_down[0, 16 * 3 + 2], arms_down[0, 17 * 3 + 2] = -0.84, 0.84  # 48 degrees, anny's rest pose
    arms_down[0, 18 * 3 + 1], arms_down[0, 19 * 3 + 1] = -0.7, 0.7
    start = body.pose(torch.zeros(10), arms_down)
    weights = body.skin_weights
    vertices, joints, back = straighten.straighten(
        start.vertices[0].numpy(), start.joints[0].numpy(), weights.numpy()
    )
    assert np.ptp(joints[[16, 18, 20, 22], 1]) < 1e-5
    local = torch.from_numpy(straighten.local_axis_angles(back))[None]
    rest = torch.from_numpy(joints)[None]
    world, posed = joint_transforms(rotation_matrices(local), rest, SMPL_PARENTS)
    returned = skin(torch.from_numpy(vertices)[None], rest, world, posed, weights)
    shift = posed[:, :1] - start.joints[:, :1]
    # float32 through one 3x3 solve
    torch.testing.assert_close(returned - shift, start.vertices, atol=5e-6, rtol=0)
