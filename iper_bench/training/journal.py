"""The journal of a training: ``log.jsonl``, ``validation.jsonl``, pictures, and the same for TensorBoard.

Lines and pictures are those of the weights that are there: a run that goes on from step N drops the lines of
later steps first, because it trains them again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iper_bench.atomic import explain, write_bytes, write_text
from iper_bench.data.clip import Images
from iper_bench.data.image_io import encode_png
from iper_bench.training.events import Events

LOG_FILE = "log.jsonl"
VALIDATION_FILE = "validation.jsonl"
PICTURE_FOLDER = "pictures"
EVENT_FOLDER = "tensorboard"
PICTURE = "step-{:07d}.png"
_PICTURE_PATTERN = re.compile(r"step-(\d{7,})\.png")
#: what a journal makes in a training folder
OWN_NAMES = (LOG_FILE, VALIDATION_FILE, PICTURE_FOLDER, EVENT_FOLDER)


class Journal:
    """Writes what happened. One process of a training has one; the others none.

    Parameters
    ----------
    folder: training folder. step: number of finished steps.
    sums: the unwritten sums of an earlier journal (:meth:`pending`), so that a resumed run writes the means
        of the uninterrupted one.

    Raises
    ------
    UserError when the folder cannot be written.
    """

    def __init__(self, folder: Path, step: int, sums: Mapping[str, Any] | None = None) -> None:
        self._folder = folder
        forget_after(folder, step)
        self._events = Events(folder / EVENT_FOLDER, step)
        self._sums: dict[str, float] = dict(sums["sums"]) if sums else {}
        self._count = int(sums["count"]) if sums else 0

    def add(self, terms: Mapping[str, float]) -> None:
        """Add one step's terms to the means of the next line."""
        self._count += 1
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def pending(self) -> dict[str, Any]:
        """What was added since the last line, for the saved state."""
        return {"sums": dict(self._sums), "count": self._count}

    def write(self, step: int, rate: float, seconds: float) -> None:
        """Append the means since the last line, with the rate and the seconds since this start."""
        means = {name: round(value / max(1, self._count), 6) for name, value in self._sums.items()}
        self._append(LOG_FILE, {"step": step, "rate": rate, "seconds": round(seconds, 2), **means})
        self._events.scalars(step, {"rate": rate, **{f"train/{k}": v for k, v in means.items()}})
        self._sums, self._count = {}, 0

    def validation(self, step: int, scores: Mapping[str, float], notes: Mapping[str, Any]) -> None:
        """Append validation scores; ``notes`` say what they are (profile, clips)."""
        told = {k: round(v, 6) if math.isfinite(v) else None for k, v in scores.items()}
        self._append(VALIDATION_FILE, {"step": step, **told, **notes})
        self._events.scalars(step, {f"validation/{k}": v for k, v in scores.items()})

    def picture(self, step: int, name: str, image: Images) -> None:
        """Write an RGB picture (H, W, 3) as ``pictures/NAME/step-N.png`` and into TensorBoard's file."""
        write_bytes(self._folder / PICTURE_FOLDER / name / PICTURE.format(step), encode_png(image))
        self._events.image(step, name, image)

    def close(self) -> None:
        """Close TensorBoard's file."""
        self._events.close()

    def _append(self, name: str, line: Mapping[str, Any]) -> None:
        path = self._folder / name
        try:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, allow_nan=False) + "\n")
        except OSError as error:
            raise explain(error, str(path)) from error


def forget_after(folder: Path, step: int) -> None:
    """Drop lines and pictures of later steps, and a last line that was cut off. Raises UserError when they
    cannot be written.
    """
    for name in (LOG_FILE, VALIDATION_FILE):
        path = folder / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
            kept = [line for line in lines if _step_of(line) is not None and (_step_of(line) or 0) <= step]
            if len(kept) < len(lines):
                write_text(path, "".join(kept))
    for picture in (folder / PICTURE_FOLDER).glob("*/step-*.png"):
        found = _PICTURE_PATTERN.fullmatch(picture.name)
        if found and int(found[1]) > step:
            picture.unlink(missing_ok=True)


def _step_of(line: str) -> int | None:
    try:
        content = json.loads(line)
        return int(content["step"]) if line.endswith("\n") else None
    except (ValueError, KeyError, TypeError):
        return None
