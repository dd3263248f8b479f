"""``evaluate``: any metric of any profile on frames that are there, as a table. ``iper-bench score`` measures
in the same way.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from iper_bench.data.frame_pairing import NUMBERINGS
from iper_bench.errors import UserError, unknown_name
from iper_bench.metrics.metric import Setting
from iper_bench.metrics.suite import BATCH_SIZE
from iper_bench.run.clip_scores import RESIZED, ClipScores, Measures, score_clips
from iper_bench.run.comparison import Comparison
from iper_bench.run.comparisons import FILES, Handed, compare_with_references
from iper_bench.run.environment import environment, provenance
from iper_bench.store.row import Row
from iper_bench.store.rows import WHOLE_SET

if TYPE_CHECKING:
    import pandas

PASSPORTS = "passports"
LARGEST_SIDE = 8192  # pixels, of resize
METHOD = "predictions"  # what frames are called whose method nobody named
DETECTIONS = ("reference", "prediction", "both", "frames")
COLUMNS = (
    *("profile", "metric", "clip", "value", "low", "high", "count", "total", "reason", "note"),
    *("passport", "backbone", *(f"detections_{side}" for side in DETECTIONS), RESIZED),
)
FRAME_COLUMNS = ("profile", "metric", "clip", "frame", "value", "reason", "passport")


def evaluate(
    predictions: Any,
    references: Any,
    *,
    metrics: str | Sequence[str] | None = None,
    profile: str | Sequence[str] = "offline",
    setting: Setting = "self",
    boxes: Any = None,
    reference_boxes: Any = None,
    weights_dir: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    value_range: tuple[float, float] | None = None,
    per_frame: bool = False,
    clips: Sequence[str] | None = None,
    resize: tuple[int, int] | None = None,
    partial: bool = False,
    person_detector: str | None = None,
    numbering: str | None = None,
    batch_size: int = BATCH_SIZE,
    num_workers: int = 0,
) -> pandas.DataFrame:
    """Measure predictions against references: one row per profile, metric and clip, then one per metric with
    clip ``"*"`` (mean over clips with its 95 % interval, or the value of a set metric).

    Columns and further words on each parameter: docs/score.md. ``attrs["passports"]`` of the table holds the
    complete definition of every passport.

    Parameters
    ----------
    predictions, references: (N, H, W, 3) RGB arrays or tensors (also (N, 3, H, W)), uint8 or floating; a
        folder of pictures, a video, a folder with one of these per clip; or a mapping clip -> any of these.
    metrics: names, ``"all"``, ``None`` for the profiles' defaults. profile: one name or several.
    setting: ``"self"``, reference k is the truth of prediction k; ``"cross"``, references are real frames.
    boxes, reference_boxes: body boxes (N, 4) x0, y0, x1, y1 in pixels, NaN for nobody; by clip; or a file.
    weights_dir, device, person_detector: of the networks.
    value_range: black and white of floating arrays: (0, 1), (-1, 1) or (0, 255).
    per_frame: one row per frame instead. clips: only these. numbering: ``"frames"`` or ``"positions"``.
    resize: (height, width) for all frames. partial: measure what is there, if frames or clips are missing.
    batch_size, num_workers: memory and decoding threads; they change no value.

    Raises UserError, one line, for what is not understood and for frames that are missing, surplus or of
    different sizes. A frame that cannot be read raises nothing: it is left out and named in ``note``.
    """
    chosen = _names(clips, "clips") or ()
    levels = None if value_range is None else _two(value_range, "value_range", "(black, white)")
    if numbering is not None and numbering not in NUMBERINGS:
        raise unknown_name("numbering", str(numbering), NUMBERINGS)
    handed = Handed(predictions, METHOD, setting, boxes, reference_boxes, levels, chosen, numbering, partial)
    names, listed = _names(profile, "profile") or (), _names(metrics, "metrics")
    batch, workers = _count(batch_size, "batch_size", 1), _count(num_workers, "num_workers", 0)
    folder, side = _folder(weights_dir), _size(resize)
    measures = Measures(names, listed, person_detector, folder, str(device), batch, side, workers)
    return _measured(handed, references, measures, per_frame=per_frame)


def _measured(handed: Handed, references: Any, measures: Measures, *, per_frame: bool) -> pandas.DataFrame:
    setting = cast(Setting, handed.setting)
    measures.suite(setting)  # unknown names are told before anything is read
    comparisons = compare_with_references(handed, references)
    facts = provenance(environment(measures.device, (0,)), FILES, FILES)
    scores = score_clips(comparisons, measures, setting, FILES, facts)
    return frame_table(scores, comparisons) if per_frame else clip_table(scores)


def clip_table(scores: ClipScores) -> pandas.DataFrame:
    """One row per profile, metric and clip, and ``"*"`` for what stands over all clips."""
    return _table([*map(_of_row, _clip_rows(scores.rows)), *map(_of_entry, scores.entries)], COLUMNS, scores)


def frame_table(scores: ClipScores, comparisons: Iterable[Comparison]) -> pandas.DataFrame:
    """One row per profile, metric, clip and frame, for metrics with values per frame."""
    ids = {one.clip: one for one in comparisons}
    found = []
    for row in _clip_rows(scores.rows):
        one = ids[row.clip]
        of_reference = scores.definitions[row.definition]["choices"].get("side") == "reference"
        names = one.references.frames.ids if of_reference else one.ids
        for name, value in zip(names, row.per_frame or (), strict=False):
            reason = None if value is not None else row.reason or "left out by the definition"
            cells = (row.profile, row.metric, row.clip, name, value, reason, row.definition)
            found.append(dict(zip(FRAME_COLUMNS, cells, strict=True)))
    return _table(found, FRAME_COLUMNS, scores)


def _clip_rows(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.clip != WHOLE_SET]


def _of_row(row: Row) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in ("profile", "metric", "clip", "value", "count", "total")},
        **_said(row.value, row.reason),
        "passport": row.definition,
        "backbone": row.backbone,
        **_found(row.detections),
        RESIZED: row.provenance.get(RESIZED),
    }


def _of_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: entry[name] for name in ("profile", "metric", "low", "high", "backbone")},
        "clip": WHOLE_SET,
        "value": entry["mean"],
        "count": entry["frames"],
        "total": entry["frames_total"],
        **_said(entry["mean"], entry["reason"]),
        "passport": entry["definition"],
        **_found(entry["detections"]),
    }


def _said(value: float | None, words: str | None) -> dict[str, str | None]:
    """What is said beside a value, as the reason of a missing one or as a note."""
    return {"reason": words if value is None else None, "note": None if value is None else words}


def _found(detections: Mapping[str, int] | None) -> dict[str, int | None]:
    return {f"detections_{side}": (detections or {}).get(side) for side in DETECTIONS}


def _table(
    cells: Sequence[Mapping[str, Any]], columns: Sequence[str], scores: ClipScores
) -> pandas.DataFrame:
    import pandas

    table = pandas.DataFrame(list(cells), columns=list(columns))
    for name in columns:
        if name in ("value", "low", "high"):
            table[name] = table[name].astype("float64")
        elif name in ("count", "total"):
            table[name] = table[name].astype("int64")
        elif name.startswith("detections_"):
            table[name] = table[name].astype("Int64")
        elif name != "frame":
            table[name] = table[name].astype(object).where(table[name].notna(), None)
    resized = next((row.provenance[RESIZED] for row in scores.rows if RESIZED in row.provenance), None)
    if resized is not None and RESIZED in columns:
        table[RESIZED] = resized
    table.attrs[PASSPORTS] = dict(scores.definitions)
    return table


def _names(given: str | Sequence[str] | None, field: str) -> tuple[str, ...] | None:
    """One name or several. Raises UserError for anything else."""
    if given is None:
        return None
    if not isinstance(given, Iterable):
        raise UserError(f"found {given!r}"[:80], where=field, expected="names as text")
    names = (given,) if isinstance(given, str) else tuple(given)
    wrong = next((one for one in names if not isinstance(one, str)), None)
    if wrong is not None:
        raise UserError(f"found {wrong!r}"[:80], where=field, expected="names as text")
    return names


def _folder(given: str | os.PathLike[str] | None) -> Path | None:
    if given is None or isinstance(given, str | os.PathLike):
        return None if given is None else Path(given)
    raise UserError(f"found {given!r}"[:80], where="weights_dir", expected="a folder")


def _two(given: Any, field: str, expected: str) -> tuple[Any, Any]:
    """Two numbers. Raises UserError for anything else."""
    try:
        first, second = [] if isinstance(given, str) else list(given)
        float(first), float(second)
    except (TypeError, ValueError) as error:
        raise UserError(f"found {given!r}"[:80], where=field, expected=expected) from error
    return first, second


def _count(given: Any, field: str, least: int) -> int:
    """A whole number, of numpy as well. Raises UserError for anything else and below ``least``."""
    try:
        number = operator.index(given)
    except TypeError:
        number = least - 1
    if number < least:
        raise UserError(f"found {given!r}"[:80], where=field, expected=f"a whole number from {least}")
    return number


def _size(resize: tuple[int, int] | None) -> tuple[int, int] | None:
    if resize is None:
        return None
    expected = f"(height, width) of 1 to {LARGEST_SIDE} pixels"
    height, width = (_count(side, "resize", 1) for side in _two(resize, "resize", expected))
    if max(height, width) > LARGEST_SIDE:
        raise UserError(f"found {resize!r}"[:80], where="resize", expected=expected)
    return height, width
