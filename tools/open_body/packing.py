"""Compact, byte-for-byte repeatable files of the open body (format 1 of iper_bench/body/open_body.py)."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
KEPT_WEIGHTS = 6  # the largest loss with 4 is 0.10 of a vertex's weight
_UNIT = 65535


def quantise_weights(weights: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """The K largest weights of every vertex as joint ids and as integers whose rows sum to 65535 exactly."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :KEPT_WEIGHTS]
    kept = np.take_along_axis(weights, order, axis=1)
    values = np.floor(kept / kept.sum(1, keepdims=True) * _UNIT).astype(np.int64)
    values[:, 0] += _UNIT - values.sum(1)
    order = np.where(values > 0, order, 0)
    return order.astype(np.uint8), values.astype(np.uint16)


def pack(
    *,
    template: NDArray[Any],
    shape_dirs: NDArray[Any],
    weights: NDArray[Any],
    regressor: NDArray[Any],
    faces: NDArray[Any],
    face_uv: NDArray[Any],
    eye_faces: NDArray[Any],
    landmarks: dict[str, int],
) -> bytes:
    """The bytes of one file. Arrays as in :class:`iper_bench.body.model.BodyModel`.

    numpy writes a fixed date into the archive, so equal input gives equal bytes (with the same zlib).
    """
    joint, value = quantise_weights(weights)
    entry = np.argwhere(regressor != 0)
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        format=np.uint16(FORMAT),
        template=template.astype("<f4"),
        shape_dirs=shape_dirs.astype("<f2"),
        weight_joint=joint,
        weight_value=value.astype("<u2"),
        regressor_entry=entry.astype("<u2"),
        regressor_value=regressor[entry[:, 0], entry[:, 1]].astype("<f4"),
        faces=faces.astype("<u2"),
        face_uv=np.round(face_uv * _UNIT).astype("<u2"),
        eye_faces=eye_faces.astype("<u2"),
        landmark_name=np.array(list(landmarks)),
        landmark_vertex=np.array(list(landmarks.values()), "<u2"),
    )
    return stream.getvalue()


def write_bodies(folder: Path, bodies: dict[str, bytes]) -> dict[str, str]:
    """Write ``open_<kind>.npz`` files and the manifest with their sha256; returns the sha256 by name."""
    manifest: dict[str, dict[str, str]] = {}
    for name, content in sorted(bodies.items()):
        file = name.replace("-", "_") + ".npz"
        (folder / file).write_bytes(content)
        manifest[name] = {"file": file, "sha256": hashlib.sha256(content).hexdigest()}
    text = json.dumps({"format": FORMAT, "bodies": manifest}, indent=2, sort_keys=True) + "\n"
    (folder / "open_body.json").write_text(text, encoding="utf-8")
    return {name: entry["sha256"] for name, entry in manifest.items()}
