"""``folder:PATH``: predictions that are there already, as a method of a run.

They lie as ``iper-bench score`` wants them: one folder of frames or one video per trial, called as the source
clip (:attr:`iper_bench.protocol.trial.Trial.folder`). Where PATH has folders ``self`` and ``cross``, those of
a setting lie in its folder; where it has folders ``sn1``, ``sn2`` and so on, those of so many sources lie
there, and the settings inside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from iper_bench.data.picture_file import is_inside
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash, file_sha256

SETTINGS = ("self", "cross")
_SN = re.compile(r"sn[0-9]{1,4}")


class FolderMethod:
    """Predictions on disk; they belong to trials, so only a run can show them.

    Parameters
    ----------
    path: the folder. Raises UserError when it is none.

    Attributes
    ----------
    name: the folder's. identity: content hash of the names and contents of all its files.
    """

    trains = False

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise UserError(
                "not a folder",
                where=f"folder:{path}",
                expected="a folder with one folder of frames or one video per clip",
            )
        self.path = path
        self.name = path.resolve().name
        self.identity = content_hash({"method": "folder", "version": 1, "files": file_hashes(path)})

    def place(self, setting: str, sn: int) -> Path:
        """The folder in which the clips of a setting and number of sources lie. Raises UserError when PATH
        tells them apart and has none for these.
        """
        place = self.path
        if self._by_sn:
            place = self._below(place, f"sn{sn}")
        if _settings_in(place):
            place = self._below(place, setting)
        return place

    def require(self, settings: Sequence[str], sn: Sequence[int]) -> None:
        """Raise UserError when one folder would stand for several settings or numbers of sources."""
        if len(sn) > 1 and not self._by_sn:
            raise UserError(
                f"predictions without folders for sn = {', '.join(map(str, sn))}",
                where=f"folder:{self.path}",
                expected=f"folders {', '.join(f'sn{one}' for one in sn)}",
                hint=f"--sn {sn[0]}",
            )
        places = [self.path / f"sn{one}" for one in sn] if self._by_sn else [self.path]
        if len(settings) > 1 and not all(_settings_in(place) for place in places if place.is_dir()):
            raise UserError(
                f"predictions without folders for the settings {' and '.join(settings)}",
                where=f"folder:{self.path}",
                expected=f"folders {' and '.join(settings)}, with the clips in them",
                hint=f"--settings {settings[0]}",
            )

    @property
    def _by_sn(self) -> bool:
        return any(_SN.fullmatch(entry.name) and entry.is_dir() for entry in self.path.iterdir())

    def _below(self, place: Path, name: str) -> Path:
        if not (place / name).is_dir():
            raise UserError(f"no folder '{name}'", where=f"folder:{place}", expected="predictions for it")
        return place / name


def _settings_in(place: Path) -> bool:
    return any((place / setting).is_dir() for setting in SETTINGS)


def file_hashes(root: Path) -> dict[str, str]:
    """Relative path -> sha256 of every file below ``root`` but hidden ones, sorted. Raises UserError for a
    link out of it and a file that cannot be read.
    """
    return {path.relative_to(root).as_posix(): _sha256(path, root) for path in sorted(_files(root))}


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder) / name for name in files if not name.startswith("."))


def _sha256(path: Path, root: Path) -> str:
    if not is_inside(path, root):
        raise UserError(
            "a link that leads out of the folder", where=str(path), expected=f"files below {root}"
        )
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror or error}", where=str(path)) from error
