"""``to_pandas``: the numbers of run folders as a typed table of pandas.

from iper_bench.store.frame_table import to_pandas

rows = to_pandas("runs/first")                          # one line per unit, profile and metric
frames = to_pandas("runs/first", "runs/second", what="frames")
frames[frames.counts].groupby(["method", "metric"], observed=True).value.mean()
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iper_bench.errors import unknown_name
from iper_bench.store.query import opened
from iper_bench.store.query_load import STORED_ROWS
from iper_bench.store.query_views import FRAMES, ROWS, VIEWS, Column
from iper_bench.store.run_list import run_list

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_ORDER = (
    *("run", "dataset", "protocol", "task", "setting", "method"),
    *("sn", "steps", "seed", "profile", "metric", "trial", "unit"),
)
#: type of DuckDB -> type of pandas; whole numbers that may be missing stay whole numbers
_TYPES = {
    "VARCHAR": "category",
    "BIGINT": "Int64",
    "INTEGER": "Int32",
    "DOUBLE": "float64",
    "BOOLEAN": "boolean",
}


def to_pandas(*runs: str | Path, what: str = "rows") -> pd.DataFrame:
    """A table of the run folders ``runs``; a folder of run folders stands for all of them, nothing for the
    newest run below ``runs/``.

    Parameters
    ----------
    what: ``"rows"``, ``"frames"``, or another table that ``iper-bench query --schema`` prints.

    Returns
    -------
    The columns of the table in its order. Text is ``category``, whole numbers are ``Int64`` or ``Int32``
    (``NA`` where missing), values float64 (``nan`` where missing), lists and mappings plain Python objects.
    Rows and frames are sorted by run, dataset, protocol, task, setting, method, sn, T, seed, profile, metric,
    trial, unit and frame; other tables come in the order of their files.

    Raises
    ------
    UserError for an unknown table, a folder that is no run, a damaged file, or one of another format.
    """
    if what not in VIEWS:
        raise unknown_name("table", what, VIEWS, where="what")
    paths = run_list([Path(run) for run in runs])
    with opened(paths, [what]) as database:
        order = f" ORDER BY {', '.join(_ORDER)}" if what in (ROWS.name, FRAMES.name) else ""
        if what != FRAMES.name:
            names = ", ".join(VIEWS[what].names())
            table = database.execute(f"SELECT {names} FROM {what}{order}").df()
            return _typed(table, VIEWS[what].columns)
        return _of_frames(database, order)


def _typed(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    return table.astype({one.name: _TYPES[one.type] for one in columns if one.type in _TYPES})


def _of_frames(database: duckdb.DuckDBPyConnection, order: str) -> pd.DataFrame:
    """One line per frame. Text is read once a row and repeated as the numbers of its categories."""
    import pandas as pd

    heads = [one for one in FRAMES.columns if one.name not in ("frame", "value", "counts")]
    names = ", ".join(one.name for one in heads)
    table = _typed(database.execute(f"SELECT {names} FROM {STORED_ROWS}{order}").df(), heads)
    numbered = f"SELECT row_number() OVER ({order}) - 1 AS line, pairs, per_frame FROM {STORED_ROWS}"
    unnested = "unnest(range(len(per_frame)))::INTEGER AS frame, unnest(per_frame) AS value"
    values = database.execute(
        f"SELECT line, pairs, frame, value FROM (SELECT line, pairs, {unnested} FROM ({numbered})) "
        "ORDER BY line, frame"
    ).fetchnumpy()
    line, frame = np.asarray(values["line"]), np.asarray(values["frame"])
    value = np.ma.filled(values["value"].astype(np.float64), np.nan)
    pairs = np.ma.filled(values["pairs"].astype(np.float64), np.inf)
    found: dict[str, Any] = {one.name: table[one.name].array.take(line) for one in heads}
    found |= {"frame": frame, "value": value, "counts": ~np.isnan(value) & (frame < pairs)}
    return pd.DataFrame(found)
