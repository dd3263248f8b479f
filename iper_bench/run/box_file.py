"""Body boxes of frames from a file: CSV or JSON with clip, frame, x0, y0, x1, y1.

CSV has these names in its first line; JSON is a list of objects with these keys. A frame that is not listed
shows nobody.
"""

from __future__ import annotations

import csv
import io
import json
import math
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.data.frame_name import Id, printable
from iper_bench.errors import UserError, unknown_name
from iper_bench.run.comparison import Boxes, listed

CORNERS = ("x0", "y0", "x1", "y1")
FIELDS = ("clip", "frame", *CORNERS)
MOST_BYTES = 1 << 28
_FORM = f"CSV with the first line {','.join(FIELDS)}, or a JSON list of objects with these keys"

Listed = dict[str, dict[str, tuple[str, tuple[float, float, float, float]]]]


class BoxFile:
    """The boxes of a file by clip and frame. Raises UserError naming line and field of what is wrong."""

    def __init__(self, path: Path) -> None:
        self._where = printable(str(path))
        self._boxes: Listed = {}
        text = _text(path, self._where)
        entries = self._json(text) if text.lstrip()[:1] in ("[", "{") else self._csv(text)
        for where, entry in entries:
            clip, frame = str(entry["clip"]), _frame(entry["frame"])
            frames = self._boxes.setdefault(clip, {})
            if frame in frames:
                raise UserError(
                    f"clip '{printable(clip)}', frame {frame} stands at {frames[frame][0]} already",
                    where=f"{self._where}, {where}",
                    expected="one box per frame",
                )
            frames[frame] = (where, self._corners(entry, where))

    def require_clips(self, names: Sequence[str]) -> None:
        """Raise UserError for a box of a clip that is not among ``names``."""
        for clip, frames in self._boxes.items():
            if clip not in names:
                where = next(iter(frames.values()))[0]
                raise unknown_name(
                    "clip", printable(clip), names, where=f"{self._where}, {where}, field 'clip'"
                )

    def of(self, clip: str, ids: Sequence[Id]) -> Boxes:
        """Boxes (len(ids), 4) of the frames of a clip, NaN where none is listed. Raises UserError for a frame
        that the clip does not have.
        """
        frames = self._boxes.get(clip, {})
        places = {str(one): place for place, one in enumerate(ids)}
        found = np.full((len(ids), 4), np.nan)
        for frame, (where, box) in frames.items():
            if frame not in places:
                raise UserError(
                    f"clip '{printable(clip)}' has no frame {printable(frame)}",
                    where=f"{self._where}, {where}, field 'frame'",
                    expected=f"one of {listed(list(ids))}",
                )
            found[places[frame]] = box
        return found

    def _csv(self, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            head = [name.strip() for name in next(lines, [])]
            self._require_fields(head, "line 1", exactly=True)
            for cells in lines:
                where = f"line {lines.line_num}"
                if not cells:
                    continue
                if len(cells) != len(head):
                    raise UserError(
                        f"{len(cells)} fields",
                        where=f"{self._where}, {where}",
                        expected=f"{len(head)}: {','.join(head)}",
                    )
                yield where, dict(zip(head, (cell.strip() for cell in cells), strict=True))
        except csv.Error as error:
            where = f"{self._where}, line {lines.line_num}"
            raise UserError(f"cannot be read: {error}", where=where, expected=_FORM) from error

    def _json(self, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            where = f"{self._where}, line {error.lineno}"
            raise UserError(f"not JSON: {error.msg}", where=where, expected=_FORM) from error
        except (ValueError, RecursionError) as error:
            raise UserError("cannot be read as JSON", where=self._where, expected=_FORM) from error
        if not isinstance(content, list):
            raise UserError("not a list", where=self._where, expected=_FORM)
        for number, entry in enumerate(content, start=1):
            where = f"entry {number}"
            if not isinstance(entry, dict):
                raise UserError(
                    f"found {type(entry).__name__}", where=f"{self._where}, {where}", expected=_FORM
                )
            self._require_fields(list(entry), where, exactly=False)
            yield where, entry

    def _require_fields(self, names: Sequence[str], where: str, *, exactly: bool) -> None:
        absent = [name for name in FIELDS if name not in names]
        odd = [str(name) for name in names if name not in FIELDS or list(names).count(name) > 1]
        if absent or (exactly and odd):
            what = f"no field '{absent[0]}'" if absent else f"field '{printable(odd[0])}'"
            raise UserError(what, where=f"{self._where}, {where}", expected=_FORM)

    def _corners(self, entry: Mapping[str, Any], where: str) -> tuple[float, float, float, float]:
        found = []
        for name in CORNERS:
            value = entry[name]
            try:
                number = math.nan if isinstance(value, bool) else float(value)
            except (TypeError, ValueError, OverflowError):
                number = math.nan
            if not math.isfinite(number):
                raise UserError(
                    f"found {printable(str(value))[:40]!r}",
                    where=f"{self._where}, {where}, field '{name}'",
                    expected="a number of pixels",
                )
            found.append(number)
        x0, y0, x1, y1 = found
        for low, high, name in ((x0, x1, "x1"), (y0, y1, "y1")):
            if high <= low:
                raise UserError(
                    f"{name} is {high:g} and {name[0]}0 is {low:g}",
                    where=f"{self._where}, {where}, field '{name}'",
                    expected=f"{name} above {name[0]}0",
                )
        return x0, y0, x1, y1


def _frame(value: Any) -> str:
    """A frame as text: ``7``, ``"7"`` and ``"007"`` are one number; names of files stay names."""
    text = str(value).strip()
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) <= 18 else text


def boxes_given(given: Any, clip: str, ids: Sequence[Id], field: str, *, single: bool) -> Boxes | None:
    """The boxes of one clip from what a caller gave: ``None``, a :class:`BoxFile`, an array (N, 4), or a
    mapping clip -> array.

    Raises UserError for another shape, values that are infinite, or a mapping without the clip.
    """
    if given is None:
        return None
    if isinstance(given, BoxFile):
        return given.of(clip, ids)
    where = field
    if isinstance(given, Mapping):
        if clip not in given:
            raise UserError(
                f"no boxes of clip '{printable(clip)}'",
                where=field,
                expected="boxes of every clip; rows of NaN where nobody is seen",
            )
        given, where = given[clip], f"{field}['{printable(clip)}']"
    elif not single:
        raise UserError(
            f"found {type(given).__name__}", where=field, expected="a mapping from clips to arrays (N, 4)"
        )
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    try:
        boxes = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"found {type(given).__name__}", where=where, expected=f"numbers ({len(ids)}, 4)"
        ) from error
    if boxes.shape != (len(ids), 4):
        raise UserError(f"shape {boxes.shape}", where=where, expected=f"({len(ids)}, 4): x0, y0, x1, y1")
    if np.isinf(boxes).any():
        row = int(np.argwhere(np.isinf(boxes))[0, 0])
        raise UserError(f"row {row} is infinite", where=where, expected="pixels, NaN where nobody is seen")
    return boxes


def _text(path: Path, where: str) -> str:
    try:
        found = path.stat()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):  # a pipe would wait for ever
            raise UserError("not a regular file", where=where, expected=_FORM)
        if found.st_size > MOST_BYTES:
            raise UserError("a file of more than 256 MiB", where=where, expected=_FORM)
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError("no such file", where=where, expected=_FORM) from error
    except IsADirectoryError as error:
        raise UserError("a folder", where=where, expected=_FORM) from error
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=where, expected=_FORM) from error
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=where, expected=_FORM) from error
    if not text.strip():
        raise UserError("an empty file", where=where, expected=_FORM)
    return text
