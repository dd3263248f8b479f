"""UV layouts of a body as text files: ``mapper_uv.txt``, ``mapper_fim_enc.txt`` and other OBJ files.

From: the released assets/configs/pose3d of iPERCore: lines ``v x y z``, ``vt u v`` and ``f a/b/a``, ids from
1. Positions and normals are not used. Every other kind of line is passed over, as OBJ readers do.
Differs: faces are matched to the body's by their vertices, so that another order of faces or another first
corner is read right.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from iper_bench.errors import UserError

LARGEST_FILE = 64 * 2**20  # bytes; the released files have under 1 MB
_FORM = "lines 'v x y z', 'vt u v' and 'f a/b/a' with ids from 1"


class UVFile(NamedTuple):
    """One file: ``sha256``; ``corners`` (F, 3) vertex ids from 0 and ``uv`` (F, 3, 2) in [0, 1], v up, both
    in the file's own order.
    """

    sha256: str
    corners: Tensor
    uv: Tensor


def read_uv_file(path: Path, vertex_count: int) -> UVFile:
    """Read a layout for a body of ``vertex_count`` vertices.

    Raises
    ------
    UserError when the file is missing or not text, and for a line that cannot be read: negative or unknown
    ids, values that are not finite or outside [0, 1], faces that are no triangles or have no UV.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError("too large for a UV layout", where=str(path), expected=_FORM)
        content = path.read_bytes()
        text = content.decode("utf-8")
    except OSError as error:
        raise UserError(f"cannot read the UV layout ({error.strerror})", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise UserError("not a text file", where=str(path), expected=_FORM) from error
    positions = 0
    points: list[tuple[float, float]] = []
    faces: list[list[tuple[int, int]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        kind, *words = line.split() or [""]
        where = f"{path}, line {number}"
        if kind == "v":
            positions += 1
        elif kind == "vt":
            points.append(_point(words, where))
        elif kind == "f":
            faces.append(_face(words, where))
    if positions not in (0, vertex_count):
        raise UserError(f"{positions} vertices", where=str(path), expected=f"the body's {vertex_count}")
    if not points or not faces:
        raise UserError("no UV layout in this file", where=str(path), expected=_FORM)
    table = torch.tensor(faces, dtype=torch.int64)  # (F, 3, 2) of (vertex, UV)
    for ids, count, what in ((table[..., 0], vertex_count, "vertex"), (table[..., 1], len(points), "vt")):
        if int(ids.max()) > count:
            raise UserError(
                f"a face names {what} {int(ids.max())}", where=str(path), expected=f"ids from 1 to {count}"
            )
    uv = torch.tensor(points, dtype=torch.float32)[table[..., 1] - 1]
    return UVFile(hashlib.sha256(content).hexdigest(), table[..., 0] - 1, uv)


def _point(words: list[str], where: str) -> tuple[float, float]:
    try:
        u, v = float(words[0]), float(words[1])
    except (IndexError, ValueError) as error:
        raise UserError(
            f"cannot read 'vt {' '.join(words)[:60]}'", where=where, expected="two numbers"
        ) from error
    if not (0.0 <= u <= 1.0 and 0.0 <= v <= 1.0):  # false for NaN too
        raise UserError(f"UV coordinate ({u}, {v})", where=where, expected="finite values from 0 to 1")
    return u, v


def _face(words: list[str], where: str) -> list[tuple[int, int]]:
    if len(words) != 3:
        raise UserError(f"a face with {len(words)} corners", where=where, expected="triangles")
    corners = []
    for word in words:
        vertex, _, rest = word.partition("/")
        uv = rest.partition("/")[0]
        try:
            pair = int(vertex), int(uv)
        except ValueError as error:
            raise UserError(
                f"cannot read corner '{word[:40]}'", where=where, expected="a/b or a/b/c"
            ) from error
        if min(pair) < 1:
            kind = "negative (relative)" if min(pair) < 0 else "zero"
            raise UserError(f"{kind} id in corner '{word[:40]}'", where=where, expected="ids from 1")
        corners.append(pair)
    return corners


def match_faces(file: UVFile, faces: Tensor, path: Path) -> Tensor:
    """(F,) which face of the file is which face (F, 3) of the body, whatever corner it starts with and which
    way it runs.

    Raises
    ------
    UserError when the triangles are not the body's.
    """
    if len(file.corners) != len(faces):
        raise UserError(f"{len(file.corners)} faces", where=str(path), expected=f"the body's {len(faces)}")
    theirs, ours = (_in_order(triangles) for triangles in (file.corners, faces))
    same = (file.corners[theirs].sort(1).values == faces[ours].sort(1).values).all(1)
    if not bool(same.all()):
        raise UserError(
            f"{int((~same).sum())} faces are not the body's",
            where=str(path),
            expected="a layout of the same mesh",
        )
    order = torch.empty_like(theirs)
    order[ours] = theirs
    return order


def _in_order(faces: Tensor) -> Tensor:
    """(F,) faces sorted by their sorted vertex ids."""
    ids = faces.sort(1).values
    order = torch.arange(len(ids))
    for column in (2, 1, 0):
        order = order[torch.sort(ids[order, column], stable=True).indices]
    return order


def face_uv_of(file: UVFile, faces: Tensor, path: Path) -> Tensor:
    """(F, 3, 2) float32 UV of the corners of ``faces`` (F, 3), in the body's order. Raises UserError as
    :func:`match_faces`.
    """
    order = match_faces(file, faces, path)
    corners, uv = file.corners[order], file.uv[order]
    place = (faces[:, :, None] == corners[:, None, :]).to(torch.int64).argmax(2)
    return uv.gather(1, place[..., None].expand(-1, -1, 2))
