"""What the official release keeps in files beside a licensed SMPL file: UV layout and part lists.

Looked for in the folder that ``IPER_BENCH_SMPL_FOLDER`` names, else beside the SMPL file, by their released
names (iPERCore, assets/configs/pose3d):

=======================  =========================================================================
file                     what it gives
=======================  =========================================================================
mapper_uv.txt            the UV layout; without it the one file ``smpl_uv*.obj``
mapper_fim_enc.txt       the second face list, mirrored triangles reversed; its UV when it is alone
smpl_part_info.json      part lists
head.json                faces of head and upper neck
front_body.json          faces of torso and face that look forward
front_facial.json        the large facial list, where ``smpl_part_info.json`` is absent
=======================  =========================================================================

Each is optional. What is absent is derived (:mod:`iper_bench.body.uv_layout`,
:mod:`iper_bench.body.parts`).
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from iper_bench.body.model import UVSource
from iper_bench.body.parts import FACIAL_LARGE, FACIAL_SMALL, PART_JOINTS, FaceLists
from iper_bench.body.uv_file import face_uv_of, match_faces, read_uv_file
from iper_bench.body.uv_layout import derive_layout
from iper_bench.errors import UserError
from iper_bench.plain_pickle import read_limited

VARIABLE = "IPER_BENCH_SMPL_FOLDER"
LAYOUT, SECOND = "mapper_uv.txt", "mapper_fim_enc.txt"
OTHER_LAYOUTS = "smpl_uv*.obj"
PARTS, HEAD, FRONT, FACIAL = "smpl_part_info.json", "head.json", "front_body.json", "front_facial.json"

LARGEST_LIST = 1 << 26  # bytes; the released lists have under 1 MB


class Layout(NamedTuple):
    """UV of a body. ``face_uv`` (F, 3, 2) goes with the body's own faces; ``obj_faces`` (F, 3) and
    ``obj_face_uv`` (F, 3, 2) are the second list, the same faces in the same order with some reversed, or
    ``None``. ``source`` is "file" or "derived"; ``digests`` are the sha256 of the files read.
    """

    source: UVSource
    face_uv: Tensor
    obj_faces: Tensor | None
    obj_face_uv: Tensor | None
    digests: tuple[str, ...]


def companion_folder(path: Path, folder: Path | None = None) -> Path:
    """Where the companions of the SMPL file ``path`` lie: ``folder``, else the one the environment names,
    else its own. Raises UserError when a named one is no folder.
    """
    named = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        return path.parent
    if not named.is_dir():
        where = str(named) if folder is not None else f"{VARIABLE}={named}"
        raise UserError("no such folder", where=where, expected=f"a folder with {LAYOUT}")
    return named


def find_layout(folder: Path) -> tuple[Path | None, Path | None]:
    """The files of the layout and of the second face list. Raises UserError for several other layouts."""
    second = folder / SECOND if (folder / SECOND).is_file() else None
    if (folder / LAYOUT).is_file():
        return folder / LAYOUT, second
    others = sorted(folder.glob(OTHER_LAYOUTS))
    if len(others) > 1 and second is None:
        raise UserError(
            f"several UV layouts: {', '.join(path.name for path in others[:3])}",
            where=str(folder),
            expected=f"one, or {LAYOUT}",
        )
    return (others[0] if len(others) == 1 else second), second


def read_layout(folder: Path, template: Tensor, faces: Tensor, parts: dict[str, Tensor]) -> Layout:
    """The layout of a body (``template`` (V, 3), ``faces`` (F, 3)) from files in ``folder``, else derived.

    Raises UserError for a file that cannot be read or belongs to another mesh.
    """
    path, second_path = find_layout(folder)
    if path is None:
        return Layout("derived", derive_layout(template, faces, parts), None, None, ())
    first = read_uv_file(path, len(template))
    face_uv = face_uv_of(first, faces, path)
    if second_path is None:
        return Layout("file", face_uv, None, None, (first.sha256,))
    second = first if second_path == path else read_uv_file(second_path, len(template))
    order = match_faces(second, faces, second_path)
    digests = tuple(dict.fromkeys((first.sha256, second.sha256)))
    return Layout("file", face_uv, second.corners[order], second.uv[order], digests)


def read_face_lists(folder: Path, derived: FaceLists, face_count: int) -> tuple[FaceLists, tuple[str, ...]]:
    """Part lists from the files in ``folder``, ``derived`` ones where a file is absent, and the sha256 of the
    files read.

    Raises UserError for a file that holds no face lists, or lists of another mesh.
    """
    digests: list[str] = []

    def read(name: str) -> dict[str, Tensor] | None:
        if not (folder / name).is_file():
            return None
        lists, digest = _read_lists(folder / name, face_count)
        digests.append(digest)
        return lists

    parts = dict(derived.parts)
    official, facial = read(PARTS), read(FACIAL)
    if official is not None:
        parts = _partition(official, face_count, folder / PARTS)
    elif facial is not None:
        parts[FACIAL_LARGE] = _union(facial)
        parts[FACIAL_SMALL] = _shared(parts[FACIAL_SMALL], parts[FACIAL_LARGE])
    head, front = read(HEAD), read(FRONT)
    lists = FaceLists(
        parts,
        derived.head_faces if head is None else _union(head),
        derived.front_faces if front is None else _union(front),
    )
    return lists, tuple(digests)


def _read_lists(path: Path, face_count: int) -> tuple[dict[str, Tensor], str]:
    """Sorted face ids by entry. A file of one list holds its ``face`` entry at the top."""
    raw = read_limited(path, LARGEST_LIST)
    try:
        content: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UserError("not JSON", where=str(path), expected="entries with 'face' ids") from error
    if isinstance(content, dict) and isinstance(content.get("face"), list):
        content = {path.stem: content}
    if not isinstance(content, dict) or not content:
        raise UserError("no part list in this file", where=str(path), expected="entries with 'face' ids")
    return {
        str(name): _ids(entry, face_count, f"{path}, entry '{name}'") for name, entry in content.items()
    }, hashlib.sha256(raw).hexdigest()


def _ids(entry: Any, face_count: int, where: str) -> Tensor:
    ids = entry.get("face") if isinstance(entry, dict) else None
    if not isinstance(ids, list) or not all(type(number) is int for number in ids):
        raise UserError("no list of face ids", where=where, expected="'face': [whole numbers]")
    if ids and (min(ids) < 0 or max(ids) >= face_count):
        wrong = min(ids) if min(ids) < 0 else max(ids)
        raise UserError(f"face {wrong}", where=where, expected=f"ids from 0 to {face_count - 1}")
    if len(set(ids)) != len(ids):
        raise UserError("a face is listed twice", where=where, expected="every id once")
    return torch.tensor(sorted(ids), dtype=torch.int64)


def _partition(lists: dict[str, Tensor], face_count: int, path: Path) -> dict[str, Tensor]:
    """The twelve parts in order, checked: ten that partition the faces, small face in large face in head."""
    names = [*PART_JOINTS, FACIAL_LARGE, FACIAL_SMALL]
    missing = [name for name in names if name not in lists]
    if missing:
        raise UserError(f"parts are missing: {', '.join(missing)}", where=str(path), expected="the 12 parts")
    times = torch.bincount(torch.cat([lists[name] for name in PART_JOINTS]), minlength=face_count)
    if not bool((times == 1).all()):
        raise UserError(
            f"{int((times != 1).sum())} of {face_count} faces lie in none or in several of the ten parts",
            where=str(path),
            expected=f"{names[0]} to {names[9]} to hold every face once",
        )
    for inner, outer in ((FACIAL_SMALL, FACIAL_LARGE), (FACIAL_LARGE, names[0])):
        if len(_shared(lists[inner], lists[outer])) != len(lists[inner]):
            raise UserError(f"'{inner}' is not inside '{outer}'", where=str(path), expected="a subset of it")
    return {name: lists[name] for name in names}


def _union(lists: dict[str, Tensor]) -> Tensor:
    return torch.unique(torch.cat(list(lists.values())))


def _shared(ids: Tensor, others: Tensor) -> Tensor:
    return ids[torch.isin(ids, others)]
