"""Network inputs: equal to the tested flow composition with the released options, known answers of the other
choices, old weight files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from iper_bench.body import load_body
from iper_bench.body.model import BodyModel
from iper_bench.errors import UserError
from iper_bench.flow.composition import FlowComposer, FlowOptions
from iper_bench.flow.warp import sample
from iper_bench.lwg.inputs import BodyMaps, InputBuilder, InputOptions, SourceInputs, to_network
from iper_bench.lwg.variant import EMBEDDED, PAPER, RELEASED
from tests.flow.oracle_body import OracleCase, pairs, stored_composer, stored_raster
from tests.turning_clip import turning_track

SIZE = 64
SOURCES, TARGETS = [0, 3, 5], [1, 4]
# The released values, written down here once more (iPERCore's training configuration).
RELEASED_FLOW = FlowOptions(
    image_size=SIZE,
    bg_ks=11,
    conf_erode_ks=3,
    out_dilate_ks=9,
    only_vis=False,
    share_bg=True,
    top_k=3,
    visibility_size=0,
)


@dataclass
class Scene:
    """Random pictures with soft mattes of a turning body."""

    body: BodyModel
    frames: np.ndarray
    mattes: np.ndarray

    def maps(self, builder: InputBuilder, rows: list[int], visibility: bool) -> BodyMaps:
        track = turning_track(8).take(rows)
        return builder.maps(track.betas, track.poses, track.cams, visibility=visibility)

    def sources(self, builder: InputBuilder, rows: list[int] = SOURCES) -> SourceInputs:
        maps = self.maps(builder, rows, True)
        frames, persons = self.frames[rows], builder.persons(self.mattes[rows], maps.fim)
        background = builder.background(frames[0], persons[0])
        return builder.sources(builder.foregrounds(frames, persons, maps.fim), background, maps)

    def posed(self, rows: list[int]) -> tuple[Tensor, Tensor]:
        track = turning_track(8).take(rows)
        posed = self.body.pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses))
        return posed.vertices, torch.from_numpy(track.cams)


@pytest.fixture(scope="module")
def scene() -> Scene:
    rng = np.random.default_rng(0)
    body = load_body("open-coarse")
    scene = Scene(body, rng.integers(0, 256, (8, SIZE, SIZE, 3), dtype=np.uint8), np.zeros(0, np.uint8))
    fim = scene.maps(InputBuilder(body, SIZE, InputOptions()), list(range(8)), False).fim
    # Wider than the body and soft at the edge, as real mattes are.
    inside = np.stack([cv2.GaussianBlur(f, (5, 5), 1.2) for f in (fim.numpy() >= 0).astype(np.float32)])
    scene.mattes = np.clip(400 * inside - 50, 0, 255).astype(np.uint8)
    assert 0 < ((scene.mattes > 0) & (scene.mattes < 255)).mean() < 0.5
    return scene


@pytest.mark.parametrize("rows", [SOURCES, SOURCES[:1]])
@pytest.mark.parametrize("change", [{}, {"foreground": "cut"}, {"only_visible": True}])
def test_released_options_equal_the_flow_composition(scene: Scene, change: dict, rows: list[int]) -> None:
    """Bit for bit, though the one goes through frames and maps at rest and the other does not."""
    builder = InputBuilder(scene.body, SIZE, replace(RELEASED.inputs, **change))
    flow = replace(
        RELEASED_FLOW, fill_band="foreground" not in change, only_vis=change.get("only_visible", False)
    )
    assert scene.body.face_uv is not None
    composer = FlowComposer(scene.body.faces, scene.body.face_uv, flow, parts=scene.body.parts)
    alphas = torch.from_numpy(scene.mattes[rows].astype(np.float32) / 255.0).unsqueeze(1)
    expected = composer.compose_sources(to_network(scene.frames[rows]), alphas, *scene.posed(rows))
    wanted = composer.compose_targets(expected, *scene.posed(TARGETS))
    sources = scene.sources(builder, rows)
    targets = builder.targets(sources, scene.maps(builder, TARGETS, False))
    assert sources.uv_image is not None
    for found, right in (
        (sources.src_inputs, expected.src_inputs),
        (sources.bg_input, expected.bg_input),
        (sources.images, expected.morph),
        (sources.corners, expected.raster.corners),
        (sources.visible, expected.visible_corners),
        (sources.attended, expected.attended),
        (sources.uv_image, expected.uv_image),
        (targets.tsf_inputs, wanted.tsf_inputs),
        (targets.flows, wanted.Tst),
    ):
        assert torch.equal(found, right)
        assert found.abs().sum() > 0


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair[1].stem)
def test_released_options_equal_the_official_values(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The builder over the oracle's mesh with its two face lists, from the official index maps."""
    render, compose = (OracleCase(path) for path in pair)
    composer = stored_composer(compose, render, only_vis=False)
    size = composer.options.image_size
    builder = InputBuilder(load_body("open-coarse"), size, RELEASED.inputs)
    monkeypatch.setattr(builder, "_composer", composer)
    seen = {who: stored_raster(composer, render, who).correspondence for who in ("src", "ref")}
    visible = composer.visible(seen["src"].projected, composer.faces, seen["src"].fim)
    maps = {
        who: BodyMaps(c.projected, c.fim, c.wim, visible if who == "src" else None) for who, c in seen.items()
    }
    # the file's targets come from the raw pictures
    pictures = compose.tensor("in/src_img").permute(0, 2, 3, 1).contiguous().numpy()
    sources = builder.sources(pictures, np.zeros((size, size, 4), np.uint8), maps["src"])
    targets = builder.targets(sources, maps["ref"])
    geometry, images = 1e-5, 1e-4  # as in tests/flow/test_composition.py

    def far(found: Tensor, name: str, tolerance: float) -> float:
        return float(((found - compose.tensor(f"out/{name}")).abs() > tolerance).float().mean())

    assert far(sources.src_inputs[:, 3:], "input_G_src_cond", geometry) == 0
    # A file made with only_vis keeps the released rule's flow under the other name.
    flow = "Tst_ref0_other_only_vis" if compose.config["o"]["only_vis"] else "Tst_ref0"
    assert far(targets.flows[:1], flow, geometry) == 0
    # The second face list is rasterised inside by our own rasteriser: the allowance of index maps.
    assert sources.uv_image is not None
    assert far(sources.uv_image, "uv_img_raw", images) <= 0.001
    assert far(targets.tsf_inputs[None], "tsf_inputs", images) <= 0.001


