"""``OutputFolder``: the folder of a report as one unit. It remembers which files it wrote, so that the next
report of the same folder replaces them, removes those that it has no more, and touches nothing else.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from iper_bench.atomic import explain, write_json
from iper_bench.errors import UserError
from iper_bench.report.panel import Asset

LIST_FILE = "report-files.json"
FORMAT = 1
_ELSEWHERE = "--out with another name"
#: what reports wrote that kept no list: these names, beside a page that says that it is one
_BEFORE_LISTS = ("report.html", "report.md", "grid-*.png", "sweep-*.png", "sweep-*.svg")
_OLD_PAGE = b"<title>iper-bench report</title>"


class OutputFolder:
    """The folder ``path`` of a report, with the names of the files that an earlier report left in it.

    Use: :meth:`open`, :meth:`begin` with all names to come, :meth:`write` for each, :meth:`finish`. A process
    that is killed between leaves a folder that the next report recognises as its own.
    """

    def __init__(self, path: Path, held: frozenset[str]) -> None:
        self.path = path
        self._held = held
        self._names: frozenset[str] = frozenset()

    @staticmethod
    def open(path: Path) -> OutputFolder:
        """The folder, which need not be there yet. Raises UserError for a file and for a damaged list."""
        if path.exists() and not path.is_dir():
            raise UserError("is a file", where=str(path), expected="a folder", hint=_ELSEWHERE)
        return OutputFolder(path, frozenset(_listed(path)))

    def require_own(self, names: Sequence[str]) -> None:
        """Raise what :meth:`begin` raises for these names, before work is lost to it; writes nothing."""
        for name in names:
            path = _inside(self.path, name)
            if path.exists() and name not in self._held:
                raise UserError(
                    "is not a file of a report and would be lost",
                    where=str(path),
                    expected="a new or empty folder, or that of an earlier report",
                    hint=_ELSEWHERE,
                )

    def begin(self, names: Sequence[str]) -> None:
        """State every file to come, below the folder with ``/``.

        Raises
        ------
        UserError when one of them would replace a file that no report wrote, or the folder cannot be written;
        ValueError for a name that is given twice or leads out of the folder.
        """
        if len(set(names)) < len(names):
            twice = sorted(name for name in set(names) if names.count(name) > 1)
            raise ValueError(f"two files of a report have one name: {', '.join(twice)}")
        self.require_own(names)
        self._names = frozenset(names)
        self._write_list(self._held | self._names)
        self._clear_leftovers()

    def _clear_leftovers(self) -> None:
        """Remove what a killed process left half written."""
        stems: dict[Path, set[str]] = {}
        for name in self._held | self._names:
            path = self.path / name
            stems.setdefault(path.parent, set()).add(path.stem)
        for folder in sorted(stems):
            for file in folder.glob(".*.part*"):
                if file.name.lstrip(".").partition(".part")[0] in stems[folder] and file.is_file():
                    file.unlink()

    def write(self, asset: Asset) -> None:
        """Let a file be written beside its place, then move it there: it is whole or absent.

        Raises UserError when the disk refuses, and what ``asset.write`` raises.
        """
        if asset.name not in self._names:
            raise ValueError(f"{asset.name} was not stated")
        path = self.path / asset.name
        waiting = path.with_name(f".{path.stem}.part{path.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            asset.write(waiting)
            waiting.replace(path)
        except OSError as error:
            raise explain(error, str(path)) from error
        finally:
            with contextlib.suppress(OSError):
                waiting.unlink(missing_ok=True)

    def finish(self, lacking: Sequence[str] = ()) -> None:
        """Remove what an earlier report left and this one has no more, and ``lacking``: names of this one
        that could not be made. Folders that are empty then go as well.
        """
        gone = (self._held - self._names) | set(lacking)
        try:
            for name in sorted(gone):
                path = _inside(self.path, name)
                if path.is_file():
                    path.unlink()
            for folder in sorted({parent for name in gone for parent in _parents(name)}, reverse=True):
                with contextlib.suppress(OSError):  # not empty: the user's own files
                    (self.path / folder).rmdir()
        except OSError as error:
            raise explain(error, str(self.path)) from error
        self._held = self._names - set(lacking)
        self._write_list(self._held)

    def _write_list(self, names: frozenset[str]) -> None:
        write_json(self.path / LIST_FILE, {"format": FORMAT, "files": sorted(names)})


def _inside(root: Path, name: str) -> Path:
    """``root / name``; ValueError for a name that leads out of ``root``, UserError for a link that does."""
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{name!r} is no name of a file in a folder")
    path = root / name
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise UserError(
            "a link leads out of the folder",
            where=str(path.parent),
            expected="folders of the report's own",
            hint=_ELSEWHERE,
        )
    return path


def _parents(name: str) -> Iterator[str]:
    parts = name.split("/")[:-1]
    for count in range(len(parts), 0, -1):
        yield "/".join(parts[:count])


def _listed(path: Path) -> list[str]:
    """Names in the list of an earlier report; of one that kept none, what it used to write."""
    file = path / LIST_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        names = content["files"]
        if content["format"] != FORMAT or not all(isinstance(name, str) for name in names):
            raise ValueError(f"format {content['format']}")
        for name in names:
            _inside(path, name)
    except (FileNotFoundError, NotADirectoryError):
        return _without_list(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            "damaged list of the files of a report, or one of a newer version",
            where=str(file),
            expected=f"format {FORMAT} with the names of the files",
            hint=f"{_ELSEWHERE}, or delete the folder",
        ) from error
    return list(names)


def _without_list(path: Path) -> list[str]:
    page = path / _BEFORE_LISTS[0]
    if not page.is_file():
        return []
    with page.open("rb") as stream:
        ours = _OLD_PAGE in stream.read(4096)
    return sorted(file.name for pattern in _BEFORE_LISTS for file in path.glob(pattern)) if ours else []
