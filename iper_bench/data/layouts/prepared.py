"""``PreparedLayout``: clips as ``iper-bench data prepare`` leaves them.

:mod:`iper_bench.data.prepared_folder` writes them and says what lies where.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.data.frame_name import printable
from iper_bench.data.layouts.clip_parts import ClipParts, MatteSource, array_track
from iper_bench.data.layouts.frame_source import ListedSource, picture_names, scanned
from iper_bench.data.layouts.layout import Layout, require_utf8
from iper_bench.data.prepared_folder import (
    CLIP_MARK,
    CLIPS,
    FOLDER_MARK,
    FORMAT,
    IMAGES,
    LARGEST_RECORD,
    MASKS,
    TRACK,
)
from iper_bench.data.safe_path import inside
from iper_bench.errors import UserError
from iper_bench.plain_pickle import read_limited

FOLDER = "prepared"  # in the root of the published data
DEEPEST = 8  # parts of a clip's name


@dataclass(frozen=True)
class Prepared:
    """A prepared copy.

    Attributes
    ----------
    folder: that holds ``prepared.json``. dataset: registry name of what was prepared.
    size: side of its frames. body: name or path of the body of its tracks.
    """

    folder: Path
    dataset: str
    size: int
    body: str


class PreparedLayout(Layout):
    """The clips of a prepared copy."""

    words = "prepared"

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self._base = prepared.folder / CLIPS

    def place(self, name: str) -> Path:
        """See :class:`Layout`."""
        return inside(self._base, name, where="clip")

    def has(self, name: str) -> bool:
        """Always: what is not there is not finished, which :meth:`require_ready` says."""
        return True

    def require_ready(self, name: str, prepare: str) -> None:
        """Raise UserError unless ``clip.json`` is there."""
        folder = self.place(name)
        if not (folder / CLIP_MARK).is_file():
            raise UserError(
                "not finished: it was not prepared, or preparing it was interrupted",
                where=f"clip '{printable(name)}' in {printable(str(self.prepared.folder))}",
                expected=f"a finished clip with {CLIP_MARK}",
                hint=prepare,
            )

    def parts(self, name: str) -> ClipParts:
        """See :class:`Layout`."""
        folder = self.place(name)
        images, mark = folder / IMAGES, folder / CLIP_MARK
        return ClipParts(
            ListedSource(images, lambda: _frame_names(images, mark)),
            array_track(folder / TRACK),
            MatteSource(folder / MASKS, "{stem}.png"),
            (mark,),
        )

    def names(self) -> list[str]:
        """Folders that hold a clip, finished or not, sorted."""
        return sorted(_clips_below(self._base, ""))


def find_prepared(root: Path) -> Prepared | None:
    """The prepared copy in ``root / "prepared"``, or at ``root`` itself; ``None`` when there is none.

    Raises UserError when its ``prepared.json`` cannot be read.
    """
    for folder in (root, root / FOLDER):
        path = folder / FOLDER_MARK
        if path.is_file():
            record = _record(path)
            size, dataset, body = (record.get(key) for key in ("size", "dataset", "body"))
            good = isinstance(size, int) and not isinstance(size, bool) and 0 < size < 1 << 16
            if not good or not isinstance(size, int) or not isinstance(dataset, str):
                raise UserError(
                    "field 'size' or 'dataset' is missing or wrong", where=printable(str(path)), hint=_AGAIN
                )
            if not isinstance(body, str):
                raise UserError("field 'body' is no name", where=printable(str(path)), hint=_AGAIN)
            return Prepared(folder, dataset, size, body)
    return None


_AGAIN = "iper-bench data prepare into another folder"


def _frame_names(images: Path, mark: Path) -> tuple[str, ...]:
    """Names of the frames. Raises UserError when they are not as many as ``clip.json`` says."""
    names = tuple(sorted(picture_names(images)))
    frames = _record(mark).get("frames")
    if frames != len(names):
        raise UserError(
            f"{len(names)} frames, but {CLIP_MARK} says {printable(str(frames))}",
            where=printable(str(images)),
            expected="the frames as they were prepared",
            hint="remove the folder of this clip and type iper-bench data prepare again",
        )
    return names


def _record(path: Path) -> dict[str, Any]:
    content = read_limited(path, LARGEST_RECORD)
    try:
        record = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError("not a record of data prepare", where=printable(str(path)), hint=_AGAIN) from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise UserError(
            "not a record of data prepare, or of another version",
            where=printable(str(path)),
            expected=f"format {FORMAT}",
            hint=_AGAIN,
        )
    return record


def _clips_below(folder: Path, name: str) -> list[str]:
    if not folder.is_dir() or name.count("/") >= DEEPEST:
        return []
    entries = [entry for entry in scanned(folder) if entry.is_dir()]
    if name and (any(entry.name == IMAGES for entry in entries) or (folder / CLIP_MARK).is_file()):
        return [name]
    return [
        found
        for entry in entries
        for found in _clips_below(
            folder / entry.name, require_utf8(f"{name}/{entry.name}" if name else entry.name, folder)
        )
    ]