def test_the_paper_warps_what_each_source_sees_and_averages(scene: Scene) -> None:
    builder = InputBuilder(scene.body, SIZE, PAPER.inputs)
    sources = scene.sources(builder)
    maps = scene.maps(builder, TARGETS, False)
    targets = builder.targets(sources, maps)
    seen = targets.flows[..., 0] > -2
    total = torch.zeros(len(TARGETS), 3, SIZE, SIZE)
    for s in range(len(SOURCES)):
        image = sources.images[s : s + 1].expand(len(TARGETS), -1, -1, -1)
        total += sample(image, targets.flows[:, s]) * seen[:, s, None]
    count = seen.sum(1, keepdim=True)
    torch.testing.assert_close(targets.tsf_inputs[:, :3], total / count.clamp(min=1), rtol=0, atol=1e-6)
    unseen = (count[:, 0] == 0) & (maps.fim >= 0)
    assert unseen.sum() > 50  # bodies have places that nobody sees
    assert (targets.tsf_inputs[:, :3].movedim(1, -1)[unseen] == 0).all()
    filled = InputBuilder(scene.body, SIZE, replace(PAPER.inputs, fill_unseen=True))
    other = filled.targets(scene.sources(filled), maps).tsf_inputs[:, :3].movedim(1, -1)
    assert (other[unseen].abs().sum(-1) > 0).float().mean() > 0.5
    assert torch.equal(other[~unseen], targets.tsf_inputs[:, :3].movedim(1, -1)[~unseen])


