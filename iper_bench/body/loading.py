"""``load_body``: a body by name or by the path of a licensed SMPL file, and which one real data takes."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from iper_bench.body.model import BodyModel
from iper_bench.body.open_body import load_open_body, open_body_names
from iper_bench.body.smpl_arrays import GET_IT, SUFFIXES
from iper_bench.body.smpl_companions import companion_folder
from iper_bench.body.smpl_file import load_smpl_file
from iper_bench.errors import UserError, nearest

VARIABLE = "IPER_BENCH_BODY"
OPEN_BODY = "open-coarse"


def load_body(name_or_path: str | Path, *, folder: Path | None = None) -> BodyModel:
    """The body of that name or file, on the CPU, read once per process.

    Parameters
    ----------
    name_or_path: ``"open-coarse"``, ``"open-mid"`` or the path of a licensed SMPL ``.pkl`` or ``.npz``.
    folder: where a licensed body's UV layout and part lists lie; ``None`` = the folder named by
        ``IPER_BENCH_SMPL_FOLDER``, else that of the file (:mod:`iper_bench.body.smpl_companions`).

    Raises
    ------
    UserError for an unknown name, a missing or damaged file.
    """
    name = str(name_or_path)
    return _load(name, companion_folder(Path(name), folder) if Path(name).suffix in SUFFIXES else None)


def default_body() -> str:
    """The body of datasets that come without one: what ``IPER_BENCH_BODY`` names, else "open-coarse".

    Returns
    -------
    A name or path for :func:`load_body`; a path is absolute, because worker processes may run elsewhere.

    Raises
    ------
    UserError when the variable names neither a body nor a file that exists.
    """
    named = os.environ.get(VARIABLE, "")
    if not named:
        return OPEN_BODY
    if named in open_body_names():
        return named
    path = Path(named).expanduser()
    if path.suffix not in SUFFIXES or not path.is_file():
        raise UserError(
            f"'{named}' is no body and no SMPL file that exists",
            where=VARIABLE,
            expected=f"{', '.join(open_body_names())} or the path of an SMPL .pkl or .npz",
            hint=GET_IT,
        )
    return str(path.absolute())


@cache
def _load(name: str, folder: Path | None) -> BodyModel:
    names = open_body_names()
    if name in names:
        return load_open_body(name)
    if Path(name).suffix in SUFFIXES:
        return load_smpl_file(Path(name), folder)
    close = nearest(name, names)
    raise UserError(
        f"unknown body '{name}'",
        expected=f"{', '.join(names)} or the path of an SMPL .pkl or .npz",
        hint=f"did you mean {' or '.join(close)}?" if close else None,
    )
