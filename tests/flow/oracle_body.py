"""Composers built from the meshes of the flow oracles."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from iper_bench.body.camera import project
from iper_bench.body.correspondence import Correspondence
from iper_bench.flow.composition import BodyRaster, FlowComposer, FlowOptions
from iper_bench.flow.condition import uv_condition
from iper_bench.flow.transformation import face_corners
from tests.oracles import config, load, oracle_files

#: share of the pixels of an index map that may differ from the official kernels, which decide in float32: a
#: centre within 1e-7 of an edge may fall either way (the oracles' own allowance)
FIM_SHARE = 0.001


class OracleCase:
    """One file: arrays as tensors, options and layout.

    ``tensor(key)`` gives an array; ``composer(**changes)`` a composer with the file's options, visibility by
    the released rule.
    """

    def __init__(self, path: Path) -> None:
        self.arrays: dict[str, np.ndarray] = load(path)
        self.config: dict[str, Any] = config(path)
        uv = self.tensor("in/vts")
        self.faces = self.tensor("in/smpl_faces").long()
        self.obj_faces = self.tensor("in/fim_enc_faces").long()
        self.face_uv = uv[self.tensor("in/uv_faces_vts").long()]
        self.obj_face_uv = uv[self.tensor("in/fim_enc_faces_vts").long()]
        prefix = "in/part/"
        self.parts = {
            key.removeprefix(prefix): self.tensor(key).long() for key in self.arrays if key.startswith(prefix)
        }

    def tensor(self, key: str) -> Tensor:
        return torch.from_numpy(self.arrays[key])

    def composer(self, **changes: Any) -> FlowComposer:
        known = {field.name for field in fields(FlowOptions)}
        options = {key: value for key, value in self.config["o"].items() if key in known}
        options |= {"top_k": self.config.get("top_k", 3), "visibility_size": 0} | changes
        return FlowComposer(
            self.faces,
            self.face_uv,
            FlowOptions(**options),
            parts=self.parts,
            obj_faces=self.obj_faces,
            obj_face_uv=self.obj_face_uv,
        )


def stored_composer(compose: OracleCase, render: OracleCase, **changes: Any) -> FlowComposer:
    """A composer with the stored neighbours (ties among them are arbitrary in the official code) and the
    stored raster of the UV layout.
    """
    composer = compose.composer(**changes)
    composer.neighbours = render.tensor("out/face_k_nearest").long()
    composer.uv_fim, composer.uv_wim = render.tensor("out/uv_fim").long(), render.tensor("out/uv_wim")
    return composer


def stored_raster(composer: FlowComposer, render: OracleCase, who: str) -> BodyRaster:
    """The bodies ``who`` (``src`` or ``ref``) with the official index and weight maps instead of our own."""
    projected = project(render.tensor(f"in/{who}_verts"), render.tensor(f"in/{who}_cam"))
    fim, wim = render.tensor(f"out/{who}_fim").long(), render.tensor(f"out/{who}_wim")
    corners = face_corners(projected, composer.faces)
    return BodyRaster(Correspondence(projected, fim, wim), uv_condition(composer.table, fim), corners)


def stored_obj_flows(composer: FlowComposer, render: OracleCase) -> tuple[Tensor, Tensor]:
    """Source corners of the second face list, and which faces of it the sources see by the stored map."""
    projected = project(render.tensor("in/src_verts"), render.tensor("in/src_cam"))
    visible = composer.visible(projected, render.obj_faces, render.tensor("out/src_obj_fim").long())
    return face_corners(projected, render.obj_faces), visible


def pairs() -> list[tuple[Path, Path]]:
    """Every ``flow_compose`` file with the ``flow_render`` file of the same mesh, which ends alike.

    A file whose partner is missing keeps the partner's path, so that its tests fail.
    """
    found = oracle_files("lwg/flow_compose_*.npz")
    rendered = oracle_files("lwg/flow_render_*.npz")
    ends = {path.stem.removeprefix("flow_render"): path for path in rendered}
    return [
        (ends.get(end, path.with_name(f"flow_render{end}.npz")), path)
        for path in found
        for end in [path.stem.removeprefix("flow_compose")]
    ]
