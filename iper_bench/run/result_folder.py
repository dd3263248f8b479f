"""``ResultFolder``: what ``iper-bench score --out`` writes, for ``explain``, pandas and people.

===================  ================================================================================
``rows.json``        ``format``, ``rows`` (``store.row.Row``), ``definitions`` (complete, by passport)
``aggregates.json``  means and intervals, as of a run
===================  ================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.atomic import explain, write_json
from iper_bench.data.frame_name import printable
from iper_bench.errors import UserError
from iper_bench.store.format import RESULT_FORMAT, check_result_format
from iper_bench.store.intervals import BOOTSTRAP_SEED, CONFIDENCE, RESAMPLES
from iper_bench.store.plan_file import PLAN_FILE
from iper_bench.store.row import Row

ROWS_FILE, AGGREGATES_FILE = "rows.json", "aggregates.json"


@dataclass(frozen=True)
class Result:
    """Rows with the definitions behind them, by passport."""

    rows: list[Row]
    definitions: dict[str, dict[str, Any]]


def require_free(folder: Path) -> None:
    """Raise UserError unless ``folder`` is absent, empty, or holds an earlier result."""
    where = printable(str(folder))
    if folder.exists() and not folder.is_dir():
        raise UserError("is a file", where=where, expected="a folder", hint="--out with another name")
    if (folder / PLAN_FILE).exists():
        raise UserError(
            "holds a run, whose aggregates would be lost",
            where=where,
            expected="a folder for the result alone",
            hint=f"--out {folder.with_name(folder.name + '-score')}",
        )
    held = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    others = [name for name in held if name not in (ROWS_FILE, AGGREGATES_FILE)]
    if others:
        raise UserError(
            f"holds other files, first {printable(others[0])}",
            where=where,
            expected="a new or empty folder, or an earlier result",
            hint="--out with another name",
        )


def write_result(
    folder: Path,
    rows: Sequence[Row],
    definitions: Mapping[str, Mapping[str, Any]],
    entries: Sequence[Mapping[str, Any]],
) -> Path:
    """Write both files; returns the path of the rows. A result is one only with its rows, which come last.

    Raises UserError when the folder cannot be written.
    """
    path = folder / ROWS_FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise explain(error, str(path)) from error
    interval = {"confidence": CONFIDENCE, "resamples": RESAMPLES, "seed": BOOTSTRAP_SEED}
    aggregates = {
        "format": RESULT_FORMAT,
        "interval": {**interval, "unit": "clip", "beside": "actor"},
        "entries": list(entries),
    }
    write_json(folder / AGGREGATES_FILE, aggregates)
    content = {
        "format": RESULT_FORMAT,
        "rows": [row.to_json() for row in rows],
        "definitions": {passport: dict(one) for passport, one in definitions.items()},
    }
    write_json(path, content)
    return path


def read_result(folder: Path) -> Result:
    """The rows and definitions of a result. Raises UserError when there is none, or it is damaged."""
    path = folder / ROWS_FILE
    where = printable(str(path))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            "no result here", where=where, expected="a folder that iper-bench score --out wrote"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError("damaged: not JSON", where=where, hint="iper-bench score --out again") from error
    check_result_format(content, where)
    try:
        rows = [Row.from_json(row) for row in content["rows"]]
        return Result(rows, {str(key): dict(one) for key, one in content["definitions"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"damaged rows ({error})", where=where, hint="iper-bench score --out again"
        ) from error