def test_the_paper_cuts_by_the_silhouette(scene: Scene) -> None:
    builder = InputBuilder(scene.body, SIZE, PAPER.inputs)
    maps = scene.maps(builder, SOURCES, True)
    body = (maps.fim >= 0).unsqueeze(1)
    sources = scene.sources(builder)
    frames = to_network(scene.frames[SOURCES])
    assert torch.equal(sources.images, frames * body)
    assert torch.equal(sources.bg_input[:, 3:], (~body[:1]).float())
    assert torch.equal(sources.bg_input[:, :3], frames[:1] * ~body[:1])


@pytest.mark.parametrize("side", [1, 5, 11, 51])
def test_the_hole_is_the_widened_matte(scene: Scene, side: int) -> None:
    """Against OpenCV's dilation; every pixel whose matte is above 0 counts as person."""
    builder = InputBuilder(scene.body, SIZE, replace(EMBEDDED.inputs, background_dilate=side, prefill=False))
    frame, matte = scene.frames[0], scene.mattes[0].copy()
    matte[0, 0] = 1  # the faintest person, in a corner
    background = builder.background(frame, matte)
    hole = cv2.dilate((matte > 0).astype(np.uint8), np.ones((side, side), np.uint8))
    assert np.array_equal(background[..., 3], 255 * (1 - hole))
    assert (background[..., :3][hole > 0] == 127).all()
    assert np.array_equal(background[..., :3][hole == 0], frame[hole == 0])
    for blank, level in (("grey", torch.tensor(127.0) / 127.5 - 1.0), ("zero", torch.tensor(0.0))):
        other = InputBuilder(scene.body, SIZE, replace(builder.options, blank=blank))
        tensor = other.background_input(background)
        assert (tensor[0, :3, torch.from_numpy(hole > 0)] == level).all()
    filled = InputBuilder(scene.body, SIZE, replace(builder.options, prefill=True)).background(frame, matte)
    assert np.array_equal(filled[..., 3], background[..., 3])
    assert np.array_equal(filled[..., :3][hole == 0], frame[hole == 0])


def test_neighbours_only_add_faces(scene: Scene) -> None:
    alone, spread = (
        scene.maps(InputBuilder(scene.body, SIZE, replace(RELEASED.inputs, neighbours=k)), SOURCES, True)
        for k in (1, 3)
    )
    assert alone.visible is not None
    assert spread.visible is not None
    assert (spread.visible | ~alone.visible).all()
    assert spread.visible.sum() > 1.2 * alone.visible.sum()


@pytest.mark.parametrize("options", [RELEASED.inputs, PAPER.inputs, EMBEDDED.inputs])
def test_options_survive_the_metadata(options: InputOptions) -> None:
    assert InputOptions(**json.loads(json.dumps(options.to_json()))) == options


def test_old_files_mean_the_defaults() -> None:
    """The metadata of the first weights, and identities made of it, hold five fields."""
    old = {
        "visibility_size": 512,
        "only_visible": True,
        "background_dilate": 5,
        "band": 6,
        "prefill": False,
    }
    assert InputOptions(**old) == InputOptions(prefill=False)
    assert InputOptions(prefill=False).to_json() == old


@pytest.mark.parametrize(
    ("field", "wrong", "nearest"),
    [
        ("initial_image", "average", "averaged"),
        ("foreground", "cutt", "cut"),
        ("person", "mat", "matte"),
        ("blank", "gray", "grey"),
    ],
)
def test_unknown_choices_name_the_nearest(field: str, wrong: str, nearest: str) -> None:
    with pytest.raises(UserError, match=f"unknown {field} '{wrong}'.*{nearest}"):
        InputOptions(**{field: wrong})


def test_bodies_without_uv_are_refused() -> None:
    bare = replace(load_body("open-coarse"), face_uv=None)
    with pytest.raises(ValueError, match="no UV layout"):
        InputBuilder(bare, SIZE, InputOptions())
