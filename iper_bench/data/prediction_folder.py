"""``find_clips``: where in a folder of predictions each clip lies.

The clip ``actor003/outfit1`` is looked for as a folder of frames ``actor003/outfit1/`` or
``actor003_outfit1/``, or as a video ``actor003/outfit1.mp4`` or ``actor003_outfit1.mp4`` (any ending of
:data:`iper_bench.data.frame_list.VIDEO_SUFFIXES`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from iper_bench.data.frame_list import VIDEO_SUFFIXES, is_picture, is_video
from iper_bench.data.frame_name import printable
from iper_bench.data.picture_file import is_inside
from iper_bench.errors import UserError, nearest

DEPTH = 4  # folders below the root that are looked into; names of clips have two or three parts
_SHOWN = 6  # names in a message


def find_clips(root: Path, expected: Sequence[str]) -> dict[str, Path]:
    """Folder or video of each expected clip that is there, in the order of ``expected``.

    Parameters
    ----------
    root: the folder of predictions. It may hold other things as well (:func:`unused_entries`).
    expected: names of clips, for example ``["actor003/outfit1"]``.

    Raises
    ------
    UserError when ``root`` is no folder or holds none of the clips (with the names that were looked for and
    the nearest that are there), a clip lies in two places, or a link leads out of ``root``.
    """
    entries = _entries(root)
    found: dict[str, Path] = {}
    for name in expected:
        wanted = _spellings(name)
        places = [path for spelling, paths in entries.items() if spelling in wanted for path in paths]
        if len(places) > 1:
            raise UserError(
                f"clip '{printable(name)}' lies in {len(places)} places: {_listed(root, places)}",
                where=printable(str(root)),
                expected="one of them",
                hint="remove what is not to be measured",
            )
        if places and places[0] in found.values():
            raise UserError(
                f"'{_listed(root, places)}' may be clip '{printable(name)}' or another one",
                where=printable(str(root)),
                expected="folders inside folders as in the names of the clips, with '/' and not '_'",
            )
        if places:
            found[name] = _inside(places[0], root)
    if not found:
        raise _nothing_found(root, expected, entries)
    return found


def unused_entries(root: Path, found: Mapping[str, Path]) -> list[str]:
    """Folders of frames and videos below ``root`` that no clip was found in, by name."""
    used = set(found.values())
    return sorted(name for name, paths in _entries(root).items() for path in paths if path not in used)


def list_clips(root: Path) -> dict[str, Path]:
    """Every folder of frames and every video below ``root`` by name: its path without a video's ending.

    Raises UserError when there is none, two have one name, or a link leads out of ``root``.
    """
    found = {}
    for name, paths in sorted(_entries(root).items()):
        if len(paths) > 1:
            raise UserError(
                f"'{printable(name)}' is {len(paths)} things: {_listed(root, paths)}",
                where=printable(str(root)),
                expected="one folder or video per clip",
            )
        found[name] = _inside(paths[0], root)
    if not found:
        raise UserError(
            "no frames here",
            where=printable(str(root)),
            expected="pictures, or one folder of pictures or video per clip",
        )
    return found


def holds_frames(path: Path) -> bool:
    """Whether ``path`` is one clip: a file, or a folder with pictures in it. Raises UserError when it is not
    there or may not be read.
    """
    if not path.exists():
        raise UserError(
            "no such file or folder",
            where=printable(str(path)),
            expected="frames, a video, or one folder or video per clip",
        )
    return not path.is_dir() or any(is_picture(Path(entry.name)) for entry in _scan(path))


def _entries(root: Path) -> dict[str, list[Path]]:
    """Name -> folders of frames and videos, down to :data:`DEPTH`; links to folders are not followed."""
    if not root.is_dir():
        raise UserError(
            "not a folder", where=printable(str(root)), expected="a folder with one folder or video per clip"
        )
    found: dict[str, list[Path]] = {}
    _collect(root, root, DEPTH, found)
    return found


def _collect(folder: Path, root: Path, depth: int, found: dict[str, list[Path]]) -> None:
    entries = sorted(_scan(folder), key=lambda entry: entry.name)
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if path.is_dir():
            if entry.is_symlink() or _is_clip(path):
                found.setdefault(path.relative_to(root).as_posix(), []).append(path)
            if depth > 1 and not entry.is_symlink():
                _collect(path, root, depth - 1, found)
        elif is_video(path):
            found.setdefault(path.relative_to(root).with_suffix("").as_posix(), []).append(path)


def _is_clip(folder: Path) -> bool:
    """A folder with pictures, or with nothing: an empty folder is a clip without frames, which is worth
    saying.
    """
    entries = _scan(folder)
    return not entries or any(is_picture(Path(entry.name)) for entry in entries)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=printable(str(folder))) from error


def _inside(path: Path, root: Path) -> Path:
    if not is_inside(path, root):
        raise UserError(
            "a link that leads out of the folder",
            where=printable(str(path)),
            expected=f"files below {printable(str(root))}",
            hint="copy the files there",
        )
    return path


def _spellings(name: str) -> set[str]:
    return {name, name.replace("/", "_")}


def _listed(root: Path, paths: Iterable[Path]) -> str:
    return " and ".join(printable(path.relative_to(root).as_posix()) for path in paths)


def _nothing_found(root: Path, expected: Sequence[str], entries: Mapping[str, object]) -> UserError:
    """What was looked for, and what looks like it."""
    names = [printable(name.replace("/", "_")) for name in expected[:_SHOWN]]
    more = f" and {len(expected) - _SHOWN} more" if len(expected) > _SHOWN else ""
    wanted = [name.replace("/", "_") for name in expected]
    pairs = [
        f"rename {printable(entry)} to {printable(close[0])}"
        for entry in sorted(entries)
        if (close := nearest(entry.replace("/", "_"), wanted, 1))
    ]
    there = ", ".join(printable(name) for name in sorted(entries)[:_SHOWN]) or "no folder of frames, no video"
    return UserError(
        f"none of the {len(expected)} clips is here, but {there}",
        where=printable(str(root)),
        expected=f"folders of frames or videos ({', '.join(VIDEO_SUFFIXES[:3])}, ...) called "
        f"{', '.join(names)}{more}; '/' may stand for '_'",
        hint="; ".join(pairs[:3]) or None,
    )
