"""Baselines: the numbers of a run as a committed JSON file, with clip values and thresholds, and reading
them back.

Format 1: ``{format, reason, fingerprints, protocols, entries}``; every entry is one measurement with
direction, passport (definition, backbone), coverage, clip values, and the absolute ``tolerance`` and
``limit`` it is guarded by. The thresholds come from ``results/tracked/thresholds.json`` when the baseline
is made and are then part of it, so that a later change of that file cannot silently change an old verdict.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from iper_bench.atomic import write_json
from iper_bench.errors import UserError
from iper_bench.report.evidence import Evidence, Measurement

FORMAT = 1
THRESHOLDS = "results/tracked/thresholds.json"
DIGITS = 6  # decimals kept of every value: far below any tolerance, and small files
_TEXT = ("dataset", "protocol", "task", "profile", "setting", "metric", "method", "definition")
_WHOLE = ("seed", "sn", "steps", "clips", "count", "total")
_NUMBERS = ("tolerance", "limit")
HINT = "iper-bench gate RUN --baseline FILE --update writes a new one"


@cache
def thresholds() -> Mapping[str, Any]:
    """Content of ``results/tracked/thresholds.json``. Raises UserError when it is damaged."""
    source = files("iper_bench.results").joinpath("tracked", "thresholds.json")
    content = _parse(source.read_text(encoding="utf-8"), THRESHOLDS)
    _check_format(content, THRESHOLDS)
    for name, entry in [("default", content.get("default")), *dict(content.get("metrics", {})).items()]:
        good = isinstance(entry, dict) and all(_is_number(entry.get(key)) for key in _NUMBERS)
        if not good or not isinstance(entry.get("relative"), bool):
            raise UserError(
                f"bad thresholds of '{name}'",
                where=THRESHOLDS,
                expected='{"tolerance": number, "limit": number, "relative": true or false}',
            )
    return content


def resolve_thresholds(metric: str, value: float | None) -> tuple[float, float]:
    """Absolute tolerance and limit of a metric whose value is ``value``; relative ones are shares of it."""
    content = thresholds()
    entry = content["metrics"].get(metric, content["default"])
    scale = abs(value or 0.0) if entry["relative"] else 1.0
    return float(entry["tolerance"]) * scale, float(entry["limit"]) * scale


def baseline_of(evidence: Evidence, *, reason: str = "") -> dict[str, Any]:
    """The baseline of one run as plain content. Metrics without a known direction cannot be guarded and
    are left out.

    Raises UserError when nothing is left.
    """
    entries = [
        _entry(m, evidence.higher_is_better[m.metric])
        for m in evidence.measurements
        if m.metric in evidence.higher_is_better
    ]
    if not entries:
        raise UserError(
            "nothing to guard: no measured metric with a known direction",
            where=", ".join(str(run.folder) for run in evidence.runs),
            expected="a run with finished units",
        )
    return {
        "format": FORMAT,
        "reason": reason,
        "fingerprints": {k: v for run in evidence.runs for k, v in sorted(run.fingerprints.items())},
        "protocols": {k: v for run in evidence.runs for k, v in sorted(run.protocols.items())},
        "entries": entries,
    }


def _entry(m: Measurement, higher_is_better: bool) -> dict[str, Any]:
    tolerance, limit = resolve_thresholds(m.metric, m.value)
    return {
        **{name: getattr(m, name) for name in (*_TEXT, *_WHOLE, "backbone", "reason")},
        "higher_is_better": higher_is_better,
        "value": _rounded(m.value),
        "low": _rounded(m.low),
        "high": _rounded(m.high),
        "tolerance": _rounded(tolerance),
        "limit": _rounded(limit),
        "clip_values": {clip: _rounded(value) for clip, value in sorted(m.clip_values.items())},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def write_baseline(content: Mapping[str, Any], path: Path) -> None:
    """Write a baseline atomically. Raises UserError when the disk refuses."""
    write_json(path, content)


def read_baseline(path: Path) -> dict[str, Any]:
    """A baseline as plain content, checked field by field.

    Raises UserError when the file is missing, not JSON, of a newer format, or an entry is incomplete
    (naming which).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError("no such baseline", where=str(path), hint=HINT) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot read the baseline: {error}", where=str(path), expected="a JSON file"
        ) from None
    content = _parse(text, str(path))
    _check_format(content, str(path))
    for name in ("fingerprints", "protocols"):
        if not isinstance(content.get(name), dict):
            raise UserError(
                f"'{name}' is missing", where=str(path), expected="an object of hashes", hint=HINT
            )
    entries = content.get("entries")
    if not isinstance(entries, list) or not entries:
        raise UserError(
            "'entries' is missing or empty", where=str(path), expected="a list of numbers", hint=HINT
        )
    for index, entry in enumerate(entries):
        _check_entry(entry, f"{path} entry {index}")
    return content


def measurement_of(entry: Mapping[str, Any]) -> Measurement:
    """The measurement that an entry of a baseline holds."""
    names = (*_TEXT, *_WHOLE, "backbone", "reason", "value", "low", "high", "clip_values")
    return Measurement(**{name: entry.get(name) for name in names})  # type: ignore[arg-type]


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UserError(f"damaged: not JSON ({error})", where=where, hint=HINT) from None
    if not isinstance(content, dict):
        raise UserError("damaged: not a JSON object", where=where, hint=HINT)
    return content


def _check_format(content: Mapping[str, Any], where: str) -> None:
    found = content.get("format")
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise UserError(
            f"no valid format number (found {found!r})", where=where, expected=f"{FORMAT}", hint=HINT
        )
    if found > FORMAT:
        raise UserError(
            f"format {found} is newer than this iper-bench reads",
            where=where,
            expected=f"format {FORMAT} or older",
            hint="pip install --upgrade iper-bench",
        )


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    )


def _is_value(value: object) -> bool:
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    )


def _check_entry(entry: object, where: str) -> None:
    if not isinstance(entry, dict):
        raise UserError("not an object", where=where, hint=HINT)
    wrong = [name for name in _TEXT if not isinstance(entry.get(name), str)]
    wrong += [n for n in _WHOLE if isinstance(entry.get(n), bool) or not isinstance(entry.get(n), int)]
    wrong += [name for name in _NUMBERS if not _is_number(entry.get(name))]
    wrong += [name for name in ("value", "low", "high") if not _is_value(entry.get(name))]
    wrong += ["higher_is_better"] if not isinstance(entry.get("higher_is_better"), bool) else []
    clips = entry.get("clip_values")
    if not isinstance(clips, dict) or not all(_is_value(v) and v is not None for v in clips.values()):
        wrong.append("clip_values")
    if wrong:
        raise UserError(f"'{wrong[0]}' is missing or of the wrong kind", where=where, hint=HINT)
