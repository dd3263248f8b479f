"""``load``: the files of run folders into tables of a DuckDB database in memory.

DuckDB parses the JSON itself, in parallel; 3.8 million values take about a second, so nothing is kept beside
the run folders.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iper_bench.errors import UserError
from iper_bench.store.format import FORMAT, check_format
from iper_bench.store.plan_file import plan_hash
from iper_bench.store.planned import PlannedUnit, planned_units
from iper_bench.store.prediction_video import SUFFIX
from iper_bench.store.query_views import (
    AGGREGATES,
    FACTS,
    FAILURES,
    FRAMES,
    PARTS,
    ROWS,
    RUNS,
    TIMINGS,
    UNITS,
    VIEWS,
    View,
)
from iper_bench.store.run_folder import RunFolder

if TYPE_CHECKING:
    import duckdb

#: rows with the list of their values per frame: what ``rows`` and ``frames`` show
STORED_ROWS = "_rows"
_AT_ONCE = 1 << 26  # bytes of files that are parsed at once
_WHOLE_AGAIN = "delete it and type the same iper-bench run again"
_ROW = {
    **{column.name: column.type for column in ROWS.columns if column.name != "run"},
    "per_frame": "DOUBLE[]",
}
_HEAD = {"name": "VARCHAR", "method": "VARCHAR", "trial": "VARCHAR", "sn": "INTEGER", "steps": "INTEGER"}
_HEAD |= {"seed": "BIGINT"}
_FIRST, _HEAD_OF_FILE = '"definitions": ', 4096  # characters that hold the definitions of a unit
_OF_HEAD = ("method", "trial", "sn", "steps", "seed")


def create_tables(database: duckdb.DuckDBPyConnection) -> None:
    """All views, empty."""
    database.execute(f"CREATE TABLE {STORED_ROWS} ({ROWS.definition()}, per_frame DOUBLE[])")
    names = ", ".join(ROWS.names())
    database.execute(f"CREATE VIEW rows AS SELECT {names} FROM {STORED_ROWS}")
    same = ", ".join(name for name in FRAMES.names() if name not in ("frame", "value", "counts"))
    database.execute(
        f"CREATE VIEW frames AS SELECT {same}, frame, value, "
        "value IS NOT NULL AND (pairs IS NULL OR frame < pairs) AS counts FROM ("
        f"SELECT {same}, pairs, unnest(range(len(per_frame)))::INTEGER AS frame, unnest(per_frame) AS value "
        f"FROM {STORED_ROWS})"
    )
    for view in VIEWS.values():
        if view not in (ROWS, FRAMES):
            database.execute(f"CREATE TABLE {view.name} ({view.definition()})")


def load(database: duckdb.DuckDBPyConnection, paths: Sequence[Path], views: Collection[str]) -> None:
    """Fill the views of these names (others stay empty) from the runs ``paths``.

    Raises UserError for a folder that is no run, a damaged file, or one of another format.
    """
    for path in paths:
        folder = RunFolder.open(path)
        for view, fill in _FILLING.items():
            if view in views or (view == ROWS.name and FRAMES.name in views):
                fill(database, folder)


# ---------------------------------------------------------------------- what DuckDB reads itself


def _fill_rows(database: duckdb.DuckDBPyConnection, folder: RunFolder) -> None:
    run = str(folder.path)
    taken = ", ".join(_taken(name) for name in (*ROWS.names()[1:], "per_frame"))
    insert = f"INSERT INTO {STORED_ROWS} SELECT ? AS run, {taken} FROM (SELECT unnest(rows) AS r FROM _read"
    wanted = "list_sort(map_entries(CAST(?::JSON AS MAP(VARCHAR, VARCHAR))))"
    # rows that were measured by other definitions are stale; pooled ones are written by the plan's
    own = f" WHERE list_sort(map_entries(definitions)) = {wanted})"
    fields: dict[str, Any] = {"definitions": "MAP(VARCHAR, VARCHAR)", "rows": [_ROW]}
    for _ in _read(database, _json_files(folder.path / "units"), fields):
        database.execute(insert + own, [run, json.dumps(folder.plan_definitions())])
    for _ in _read(database, _single(folder, "pooled.json"), {"rows": [_ROW]}):
        database.execute(f"{insert})", [run])
    lacking = database.execute(
        f"SELECT unit FROM {STORED_ROWS} WHERE run = ? AND (unit IS NULL OR metric IS NULL OR method IS NULL)"
        " LIMIT 1",
        [run],
    ).fetchone()
    if lacking is not None:
        raise UserError("damaged rows", where=f"{run}/units", expected="rows with unit, method and metric")


def _taken(name: str) -> str:
    """A field of a row; the last ones of ``Row`` may be absent from a file and have defaults."""
    defaults = {"average": "'frames'", "actor": "''", "place": "0"}
    return f'coalesce(r."{name}", {defaults[name]})' if name in defaults else f'r."{name}"'


def _fill_aggregates(database: duckdb.DuckDBPyConnection, folder: RunFolder) -> None:
    fields = {column.name: column.type for column in AGGREGATES.columns[1:]}
    names = ", ".join(f'e."{name}"' for name in fields)
    for _ in _read(database, _single(folder, "aggregates.json"), {"entries": [fields]}):
        database.execute(
            f"INSERT INTO aggregates SELECT ?, {names} FROM (SELECT unnest(entries) AS e FROM _read)",
            [str(folder.path)],
        )


def _fill_failures(database: duckdb.DuckDBPyConnection, folder: RunFolder) -> None:
    fields = {"unit": _HEAD, "reason": "VARCHAR", "details": "VARCHAR"}
    names = ", ".join(f"unit.{name}" for name in ("name", *_OF_HEAD))
    for _ in _read(database, _json_files(folder.path / "failures"), fields):
        database.execute(
            f"INSERT INTO failures SELECT ?, parse_filename(filename, true), {names}, reason, details "
            "FROM _read",
            [str(folder.path)],
        )


def _fill_facts(database: duckdb.DuckDBPyConnection, folder: RunFolder) -> None:
    single, by_sn = ("view", "size", "self_occlusion"), ("pose_distance", "view_distance", "occlusion")
    fields = {"trial": "VARCHAR", "trial_id": "VARCHAR", "frames": "BIGINT"}
    fields |= dict.fromkeys(single, "DOUBLE[]") | dict.fromkeys(by_sn, "MAP(VARCHAR, DOUBLE[])")
    lists = [f'unnest("{name}")' for name in single]
    lists += [f'unnest(map_extract("{name}", sn)[1])' for name in by_sn]
    for _ in _read(database, _json_files(folder.path / "facts"), fields):
        database.execute(
            "INSERT INTO facts SELECT ?, trial_id, trial, sn::INTEGER, unnest(range(frames))::INTEGER, "
            f"{', '.join(lists)} FROM (SELECT *, unnest(map_keys(pose_distance)) AS sn FROM _read)",
            [str(folder.path)],
        )


def _fill_parts(database: duckdb.DuckDBPyConnection, folder: RunFolder) -> None:
    fields: dict[str, Any] = {"unit": _HEAD, "errors": "MAP(VARCHAR, DOUBLE[])"}
    of_head = ", ".join(f"unit.{name} AS {name}" for name in _OF_HEAD)
    for _ in _read(database, _json_files(folder.path / "parts"), fields):
        database.execute(
            f"INSERT INTO parts SELECT ?, id, {', '.join(_OF_HEAD)}, e.key, "
            "unnest(range(len(e.value)))::INTEGER, unnest(e.value) FROM "
            f"(SELECT parse_filename(filename, true) AS id, {of_head}, unnest(map_entries(errors)) AS e "
            "FROM _read)",
            [str(folder.path)],
        )


def _single(folder: RunFolder, name: str) -> list[Path]:
    return [folder.path / name] if (folder.path / name).is_file() else []


def _read(
    database: duckdb.DuckDBPyConnection, files: Sequence[Path], fields: Mapping[str, Any]
) -> Iterator[None]:
    """Make the table ``_read`` of JSON files, one object each, with these fields and ``filename``, as often
    as it takes, each time of some of the files, so that memory holds no more than those.

    Raises UserError that names the first file that is damaged or of another format.
    """
    import duckdb

    structure = json.dumps({"format": "BIGINT", **fields})
    for batch in _batches(files):
        listed = ", ".join(_quoted(_literal(str(file.absolute()))) for file in batch)
        try:
            database.execute(
                "CREATE TEMP TABLE _read AS SELECT filename, found.* FROM "
                f"(SELECT filename, from_json(content::JSON, ?) AS found FROM read_text([{listed}]))",
                [structure],
            )
        except duckdb.Error as error:
            raise _damaged(batch, error) from error
        try:
            _require_format(database, batch)
            yield
        finally:
            database.execute("DROP TABLE _read")


def _batches(files: Sequence[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.stat().st_size
        if size >= _AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _require_format(database: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    wrong = database.execute(
        "SELECT filename, format FROM _read WHERE format IS DISTINCT FROM ? ORDER BY filename LIMIT 1",
        [FORMAT],
    ).fetchone()
    if wrong is not None:
        typed = next((str(file) for file in files if str(file.absolute()) == wrong[0]), str(wrong[0]))
        check_format({"format": wrong[1]}, typed)


def _damaged(files: Sequence[Path], error: Exception) -> UserError:
    """The first file that Python cannot read either, else what DuckDB said."""
    for file in files:
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return UserError("damaged: not JSON", where=str(file), hint=_WHOLE_AGAIN)
        if not isinstance(content, dict):
            return UserError("damaged: not a JSON object", where=str(file), hint=_WHOLE_AGAIN)
    said = next(iter(str(error).splitlines()), "")
    return UserError(f"cannot be read ({said[:200]})", where=str(files[0].parent), hint=_WHOLE_AGAIN)


def _json_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix == ".json" and file.name[0] != ".")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literal(path: str) -> str:
    """A path in which no character is a pattern of ``read_json``."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in path)


