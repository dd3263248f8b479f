"""``asked``: one question in SQL to any number of run folders.

The files are read into a database in memory first (``query_load.py``), only those that the question needs.
Then the database is cut off from files, network and extensions and its settings are locked, before the
question runs: SQL from a stranger can neither read nor write anything else.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iper_bench.atomic import explain
from iper_bench.errors import UserError, nearest
from iper_bench.store.query_load import create_tables, load
from iper_bench.store.query_views import VIEWS

if TYPE_CHECKING:
    import duckdb

MEMORY_GB = 2.0
MOST_THREADS = 4
_SCHEMA_HINT = "iper-bench query --schema"
_READING = ("SELECT", "EXPLAIN")  # kinds of statements that change nothing
#: what is known of a file by the end of its name
FORMATS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd"}
_UNKNOWN_COLUMN = re.compile(r'(?:Referenced column|column named|does not have a column named) "([^"]+)"')
_UNKNOWN_TABLE = re.compile(r"Table with name (\S+) does not exist")


@dataclass(frozen=True)
class Answer:
    """Attributes
    ----------
    columns: names. rows: values, ``None`` for NULL. more: whether there are rows beyond the limit.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool


def ask(sql: str, paths: Sequence[Path], *, limit: int | None = None, memory_gb: float = MEMORY_GB) -> Answer:
    """The rows that a question gives, at most ``limit``.

    Parameters
    ----------
    sql: one statement of DuckDB's SQL that only reads, over the tables of ``query_views.VIEWS``.
    paths: run folders.
    memory_gb: what the database may take; a question that needs more is refused.

    Raises
    ------
    UserError, one line, for what is not understood, would write, or needs more memory; for a folder that is
    no run, a damaged file, or one of another format.
    """
    with _database(sql, paths, memory_gb) as database, _errors(sql, memory_gb):
        database.execute(sql)
        columns = tuple(str(column[0]) for column in database.description or ())
        if limit is None:
            return Answer(columns, database.fetchall(), False)
        found = database.fetchmany(limit + 1)
        return Answer(columns, found[:limit], len(found) > limit)


