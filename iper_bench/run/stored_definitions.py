"""``StoredDefinitions``: the definitions behind the numbers of a run folder, or of a folder that
``iper-bench score --out`` wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.data.frame_name import printable
from iper_bench.errors import UserError
from iper_bench.report import plan_reading
from iper_bench.store.format import check_result_format
from iper_bench.store.plan_file import PLAN_FILE, read_plan

ROWS_FILE = "rows.json"
Name = tuple[str, str, str]


@dataclass(frozen=True)
class StoredDefinitions:
    """Complete definitions by their passport, each ``Passport.to_json()``. ``path``: the folder."""

    path: Path
    definitions: Mapping[str, Mapping[str, Any]]

    def metrics(self) -> list[str]:
        """Names of the metrics, sorted."""
        return sorted({str(one.get("metric")) for one in self.definitions.values()})

    def by_name(self) -> dict[Name, tuple[str, Mapping[str, Any]]]:
        """(profile, metric, setting) -> passport and definition, sorted."""
        named = {
            (str(one.get("profile")), str(one.get("metric")), str(one.get("setting"))): (passport, one)
            for passport, one in self.definitions.items()
        }
        return {name: named[name] for name in sorted(named)}


def is_stored(text: str) -> bool:
    """Whether a name is that of a folder, or of its file of rows."""
    return Path(text).exists()


def read_definitions(path: Path) -> StoredDefinitions:
    """The definitions of a run folder, a result folder, or a ``rows.json``.

    Raises UserError when there is none of them, or it is damaged, of a newer format, or without definitions.
    """
    if (path / PLAN_FILE).exists():
        found = plan_reading.definitions(read_plan(path))
    else:
        found = _of_rows(path if path.is_file() else path / ROWS_FILE, path)
    if not found:
        raise UserError("holds no definitions", where=printable(str(path)), expected="a run of this version")
    return StoredDefinitions(path, found)


def _of_rows(file: Path, path: Path) -> dict[str, dict[str, Any]]:
    if not file.is_file():
        raise UserError(
            "neither a run nor a result is here",
            where=printable(str(path)),
            expected=f"a folder with {PLAN_FILE} (iper-bench run) or {ROWS_FILE} (iper-bench score --out)",
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            "cannot be read as JSON", where=printable(str(file)), hint="iper-bench score --out again"
        ) from error
    check_result_format(content, printable(str(file)))
    definitions = content.get("definitions")
    if not isinstance(definitions, dict) or not all(isinstance(one, dict) for one in definitions.values()):
        raise UserError(
            "no definitions by their passports",
            where=printable(str(file)),
            expected="the rows.json that iper-bench score --out writes",
        )
    return {str(key): dict(one) for key, one in definitions.items()}