# ---------------------------------------------------------------------- what the store reads


def _fill_runs(database: duckdb.DuckDBPyConnection, folder: RunFolder) -> None:
    plan, dataset, protocol = folder.plan, folder.plan["dataset"], folder.plan["protocol"]
    environments = folder.environment().get("environments", [])
    last = environments[-1] if environments else {}
    state = _States(folder)
    held = [state.of(unit.id) for unit in _units(folder)]
    content = {
        "run": str(folder.path),
        "plan": plan_hash(plan),
        "dataset": dataset.get("name"),
        "fingerprint": dataset.get("fingerprint"),
        "image_size": dataset.get("image_size"),
        "protocol": protocol.get("name"),
        "protocol_hash": protocol.get("hash"),
        "methods": [method["name"] for method in plan["methods"]],
        **{name: list(plan[name]) for name in ("profiles", "settings", "sn", "steps", "seeds")},
        "planned": len(held),
        "measured": held.count("measured"),
        "failed": held.count("failed"),
        "ended": (folder.path / "aggregates.json").is_file(),
        "device": last.get("device"),
        "machine": last.get("platform"),
        "python": last.get("python"),
        "packages": {name: number for name, number in last.get("packages", {}).items() if number is not None},
        "environments": environments,
    }
    _insert(database, RUNS, [content])


