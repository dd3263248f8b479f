"""Trust on first use: which content a weight file had when it was first used.

The sha256 of some weights is not public. The one that was found at the first use is kept in ``trusted.json``
of the cache folder, and the same name with another content is refused from then on. Values are never changed
by this: a row names the hash it was measured with either way.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_dir

from iper_bench.atomic import explain, write_json
from iper_bench.errors import UserError
from iper_bench.lock import take

HOME_VARIABLE = "IPER_BENCH_HOME"
RECORD = "trusted.json"
LOCK = ".trusted.lock"
_SHA256 = re.compile(r"[0-9a-f]{64}")

_fresh: set[tuple[str, str]] = set()  # entries that this process made: key and hash
_unkept: set[Path] = set()  # records that could not be written, each told once


def cache_home() -> Path:
    """The cache folder: IPER_BENCH_HOME, else the platform's. Nothing is created."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) if home else Path(user_cache_dir("iper-bench", appauthor=False))


def recorded(identity: str, file: str) -> str | None:
    """The sha256 under which ``file`` of the network ``identity`` was first used, ``None`` before that.

    Raises UserError when the record is damaged.
    """
    return _read(cache_home() / RECORD).get(_key(identity, file))


def trust(identity: str, file: str, sha256: str, *, anew: bool = False) -> str:
    """Keep ``sha256`` unless one is kept already; returns the one that is kept.

    With ``anew`` the new one replaces it. Two processes at once agree on one of the two. Where the cache
    folder cannot be written, the file is used without a record and a note says so once; with ``anew``, when
    the record is what was asked for, that is a UserError, as is a damaged record.
    """
    home = cache_home()
    key = _key(identity, file)
    known = _read(home / RECORD).get(key)
    if known == sha256 or (known is not None and not anew):
        return known
    try:
        kept = _keep(home, key, sha256, anew=anew)
    except OSError as error:
        if anew:
            raise explain(error, str(home / RECORD)) from error
        _tell_once(home / RECORD, file, error.strerror or str(error))
        return sha256
    if kept == sha256:
        _fresh.add((key, sha256))
    return kept


def withdraw(identity: str, file: str, sha256: str) -> None:
    """Forget a hash that this process was the first to keep: the file turned out not to hold the network.
    Entries of earlier uses stay.
    """
    key = _key(identity, file)
    if (key, sha256) not in _fresh:
        return
    home = cache_home()
    with _locked(home):
        entries = _read(home / RECORD)
        if entries.get(key) == sha256:
            _write(home / RECORD, {name: kept for name, kept in entries.items() if name != key})
    _fresh.discard((key, sha256))


def _keep(home: Path, key: str, sha256: str, *, anew: bool) -> str:
    with _locked(home):
        entries = _read(home / RECORD)  # another process may have been here since
        if key in entries and not anew:
            return entries[key]
        _write(home / RECORD, {**entries, key: sha256})
    return sha256


def _write(path: Path, entries: dict[str, str]) -> None:
    """Raises OSError, so that the caller can tell whether a record was asked for."""
    try:
        write_json(path, entries)
    except UserError as error:
        raise error.__cause__ if isinstance(error.__cause__, OSError) else error from None


def _key(identity: str, file: str) -> str:
    return f"{identity}/{file}"


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UserError(
            f"cannot be read: {error.strerror}", where=str(path), hint=f"{HOME_VARIABLE}=FOLDER"
        ) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(content, dict) or not all(
        isinstance(value, str) and _SHA256.fullmatch(value) for value in content.values()
    ):
        raise _damaged(path)
    return content


def _damaged(path: Path) -> UserError:
    return UserError(
        "the record of trusted weights is damaged",
        where=str(path),
        expected="a JSON object of NAME/FILE and sha256",
        hint=f"rm {shlex.quote(str(path))}; hashes are then recorded anew at the next use",
    )


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Alone with the record, for milliseconds."""
    home.mkdir(parents=True, exist_ok=True)
    handle = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        take(handle, wait=True)
        yield
    finally:
        os.close(handle)


def _tell_once(path: Path, file: str, reason: str) -> None:
    if path not in _unkept:
        _unkept.add(path)
        sys.stderr.write(
            f"iper-bench: note: {path} cannot be written ({reason}): the hash of {file} is not kept for"
            " the next use\n"
        )
