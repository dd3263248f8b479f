"""``PartErrors``: how far the predictions of one unit are off on every part of the body; ``parts/<unit
id>.json`` of a run folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.atomic import write_json
from iper_bench.errors import UserError
from iper_bench.store.format import FORMAT, check_format
from iper_bench.store.frame_facts import numbers, read_json
from iper_bench.store.storing import storing

FOLDER = "parts"
#: parts of the body as this file and a report name them, in order
BODY_PARTS = (
    "head",
    "torso",
    *(
        f"{side}_{part}"
        for part in ("upper_arm", "forearm", "hand", "thigh", "shank", "foot")
        for side in ("left", "right")
    ),
)
BACKGROUND = "background"
PARTS = (BACKGROUND, *BODY_PARTS)
_DIGITS = 3  # of an error of 0 to 255: finer than any picture shows


@dataclass(frozen=True)
class PartErrors:
    """Errors of one unit.

    Attributes
    ----------
    errors: part of :data:`PARTS` -> one value per target frame: mean absolute difference between prediction
        and truth over the pixels of the truth that show the part, all three channels, 0 to 255; ``None``
        where the frame shows too little of it.
    """

    errors: Mapping[str, Sequence[float | None]]


def path_of(folder: Path, unit: str) -> Path:
    """Where the errors of a unit lie in a run folder."""
    return folder / FOLDER / f"{unit}.json"


def write_part_errors(folder: Path, unit: str, head: Mapping[str, Any], errors: PartErrors) -> None:
    """Write the errors of a unit, whole or not at all. ``head``: the unit for people.

    Raises StoreError when the disk refuses, ValueError when a part is missing or the lengths differ.
    """
    lengths = {len(errors.errors[part]) for part in PARTS if part in errors.errors}
    if set(errors.errors) != set(PARTS) or len(lengths) != 1:
        raise ValueError(
            f"parts {sorted(errors.errors)} of {sorted(lengths)} frames; expected {PARTS}, one length"
        )
    rounded = {
        part: [None if one is None else round(float(one), _DIGITS) for one in errors.errors[part]]
        for part in PARTS
    }
    path = path_of(folder, unit)
    with storing(path):
        write_json(path, {"format": FORMAT, "unit": dict(head), "errors": rounded})


def read_part_errors(folder: Path, unit: str) -> PartErrors | None:
    """The errors of a unit; ``None`` where there are none (no paired truth, or an older run).

    Raises UserError for a damaged file or one of a newer format.
    """
    path = path_of(folder, unit)
    content = read_json(path)
    if content is None:
        return None
    check_format(content, str(path))
    found = content.get("errors")
    if not isinstance(found, dict) or set(found) != set(PARTS):
        raise UserError("damaged: not the errors of every part", where=str(path), hint="delete it")
    read = {part: numbers(found[part], path, part) for part in PARTS}
    if len({len(values) for values in read.values()}) != 1:
        raise UserError("damaged: parts of several lengths", where=str(path), hint="delete it")
    return PartErrors(read)