def _fill_units(database: duckdb.DuckDBPyConnection, folder: RunFolder) -> None:
    same = [name for name in UNITS.names() if name not in ("run", "unit", "state", "predictions")]
    kept = _names(folder.path / "predictions")
    states, found = _States(folder), []
    for unit in _units(folder):
        form = "ffv1" if f"{unit.id}{SUFFIX}" in kept else "png" if unit.id in kept else None
        content = {name: getattr(unit, name) for name in same}
        content |= {"run": str(folder.path), "unit": unit.id, "predictions": form}
        state = states.of(unit.id)
        found.append({**content, "state": "predicted" if state == "waiting" and form else state})
    _insert(database, UNITS, found)


def _fill_timings(database: duckdb.DuckDBPyConnection, folder: RunFolder) -> None:
    units = {unit.id: unit for unit in _units(folder)}
    found = []
    for file in _json_files(folder.path / "timings"):
        unit, timing = units.get(file.stem), folder.timing(file.stem)
        content: dict[str, Any] = {"run": str(folder.path), "unit": file.stem}
        content |= {name: timing.get(name) for name in TIMINGS.names() if name in timing}
        content["render_and_measure"] = timing.get("render and measure")
        if unit is not None:
            content |= {name: getattr(unit, name) for name in (*_OF_HEAD, "frames")}
        found.append(content)
    _insert(database, TIMINGS, found)


class _States:
    """What is done of a run, by the files that are there."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._wanted = folder.plan_definitions()
        self._measured, self._failed = _names(folder.path / "units"), _names(folder.path / "failures")

    def of(self, unit: str) -> str:
        """``measured``, ``failed`` or ``waiting``."""
        name = f"{unit}.json"
        if name in self._measured and self._definitions(self._folder.path / "units" / name) == self._wanted:
            return "measured"
        return "failed" if name in self._failed else "waiting"

    def _definitions(self, file: Path) -> Any:
        """Those of a unit: the first field of its file, so that its many values are not read."""
        with file.open(encoding="utf-8") as stream:
            head = stream.read(_HEAD_OF_FILE)
        try:
            return json.JSONDecoder().raw_decode(head, head.index(_FIRST) + len(_FIRST))[0]
        except ValueError:
            return self._folder.definitions(file.stem)


def _names(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()


def _insert(database: duckdb.DuckDBPyConnection, view: View, rows: Sequence[Mapping[str, Any]]) -> None:
    database.execute(
        f"INSERT INTO {view.name} SELECT u.* FROM (SELECT unnest(from_json(?::JSON, ?)) AS u)",
        [json.dumps(list(rows)), f"[{view.structure()}]"],
    )


def _units(folder: RunFolder) -> list[PlannedUnit]:
    try:
        return planned_units(folder.plan)
    except (KeyError, TypeError) as error:
        raise UserError(
            f"the plan does not tell its units ({error})",
            where=str(folder.path),
            expected="a plan of iper-bench run",
        ) from error


_FILLING: Mapping[str, Callable[[Any, RunFolder], None]] = {
    ROWS.name: _fill_rows,
    UNITS.name: _fill_units,
    TIMINGS.name: _fill_timings,
    FAILURES.name: _fill_failures,
    AGGREGATES.name: _fill_aggregates,
    RUNS.name: _fill_runs,
    FACTS.name: _fill_facts,
    PARTS.name: _fill_parts,
}
