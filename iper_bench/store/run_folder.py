"""``RunFolder``: one run on disk. Every file in it is whole or absent, so a killed run loses only the unit in
work.

=========================  ==========================================================================
``plan.yaml``              the resolved plan, format number and content hash
``env.json``               versions, device, platform, and the plan's hash, by which the same command
                           makes a lost ``plan.yaml`` again; enters no other file's identity
``units/<id>.json``        rows of a finished unit, with the definitions they were measured by
``features/<id>.npz``      features that set metrics (FID, Body-FD, Face-FD) pool over units
``predictions/<id>/``      ``%05d.png``, lossless, in target order, or ``<id>.mkv``, FFV1, lossless as well
``failures/<id>.json``     why a unit has no rows
``timings/<id>.json``      seconds of personalisation, rendering, measuring
``exhibits/<trial id>/``   sources and a few reference and truth frames, for reports
``facts/<trial id>.json``  view, distance to the nearest source and occlusion of every target frame
``parts/<id>.json``        errors by body part of a unit's frames
``shard.json``             only in a part of a run: which part it is; it has no results over units
``pooled.json``            rows of the set metrics
``aggregates.json``        means and intervals; byte-identical when a run is repeated
=========================  ==========================================================================
"""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.atomic import write_bytes, write_json
from iper_bench.errors import UserError
from iper_bench.store.exhibit import Exhibit
from iper_bench.store.failure import Failure
from iper_bench.store.format import FORMAT, check_format
from iper_bench.store.lock import LOCK_FILES, locked
from iper_bench.store.pictures import StoredFrames, discard
from iper_bench.store.plan_file import (
    PLAN_FILE,
    Plan,
    definition_hashes,
    difference,
    plan_hash,
    read_plan,
    write_plan,
)
from iper_bench.store.prediction_video import predictions_of
from iper_bench.store.row import Row
from iper_bench.store.shard import require_whole
from iper_bench.store.storing import storing

Features = Mapping[str, NDArray[Any]]
ENVIRONMENT_FILE = "env.json"
_PARTS = ("units", "features", "predictions", "failures", "timings", "exhibits", "facts", "parts")