def write_answer(
    sql: str,
    paths: Sequence[Path],
    out: Path,
    kind: str,
    *,
    limit: int | None = None,
    memory_gb: float = MEMORY_GB,
) -> int:
    """Write the rows that a question gives to the file ``out``, whole or not at all; returns their number.

    ``kind``: of ``FORMATS``. Raises as :func:`ask`, and UserError when the file cannot be written.
    """
    waiting = out.with_name(f".{out.name}.{os.getpid()}.part").absolute()
    try:
        if out.is_dir():
            raise UserError("is a folder", where=str(out), expected=f"the name of a {kind} file")
        out.parent.mkdir(parents=True, exist_ok=True)
        waiting.touch()  # an unwritable place is told before the question runs
        with _database(sql, paths, memory_gb, writable=waiting) as database, _errors(sql, memory_gb):
            most = "" if limit is None else f" LIMIT {int(limit)}"
            body = sql.strip().rstrip(";")
            # the line break ends a comment in the last line
            database.execute(f"CREATE TEMP TABLE _answer AS SELECT * FROM ({body}\n){most}")
            database.execute(f"COPY _answer TO {_quoted(str(waiting))} ({FORMATS[kind]}, USE_TMP_FILE false)")
            count = database.execute("SELECT count(*) FROM _answer").fetchall()[0][0]
        with waiting.open("rb") as file:
            os.fsync(file.fileno())
        waiting.replace(out)
        return int(count)
    except OSError as error:
        raise explain(error, str(out)) from error
    finally:
        with contextlib.suppress(OSError):
            waiting.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(paths: Sequence[Path], views: Sequence[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that holds the named views of the run folders."""
    with contextlib.closing(_connect(MEMORY_GB)) as database:
        create_tables(database)
        load(database, paths, views)
        yield database


@contextlib.contextmanager
def _database(
    sql: str, paths: Sequence[Path], memory_gb: float, writable: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database that answers ``sql``, locked. ``writable``: the one file that it may write."""
    with contextlib.closing(_connect(memory_gb)) as database:
        with _errors(sql, memory_gb):
            _require_reading(database, sql)
            views = _named(database, sql)  # before they are there: DuckDB would name what stands behind them
            create_tables(database)
            load(database, paths, views)
            if writable is not None:
                database.execute(f"SET allowed_paths = [{_quoted(str(writable))}]")
            database.execute("SET enable_external_access = false")
            database.execute("SET lock_configuration = true")
        yield database


def _connect(memory_gb: float) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(
        ":memory:",
        config={
            "threads": min(MOST_THREADS, os.cpu_count() or 1),
            "memory_limit": f"{memory_gb}GB",
            "temp_directory": "",  # nothing spills over to the disk
            "python_enable_replacements": "false",  # a name in SQL is never a variable of this program
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
        },
    )


def _require_reading(database: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = database.extract_statements(sql)
    if len(statements) != 1:
        raise UserError(
            f"{len(statements)} statements", where="SQL", expected="one SELECT", hint='"SELECT * FROM runs"'
        )
    kind = statements[0].type.name
    pivot = kind == "MULTI" and "pivot" in _words(sql)  # finds the values first that become columns
    if kind not in _READING and not pivot:
        raise UserError(
            f"{kind} does more than read",
            where="SQL",
            expected="SELECT",
            hint="--csv FILE or --parquet FILE writes what a SELECT gives",
        )


def _named(database: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """Views that a statement needs; where DuckDB does not tell (DESCRIBE, PIVOT), those it mentions."""
    import duckdb

    try:
        named = {name.lower().rpartition(".")[2].strip('"') for name in database.get_table_names(sql)}
    except duckdb.Error:  # it needs the columns of a join, which are not there yet
        named = set()
    return [name for name in VIEWS if name in (named or _words(sql))]


def _words(sql: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w+", sql)}


@contextlib.contextmanager
def _errors(sql: str, memory_gb: float) -> Iterator[None]:
    """What DuckDB refuses in the block, as one line."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.OutOfMemoryException as error:
        raise UserError(
            f"needs more than {memory_gb:g} GB of memory",
            where="SQL",
            hint=f"fewer columns or rows, or --memory {2 * memory_gb:g}",
        ) from error
    except duckdb.PermissionException as error:
        raise UserError(
            "files, network and extensions are out of reach of a query",
            where="SQL",
            expected=f"the tables {', '.join(VIEWS)}",
            hint="--csv FILE or --parquet FILE writes the answer",
        ) from error
    except duckdb.Error as error:
        raise _understood(str(error), sql) from error


def _understood(said: str, sql: str) -> UserError:
    """DuckDB's message in one line, with the nearest name where one is unknown."""
    first, *others = said.splitlines()
    what = first.partition(": ")[2] or first
    named = [view for view in VIEWS.values() if view.name in _words(sql)] or list(VIEWS.values())
    for pattern, kind, known in (
        (_UNKNOWN_COLUMN, "column", {name for view in named for name in view.names()}),
        (_UNKNOWN_TABLE, "table", {*VIEWS}),
    ):
        found = pattern.search(first)
        if found:
            close = nearest(found[1], known)
            hint = f"did you mean {' or '.join(close)}?" if close else _SCHEMA_HINT
            return UserError(
                f"unknown {kind} '{found[1]}'", where="SQL", expected=_candidates(others, kind), hint=hint
            )
    return UserError(what[:300], where="SQL", hint=_SCHEMA_HINT)


def _candidates(lines: Sequence[str], kind: str) -> str:
    """What would have been right there, as DuckDB lists it."""
    if kind == "table":
        return ", ".join(VIEWS)
    listed = [line.partition(": ")[2].replace('"', "") for line in lines if line.startswith("Candidate")]
    return listed[0] if listed else f"a column that {_SCHEMA_HINT} lists"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
