"""Histories of guarded numbers: one JSON line per renewed baseline, with the reason, in
``history/<name>.jsonl`` beside the baseline.

Lines are only ever added. Nothing in them depends on the clock: a date stands there when one was given.

One line: ``{format, kind, reason, version, commit, changed, date, values, changes}``. ``kind``: ``baseline``
(a baseline was renewed) or ``run`` (a run was put on record). ``version``: of iper-bench when the run was
made. ``commit``: that of the folder where the run was typed, else of iper-bench, if either is known;
``changed``: whether tracked files differed from it. ``values``: name of a number -> ``{value, low, high,
definition, tolerance}``. ``changes``: name -> ``[before, now]`` of every number that moved, came (before is
null) or went.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from iper_bench.atomic import write_bytes
from iper_bench.errors import UserError
from iper_bench.report.baseline import baseline_of
from iper_bench.report.compare_side import complete_evidence
from iper_bench.store.run_folder import RunFolder

FORMAT = 1
KINDS = ("baseline", "run")
Values = Mapping[str, Mapping[str, Any]]
_VALUE = ("value", "low", "high", "definition", "tolerance")


@dataclass(frozen=True)
class Change:
    """A number whose value changed; ``None`` where it was or is not guarded, or had no value."""

    name: str
    before: float | None
    now: float | None


def history_file(baseline: Path) -> Path:
    """Where the history of the baseline file ``baseline`` stands."""
    return baseline.parent / "history" / f"{baseline.stem}.jsonl"


def name_of(entry: Mapping[str, Any]) -> str:
    """The name under which an entry of a baseline stands in a history: everything that identifies it."""
    place = f"{entry['dataset']} {entry['protocol']} {entry['task']} {entry['profile']}"
    seeds = ",".join(str(seed) for seed in entry.get("seeds") or [entry["seed"]])
    conditions = f"{entry['setting']} sn={entry['sn']} T={entry['steps']} seeds={seeds}"
    return f"{place} {conditions} {entry['metric']} {entry['method']}"


def values_of(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Name -> what a history keeps of each entry of a baseline."""
    return {name_of(entry): {key: entry[key] for key in _VALUE} for entry in content["entries"]}


def changes_between(before: Values, now: Values) -> tuple[Change, ...]:
    """Every number that has another value or definition in ``now``, came or went, sorted by name."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name, {}), now.get(name, {})
        if any(old.get(key) != new.get(key) for key in ("value", "definition")):
            found.append(Change(name, old.get("value"), new.get("value")))
    return tuple(found)


def line_of(
    values: Values,
    environment: Mapping[str, Any],
    *,
    kind: str,
    reason: str,
    date: str | None,
    changes: Sequence[Change] = (),
) -> dict[str, Any]:
    """The line about ``values`` that were measured in ``environment`` (an ``env.json``, or nothing)."""
    line: dict[str, Any] = {
        "format": FORMAT,
        "kind": kind,
        "reason": reason,
        "values": dict(values),
        "changes": {change.name: [change.before, change.now] for change in changes},
        **_origin(environment),
    }
    return line if date is None else {**line, "date": date}


def record_run(path: Path, run: Path, *, reason: str, date: str | None) -> bool:
    """Add the numbers of a finished run to a history without renewing a baseline.

    Returns as :func:`append`. Raises UserError when the run is not complete.
    """
    held = read_history(path)
    values = values_of(baseline_of(complete_evidence(run)))
    changes = changes_between(held[-1]["values"] if held else {}, values)
    environment = RunFolder.open(run).environment()
    line = line_of(values, environment, kind="run", reason=reason, date=date, changes=changes)
    return append(path, line)


def _origin(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Version and commit of the machine that worked on the run last."""
    machines = environment.get("environments") or [{}]
    version = machines[-1].get("packages", {}).get("iper-bench")
    states = machines[-1].get("git") or {}
    state = states.get("folder") or states.get("iper-bench") or {}
    found = {"version": version, "commit": state.get("commit"), "changed": state.get("changed")}
    return {key: value for key, value in found.items() if value is not None}


def append(path: Path, line: Mapping[str, Any]) -> bool:
    """Add a line at the end of a history; the whole file is written anew, or not at all.

    Returns whether it was added: a line that equals the last one but for its list of changes is there
    already. Raises UserError when the disk refuses or the history is damaged.
    """
    held = read_history(path) if path.is_file() else []
    if held and _without_changes(held[-1]) == _without_changes(line):
        return False
    before = path.read_bytes() if held else b""
    text = json.dumps(line, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(
        path, before + (b"" if before.endswith(b"\n") or not before else b"\n") + f"{text}\n".encode()
    )
    return True


def _without_changes(line: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "changes"}


def find_history(name: str) -> Path:
    """The history file that ``name`` means: a ``.jsonl`` file, the ``.json`` file of a baseline, or the name
    of a baseline that comes with the package.

    Raises UserError when there is none.
    """
    typed = Path(name)
    path = typed
    if typed.suffix == ".json":
        path = history_file(typed)
    elif typed.suffix != ".jsonl":
        folder = Path(str(resources.files("iper_bench.results"))) / "tracked"
        path = history_file(folder / f"{name}.json")
    if not path.is_file():
        raise UserError(
            "no history there",
            where=str(path),
            expected="a file that iper-bench gate update writes beside a baseline",
            hint='iper-bench gate update RUN --baseline FILE --reason "why"',
        )
    return path


def read_history(path: Path) -> list[dict[str, Any]]:
    """The lines of a history, oldest first, checked.

    Raises UserError when the file cannot be read, or naming the line that is damaged or of a newer format.
    """
    try:
        texts = path.read_text(encoding="utf-8").split("\n")  # a reason may hold other separators of lines
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the history: {error}", where=str(path)) from None
    return [_line(text, f"{path} line {number}") for number, text in enumerate(texts, 1) if text.strip()]


def _line(text: str, where: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise UserError(f"damaged: not JSON ({error})", where=where, hint="git checkout the file") from None
    if not isinstance(line, dict) or not isinstance(line.get("format"), int):
        raise UserError("no format number", where=where, expected=f'{{"format": {FORMAT}, ...}}')
    if line["format"] > FORMAT:
        raise UserError(
            f"format {line['format']} is newer than this iper-bench reads",
            where=where,
            expected=f"format {FORMAT} or older",
            hint="pip install --upgrade iper-bench",
        )
    values = line.get("values")
    good = isinstance(values, dict) and all(
        isinstance(held, dict) and "value" in held for held in values.values()
    )
    if not good or line.get("kind") not in KINDS or not isinstance(line.get("reason"), str):
        raise UserError(
            "'values', 'kind' or 'reason' is missing or of the wrong kind", where=where,
            hint="git checkout the file",
        )  # fmt: skip
    return line
