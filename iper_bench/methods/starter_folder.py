"""``write_starter``: a working package to start a method from."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path
from string import Template

from iper_bench.atomic import explain, write_text
from iper_bench.errors import UserError
from iper_bench.methods.method import METHODS

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 60


def write_starter(name: str, out: Path | None = None) -> list[Path]:
    """Write the folder; returns the files, sorted.

    Parameters
    ----------
    name: the method's; the package is called the same with ``_`` for ``-``.
    out: the folder; ``None`` = ``name`` in the current one.

    Raises
    ------
    UserError for a name that is taken or no name, and for a folder that is not empty or cannot be written.
    """
    package = _package(name)
    folder = Path(name) if out is None else out
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(
                "is there and not empty" if folder.is_dir() else "is a file",
                where=str(folder),
                expected="a new or empty folder",
                hint="--out FOLDER",
            )
    except OSError as error:
        raise explain(error, str(folder)) from error
    title = "".join(part.capitalize() for part in package.split("_")).removesuffix("Method") or "My"
    words = {
        "name": name,
        "package": package,
        "title_method": f"{title}Method",
        "title_subject": f"{title}Subject",
    }
    contents = {
        "pyproject.toml": _filled("pyproject.toml.txt", words),
        "README.md": _filled("README.md.txt", words),
        f"{package}/__init__.py": "",
        f"{package}/method.py": _filled("method.py.txt", words),
        "tests/test_contract.py": _filled("test_contract.py.txt", words),
    }
    for path, content in contents.items():
        write_text(folder / path, content)
    return sorted(folder / path for path in contents)


def _package(name: str) -> str:
    """The Python package of a method. Raises UserError for a name that will not do."""
    expected = "small letters, digits and single '-', a letter first"
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise UserError(f"'{name[:80]}' cannot be a method's name", where="NAME", expected=expected)
    if name in METHODS:
        raise UserError(
            f"method '{name}' is there already, from {METHODS.origin(name)}",
            where="NAME",
            expected="a name that is free",
        )
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package == "iper_bench":
        raise UserError(f"'{package}' is a name of Python's own", where="NAME", expected="another name")
    return package


def _filled(template: str, words: dict[str, str]) -> str:
    text = files("iper_bench.methods").joinpath("starter", template).read_text(encoding="utf-8")
    return Template(text).substitute(words)
