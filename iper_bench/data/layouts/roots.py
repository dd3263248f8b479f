"""Where a dataset lies: what was typed, else ``$IPER_BENCH_DATA``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from iper_bench.data.dataset import DATA_VARIABLE
from iper_bench.data.frame_name import printable
from iper_bench.errors import UserError


def find_root(name: str, root: str | None, is_here: Callable[[Path], bool]) -> Path:
    """The folder of the dataset called ``name``.

    Parameters
    ----------
    root: what was typed; ``None`` takes ``$IPER_BENCH_DATA/<name>`` if there is such a folder, else
        ``$IPER_BENCH_DATA`` itself if ``is_here`` finds the dataset in it.

    Raises
    ------
    UserError when there is no such folder, it is a file or may not be read, or nothing says where to look.
    """
    if root is not None:
        path = Path(root).expanduser()
        _require_folder(path, "--data-root")
        return path
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        raise UserError(
            f"nothing says where the dataset '{name}' lies",
            where=f"dataset '{name}'",
            expected="its folder",
            hint=f"--data-root FOLDER, or {DATA_VARIABLE}=FOLDER with a folder '{name}' in it",
        )
    parent = Path(named).expanduser()
    _require_folder(parent, DATA_VARIABLE)
    own = parent / name
    if own.is_dir():
        _require_folder(own, DATA_VARIABLE)
        return own
    if is_here(parent):
        return parent
    raise UserError(
        f"no dataset '{name}' in {printable(str(parent))}",
        where=DATA_VARIABLE,
        expected=f"a folder '{name}' in it",
        hint="--data-root FOLDER",
    )


def _require_folder(path: Path, where: str) -> None:
    try:
        if path.is_dir():
            os.scandir(path).close()
            return
        what = "is a file" if path.exists() else "there is no such folder"
    except OSError as error:
        what = f"cannot read: {error.strerror}"
    raise UserError(f"{printable(str(path))}: {what}", where=where, expected="the folder of the dataset")
