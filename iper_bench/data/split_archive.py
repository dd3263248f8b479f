"""The parts of an archive that was cut into ``NAME.tar.gz.aa``, ``.ab``, ..., read as one stream."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from iper_bench.errors import UserError

_PART = re.compile(r"(?P<stem>.+)\.(?P<first>[a-z])(?P<second>[a-z])")
_LETTERS = 26


def is_part(path: Path) -> bool:
    """Whether the name ends in two lower-case letters after an archive's own suffix, as ``split`` writes.
    ``NAME.tar.gz`` is a whole archive.
    """
    packed = Path(path.stem).suffix in (".gz", ".tgz", ".tar") and not path.name.endswith(".tar.gz")
    return packed and _PART.fullmatch(path.name) is not None


def all_parts(paths: Sequence[Path]) -> list[Path]:
    """The parts in order, none missing in between.

    Parameters
    ----------
    paths: every part, or the first one alone: then its neighbours in the same folder are found.

    Raises
    ------
    UserError when a part is missing, or parts of several archives are given.
    """
    first = paths[0]
    stems = {(path.parent, path.stem) for path in paths}
    if len(stems) > 1 or not all(is_part(path) for path in paths):
        raise UserError(
            "is not a part of the same archive as the others",
            where=str(next((path for path in paths if path.stem != first.stem), first)),
            expected="parts NAME.tar.gz.aa, .ab, ... of one archive",
        )
    if len(paths) == 1:
        try:
            paths = [path for path in first.parent.iterdir() if path.stem == first.stem and is_part(path)]
        except OSError as error:
            raise UserError(f"cannot list the folder ({error.strerror})", where=str(first.parent)) from error
    ordered = sorted(set(paths))
    for place, path in enumerate(ordered or [first]):
        wanted = first.with_name(f"{first.stem}.{_letters(place)}")
        if path != wanted or not ordered:
            raise UserError(
                "this part of the archive is missing", where=str(wanted), expected="every part from .aa on"
            )
    return ordered


def _letters(place: int) -> str:
    return chr(ord("a") + place // _LETTERS) + chr(ord("a") + place % _LETTERS)


class JoinedParts(io.RawIOBase):
    """Files read one after the other, forwards only; one is open at a time."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._waiting = list(paths)
        self._open: BinaryIO | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill ``buffer`` from the present file, or from the next when that one has ended."""
        while True:
            if self._open is None:
                if not self._waiting:
                    return 0
                self._open = self._waiting.pop(0).open("rb")
            count = self._open.readinto(buffer)  # type: ignore[attr-defined]
            if count:
                return int(count)
            self._open.close()
            self._open = None

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open = None
        super().close()