class RunFolder:
    """A run folder that exists. Use :meth:`open` to read one and :meth:`create` to start or resume one."""

    def __init__(self, path: Path, plan: dict[str, Any]) -> None:
        self.path = path
        self.plan = plan
        self._definitions: dict[str, str] | None = None  # of the plan; asked for every unit

    # ------------------------------------------------------------------ opening

    @staticmethod
    def open(path: Path) -> RunFolder:
        """An existing run, for reading. Raises UserError when there is none or its format is newer."""
        return RunFolder(path, read_plan(path))

    @staticmethod
    def create(path: Path, plan: Plan) -> RunFolder:
        """A new run, or the run of the same plan that is already there.

        Raises
        ------
        UserError when the folder holds another plan or other files; StoreError when it cannot be written.
        """
        if path.exists() and not path.is_dir():
            raise UserError("is a file", where=str(path), expected="a folder", hint=_other(path))
        if (path / PLAN_FILE).exists():
            held = RunFolder.open(path)
            where = difference(held.plan, plan)
            if where is not None:
                raise UserError(
                    f"holds another plan: {where}",
                    where=str(path),
                    expected="the same plan",
                    hint=_other(path),
                )
            return held
        if _holds_others(path) and _plan_on_record(path) != plan_hash(plan):
            raise UserError(
                "holds other files and no plan.yaml",
                where=str(path),
                expected="a new, empty or run folder",
                hint=_other(path),
            )
        with storing():
            write_plan(path, plan)
        return RunFolder.open(path)

    def replace_plan(self, plan: Plan) -> None:
        """Write another plan over the held one (scoring by other profiles); removes results over units."""
        with storing():
            for name in ("aggregates.json", "pooled.json"):
                (self.path / name).unlink(missing_ok=True)
            write_plan(self.path, plan)
        self.plan, self._definitions = read_plan(self.path), None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Write alone for the length of the block; clears away what a killed process left half written."""
        with locked(self.path):
            with storing():
                self.clear_leftovers()
            yield

    def clear_leftovers(self) -> None:
        """Remove what killed processes left half written. Call with the folder held and nobody at work."""
        for folder in (self.path, *(self.path / part for part in _PARTS)):
            if folder.is_dir():
                for file in sorted(folder.iterdir()):
                    if _is_leftover(file):
                        discard(file)

    def plan_definitions(self) -> dict[str, str]:
        """``profile -> content hash`` of the metric definitions in the plan."""
        if self._definitions is None:
            self._definitions = definition_hashes(self.plan.get("profiles", {}))
        return self._definitions

    # ------------------------------------------------------------------ units

    def unit_ids(self) -> list[str]:
        """Sorted ids of the finished units."""
        return _stems(self.path / "units")

    def definitions(self, unit: str) -> dict[str, str] | None:
        """``profile -> hash`` of the definitions by which a unit was measured.

        ``None`` when it is unfinished, unreadable, or its features are gone: set metrics over the other units
        would be other numbers.
        """
        path = self.path / "units" / f"{unit}.json"
        content = _read_or_none(path)
        if content is None:
            return None
        check_format(content, str(path))
        if content.get("features") and not self._features(unit).exists():
            return None
        found = content.get("definitions")
        return dict(found) if isinstance(found, dict) else None

    def write_unit(
        self,
        unit: str,
        head: Mapping[str, Any],
        definitions: Mapping[str, str],
        rows: Sequence[Row],
        features: Features,
    ) -> None:
        """Finish a unit: features first, rows last, and the record of an earlier failure removed.

        Parameters
        ----------
        head: plain description of the unit (``name``, method, trial, sn, T, seed), for people.
        definitions: ``profile -> hash``.
        features: arrays for the set metrics, possibly none.
        """
        content = {
            "format": FORMAT,
            "unit": dict(head),
            "definitions": dict(definitions),
            "features": sorted(features),
            "rows": [row.to_json() for row in rows],
        }
        with storing():
            if features:
                write_bytes(self._features(unit), _npz(features))
            write_json(self.path / "units" / f"{unit}.json", content)
            (self.path / "failures" / f"{unit}.json").unlink(missing_ok=True)

    def rows(self, unit: str) -> list[Row]:
        """Rows of a finished unit; none when it was measured by other definitions than the plan's.

        Raises UserError when the file is missing, damaged or of a newer format.
        """
        path = self.path / "units" / f"{unit}.json"
        content = _read(path)
        check_format(content, str(path))
        return _rows(content, path) if content.get("definitions") == self.plan_definitions() else []

    def features(self, unit: str) -> dict[str, NDArray[Any]]:
        """Features of a finished unit; empty when it has none. Raises UserError when the file is damaged."""
        path = self._features(unit)
        if not path.exists():
            return {}
        try:
            # opened here: numpy leaves a file that it opened itself open when the archive is damaged
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                return {key: archive[key] for key in sorted(archive.files)}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(
                "damaged features",
                where=str(path),
                hint="delete it and type the same iper-bench run again",
            ) from error

    def _features(self, unit: str) -> Path:
        return self.path / "features" / f"{unit}.npz"

    # ------------------------------------------------------------------ frames

    def predictions(self, unit: str, kind: str | None = None) -> StoredFrames:
        """Where the predicted frames of a unit lie, or will lie when they are kept as ``kind`` says."""
        return predictions_of(self.path, unit, kind)

    def exhibit(self, trial_id: str) -> Exhibit:
        """The real frames that a report shows for a trial."""
        return Exhibit(self.path / "exhibits" / trial_id)

    # ------------------------------------------------------------------ failures, timings, environment

    def forget_failure(self, unit: str) -> None:
        """Remove the record of an earlier failure, if there is one."""
        with storing():
            (self.path / "failures" / f"{unit}.json").unlink(missing_ok=True)

    def write_failure(self, unit: str, head: Mapping[str, Any], reason: str, details: str) -> None:
        """Record why a unit has no rows. ``reason`` is one line, ``details`` the traceback."""
        content = {"format": FORMAT, "unit": dict(head), "reason": reason, "details": details}
        with storing():
            write_json(self.path / "failures" / f"{unit}.json", content)
            # rows that the same unit got by earlier definitions are stale now
            (self.path / "units" / f"{unit}.json").unlink(missing_ok=True)
            self._features(unit).unlink(missing_ok=True)

    def failures(self) -> list[Failure]:
        """The recorded failures, sorted by unit id."""
        found = []
        for unit in _stems(self.path / "failures"):
            content = _read_or_none(self.path / "failures" / f"{unit}.json") or {}
            head = content.get("unit")
            name = str(head.get("name", unit)) if isinstance(head, dict) else unit
            found.append(Failure(unit, name, str(content.get("reason", "unreadable record"))))
        return found

    def write_timing(self, unit: str, seconds: Mapping[str, float]) -> None:
        """Record wall-clock seconds; kept apart because they differ from run to run."""
        content = {key: round(seconds[key], 4) for key in seconds}
        with storing():  # no flush: what a power failure takes of it is a dash in a report
            write_json(self.path / "timings" / f"{unit}.json", content, flush=False)

    def timing(self, unit: str) -> dict[str, float]:
        """Seconds of a unit by phase; empty when none are on record. What is no number there is left out."""
        content = _read_or_none(self.path / "timings" / f"{unit}.json") or {}
        return {key: content[key] for key in content if type(content[key]) in (int, float)}

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Write ``env.json``."""
        content = {"format": FORMAT, "plan": plan_hash(self.plan), **environment}
        with storing():
            write_json(self.path / ENVIRONMENT_FILE, content)

    def environment(self) -> dict[str, Any]:
        """Content of ``env.json``; empty when it is missing. What describes no machine there is left out."""
        content = _read_or_none(self.path / ENVIRONMENT_FILE) or {}
        listed = content.get("environments")
        if not isinstance(listed, list):
            return {key: value for key, value in content.items() if key != "environments"}
        return {**content, "environments": [one for one in listed if isinstance(one, dict)]}

    # ------------------------------------------------------------------ results over units

    def write_results(self, pooled: Sequence[Row], aggregates: Mapping[str, Any]) -> Path:
        """Write ``pooled.json`` and ``aggregates.json``; returns the path of the latter."""
        path = self.path / "aggregates.json"
        with storing():
            content = {"format": FORMAT, "rows": [row.to_json() for row in pooled]}
            write_json(self.path / "pooled.json", content)
            write_json(path, {"format": FORMAT, **aggregates})
        return path

    def pooled_rows(self) -> list[Row]:
        """Rows of the set metrics; empty before the run has ended."""
        path = self.path / "pooled.json"
        return _rows(_read(path), path) if path.exists() else []

    def aggregates(self) -> dict[str, Any]:
        """Content of ``aggregates.json``. Raises UserError when the run has not ended yet or the file is
        damaged.
        """
        path = self.path / "aggregates.json"
        if not path.exists():
            require_whole(self.path)
            raise UserError(
                "this run has no aggregates yet",
                where=str(self.path),
                expected="a run that has ended",
                hint="type the iper-bench run command again; it resumes",
            )
        return _read(path)


