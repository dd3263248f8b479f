"""The human body: model, open body, camera, rasteriser. Importing this costs nothing; names are loaded on
first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iper_bench.body.loading import load_body
    from iper_bench.body.model import BodyModel, PosedBody
    from iper_bench.body.normals import face_areas, face_normals, vertex_normals

__all__ = ["BodyModel", "PosedBody", "face_areas", "face_normals", "load_body", "vertex_normals"]

_HOMES = {
    "load_body": "loading",
    "BodyModel": "model",
    "PosedBody": "model",
    "face_areas": "normals",
    "face_normals": "normals",
    "vertex_normals": "normals",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'iper_bench.body' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"iper_bench.body.{_HOMES[name]}"), name)
