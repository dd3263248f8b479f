"""Baselines: the numbers of a run as a committed JSON file, with clip values and thresholds, and reading
them back.

Format 2: ``{format, reason, fingerprints, protocols, clip_actors, entries}``; every entry is one measurement
with direction, passport (definition, backbone), coverage, clip values, and the absolute ``tolerance`` and
``limit`` it is guarded by. The thresholds come from ``results/tracked/thresholds.json`` when the baseline is
made and are then part of it, so that a later change of that file cannot silently change an old verdict.
``clip_actors`` (dataset -> clip -> actor) says which clips show the same person. Format 1 lacks it: it is
read, and every clip counts as an actor of its own.
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

FORMAT = 2
THRESHOLDS_FORMAT = 1
THRESHOLDS = "results/tracked/thresholds.json"
DIGITS = 6  # decimals kept of every value: far below any tolerance, and small files
_TEXT = ("dataset", "protocol", "task", "profile", "setting", "metric", "method", "definition")
_WHOLE = ("seed", "sn", "steps", "clips", "count", "total")
_NUMBERS = ("tolerance", "limit")
HINT = 'iper-bench gate update RUN --baseline FILE --reason "why" writes a new one'


@cache
def thresholds() -> Mapping[str, Any]:
    """Content of ``results/tracked/thresholds.json``. Raises UserError when it is damaged."""
    source = files("iper_bench.results").joinpath("tracked", "thresholds.json")
    content = _parse(source.read_text(encoding="utf-8"), THRESHOLDS)
    _check_format(content, THRESHOLDS, THRESHOLDS_FORMAT)
    for name, entry in [("default", content.get("default")), *dict(content.get("metrics", {})).items()]:
        good = isinstance(entry, dict) and all(_is_number(entry.get(key)) for key in _NUMBERS)
        if not good or not isinstance(entry.get("relative"), bool) or not entry.get("reason"):
            raise UserError(
                f"bad thresholds of '{name}'",
                where=THRESHOLDS,
                expected='{"tolerance": number, "limit": number, "relative": true or false, "reason": text}',
            )
    return content


def resolve_thresholds(metric: str, value: float | None) -> tuple[float, float]:
    """Absolute tolerance and limit of a metric whose value is ``value``; relative ones are shares of it. A
    variant such as ``PSNR/pooled`` without thresholds of its own has those of the metric that it is one of.
    """
    content = thresholds()
    held = content["metrics"]
    entry = held.get(metric, held.get(metric.partition("/")[0], content["default"]))
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
        "clip_actors": _clip_actors(evidence),
        "entries": entries,
    }


def _clip_actors(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Dataset -> clip -> actor. Raises ValueError when a clip has two actors."""
    found: dict[str, dict[str, str]] = {}
    for m in evidence.measurements:
        held = found.setdefault(m.dataset, {})
        for clip, actor in m.clip_actors.items():
            if held.setdefault(clip, actor) != actor:
                raise ValueError(f"clip {clip} of {m.dataset} shows {held[clip]} and {actor}")
    return {name: dict(sorted(held.items())) for name, held in sorted(found.items())}


def with_actors(content: Mapping[str, Any], actors: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A baseline of any readable format as format 2, with the actors of its clips and no value changed.

    ``actors``: dataset -> clip -> actor, at least those of the baseline's clips. Raises UserError naming a
    clip that has none.
    """
    clips = {(entry["dataset"], clip) for entry in content["entries"] for clip in entry["clip_values"]}
    held: dict[str, dict[str, str]] = {}
    for dataset, clip in sorted(clips):
        if clip not in actors.get(dataset, {}):
            raise UserError(f"no actor known of clip '{clip}'", where=dataset, expected="one per clip")
        held.setdefault(dataset, {})[clip] = actors[dataset][clip]
    entries = [{"seeds": [entry["seed"]], **entry} for entry in content["entries"]]
    return {**content, "format": FORMAT, "clip_actors": held, "entries": entries}


def _entry(m: Measurement, higher_is_better: bool) -> dict[str, Any]:
    tolerance, limit = resolve_thresholds(m.metric, m.value)
    return {
        **{name: getattr(m, name) for name in (*_TEXT, *_WHOLE, "backbone", "reason")},
        "seeds": list(m.seeds),
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
    _check_format(content, str(path), FORMAT)
    for name in ("fingerprints", "protocols"):
        if not isinstance(content.get(name), dict):
            raise UserError(
                f"'{name}' is missing", where=str(path), expected="an object of hashes", hint=HINT
            )
    if content["format"] > 1:
        _check_actors(content.get("clip_actors"), str(path))
    entries = content.get("entries")
    if not isinstance(entries, list) or not entries:
        raise UserError(
            "'entries' is missing or empty", where=str(path), expected="a list of numbers", hint=HINT
        )
    for index, entry in enumerate(entries):
        _check_entry(entry, f"{path} entry {index}")
    held: dict[object, int] = {}
    for index, m in enumerate(measurements_of(content)):
        first = held.setdefault(m.key, index)
        if first != index:
            raise UserError(
                f"entries {first} and {index} are the same number, {m.title}",
                where=str(path),
                expected="each number once",
                hint=HINT,
            )
    return content


def measurements_of(content: Mapping[str, Any]) -> list[Measurement]:
    """What the entries of a baseline measured, in their order."""
    return [_measurement(entry, content.get("clip_actors", {})) for entry in content["entries"]]


def _measurement(entry: Mapping[str, Any], actors: Mapping[str, Mapping[str, str]]) -> Measurement:
    names = (*_TEXT, *_WHOLE, "backbone", "reason", "value", "low", "high", "clip_values")
    known = actors.get(entry["dataset"], {})
    return Measurement(
        **{name: entry.get(name) for name in names},  # type: ignore[arg-type]
        seeds=tuple(entry.get("seeds", ())),
        clip_actors={clip: known[clip] for clip in entry["clip_values"] if clip in known},
    )


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UserError(f"damaged: not JSON ({error})", where=where, hint=HINT) from None
    if not isinstance(content, dict):
        raise UserError("damaged: not a JSON object", where=where, hint=HINT)
    return content


def _check_format(content: Mapping[str, Any], where: str, newest: int) -> None:
    found = content.get("format")
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise UserError(
            f"no valid format number (found {found!r})", where=where, expected=f"{newest}", hint=HINT
        )
    if found > newest:
        raise UserError(
            f"format {found} is newer than this iper-bench reads",
            where=where,
            expected=f"format {newest} or older",
            hint="pip install --upgrade iper-bench",
        )


def _check_actors(actors: object, where: str) -> None:
    good = isinstance(actors, dict) and all(
        isinstance(held, dict) and all(isinstance(actor, str) and actor for actor in held.values())
        for held in actors.values()
    )
    if not good:
        raise UserError(
            "'clip_actors' is missing or of the wrong kind",
            where=where,
            expected="an object: dataset -> clip -> actor",
            hint=HINT,
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
    seeds = entry.get("seeds", [])
    if not isinstance(seeds, list) or any(isinstance(s, bool) or not isinstance(s, int) for s in seeds):
        wrong.append("seeds")
    clips = entry.get("clip_values")
    if not isinstance(clips, dict) or not all(_is_value(v) and v is not None for v in clips.values()):
        wrong.append("clip_values")
    if wrong:
        raise UserError(f"'{wrong[0]}' is missing or of the wrong kind", where=where, hint=HINT)
