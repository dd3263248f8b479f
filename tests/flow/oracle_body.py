"""Composers built from the meshes of the flow oracles."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from iper_bench.flow.composition import FlowComposer, FlowOptions
from tests.oracles import config, load, oracle_files


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


def pairs() -> list[tuple[Path, Path]]:
    """``flow_render`` and ``flow_compose`` files of the same mesh."""
    renders = {path.stem.removeprefix("flow_render"): path for path in oracle_files("lwg/flow_render_*.npz")}
    return [
        (renders[path.stem.removeprefix("flow_compose")], path)
        for path in oracle_files("lwg/flow_compose_*.npz")
        if path.stem.removeprefix("flow_compose") in renders
    ]
