"""``FrameFacts``: what is hard about every target frame of a trial, known from the bodies alone;
``facts/<trial id>.json`` of a run folder.

The facts hold for every method, so that a report can say where a method fails: from behind, far from every
source, behind its own arms.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iper_bench.atomic import write_json
from iper_bench.errors import UserError
from iper_bench.store.format import FORMAT, check_format
from iper_bench.store.storing import storing

FOLDER = "facts"
Values = Sequence[float | None]
#: facts with one value per frame, and with one per frame for every number of sources sn; in the order of the
#: fields of FrameFacts
PER_FRAME = ("view", "size", "self_occlusion")
PER_SN = ("pose_distance", "view_distance", "occlusion")
_DIGITS = 4  # a tenth of a millimetre, a ten-thousandth of a degree or share: equal on every machine


@dataclass(frozen=True)
class FrameFacts:
    """Facts of one trial, in target order.

    Attributes
    ----------
    trial: its name. frames: number of targets.
    reason: why there are no facts, else ``None``; the rest is empty then.
    view: degrees in [0, 360) of the person's heading: 0 faces the camera, 90 the left edge of the image, 180
        away; ``None`` where the body lies or bends so far that it has no clear heading.
    size: height of the projected body inside the image as a share of the image's height, 0 to 1.
    self_occlusion: share of the surface that faces the camera, by projected area, which other parts of the
        same body hide, 0 to 1.
    pose_distance: sn -> metres to the nearest of the sn sources in pose: mean over the 23 joints other than
        the root of the distance between the two bodies, both with the shape of the source person, roots laid
        on each other and headings turned alike, so that the view does not count.
    view_distance: sn -> degrees, 0 to 180, between the heading and that of the nearest of the sn sources.
    occlusion: sn -> share of the visible body, by pixels, that none of the sn sources shows, 0 to 1.
    """

    trial: str
    frames: int
    reason: str | None = None
    view: Values = ()
    size: Values = ()
    self_occlusion: Values = ()
    pose_distance: Mapping[int, Values] = field(default_factory=dict)
    view_distance: Mapping[int, Values] = field(default_factory=dict)
    occlusion: Mapping[int, Values] = field(default_factory=dict)


def path_of(folder: Path, trial_id: str) -> Path:
    """Where the facts of a trial lie in a run folder."""
    return folder / FOLDER / f"{trial_id}.json"


def write_frame_facts(folder: Path, trial_id: str, facts: FrameFacts) -> None:
    """Write the facts of a trial, whole or not at all. Raises StoreError when the disk refuses."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "trial": facts.trial,
        "trial_id": trial_id,
        "frames": facts.frames,
        "reason": facts.reason,
    }
    if facts.reason is None:
        content |= {name: _rounded(getattr(facts, name)) for name in PER_FRAME}
        for name in PER_SN:
            content[name] = {str(sn): _rounded(values) for sn, values in sorted(getattr(facts, name).items())}
    path = path_of(folder, trial_id)
    with storing(path):
        write_json(path, content)


def read_frame_facts(folder: Path, trial_id: str) -> FrameFacts | None:
    """The facts of a trial; ``None`` where a run holds none (an older one).

    Raises UserError for a damaged file or one of a newer format.
    """
    path = path_of(folder, trial_id)
    content = read_json(path)
    if content is None:
        return None
    check_format(content, str(path))
    frames, reason = content.get("frames"), content.get("reason")
    if not isinstance(frames, int) or not (reason is None or isinstance(reason, str)):
        raise _damaged(path, "'frames' or 'reason'")
    trial = str(content.get("trial", ""))
    if reason is not None:
        return FrameFacts(trial, frames, reason)
    view, size, hidden = (numbers(content.get(name), path, name, frames) for name in PER_FRAME)
    pose, turn, unseen = (_by_sn(content.get(name), path, name, frames) for name in PER_SN)
    return FrameFacts(trial, frames, None, view, size, hidden, pose, turn, unseen)


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, ``None`` where there is no file. Raises UserError when it is something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(path, "not JSON") from error
    if not isinstance(content, dict):
        raise _damaged(path, "not a JSON object")
    return content


def numbers(values: Any, path: Path, name: str, count: int | None = None) -> list[float | None]:
    """A list of finite numbers and nulls as it should stand in a file. Raises UserError naming field and
    frame where it does not.
    """
    if not isinstance(values, list) or (count is not None and len(values) != count):
        raise _damaged(
            path, f"field '{name}' is no list of {'values' if count is None else f'{count} values'}"
        )
    for frame, value in enumerate(values):
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (plain and math.isfinite(value)):
            raise _damaged(path, f"field '{name}', frame {frame} is no number")
    return [None if value is None else float(value) for value in values]


def _by_sn(found: Any, path: Path, name: str, frames: int) -> dict[int, list[float | None]]:
    if not isinstance(found, dict) or not all(key.isdecimal() for key in found):
        raise _damaged(path, f"field '{name}' is not by number of sources")
    return {int(sn): numbers(values, path, f"{name}.{sn}", frames) for sn, values in found.items()}


def _rounded(values: Values) -> list[float | None]:
    return [None if value is None else round(float(value), _DIGITS) for value in values]


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"damaged: {what}", where=str(path), hint="delete it; a report goes on without it")