def _other(path: Path) -> str:
    """Another folder to type: a neighbour, or below a path that has no name of its own ("." or "/")."""
    return f"--out {path.with_name(path.name + '-2') if path.name not in ('', '..') else path / 'run'}"


def _holds_others(path: Path) -> bool:
    ours = LOCK_FILES
    return path.is_dir() and any(file.name not in ours and not _is_leftover(file) for file in path.iterdir())


def _plan_on_record(path: Path) -> str | None:
    """Hash of the plan by which a folder was begun, where its ``plan.yaml`` is lost."""
    found = (_read_or_none(path / ENVIRONMENT_FILE) or {}).get("plan")
    return str(found) if found is not None else None


def _is_leftover(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".part")


def _stems(folder: Path) -> list[str]:
    try:  # no glob: it takes a folder that may not be read for an empty one
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return []
    return sorted(path.stem for path in paths if path.suffix == ".json" and not path.name.startswith("."))


def _npz(features: Features) -> bytes:
    """The arrays as an uncompressed archive with fixed dates, so that equal arrays give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for key in sorted(features):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(features[key]), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0)), member.getvalue()
            )
    return buffer.getvalue()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError("missing", where=str(path), hint="type the same iper-bench run again") from error
    except ValueError as error:
        raise UserError(
            "damaged: not JSON", where=str(path), hint="delete it and type the same iper-bench run again"
        ) from error
    if not isinstance(content, dict):
        raise UserError("damaged: not a JSON object", where=str(path), hint="delete it and run again")
    return content


def _read_or_none(path: Path) -> dict[str, Any] | None:
    """Content, or ``None`` when the file is absent or damaged: the unit then counts as unfinished and is done
    again.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _rows(content: dict[str, Any], path: Path) -> list[Row]:
    check_format(content, str(path))
    try:
        return [Row.from_json(row) for row in content["rows"]]
    except (KeyError, TypeError) as error:
        raise UserError(
            f"damaged rows ({error})",
            where=str(path),
            hint="delete it and type the same iper-bench run again",
        ) from error
