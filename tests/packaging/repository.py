"""The tree the packaging tests look at: where it is, and which folder is installed as which package."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

#: folder of the repository -> package it is installed as
PACKAGED = {
    "iper_bench": "iper_bench",
    "protocols": "iper_bench.protocols",
    "baselines": "iper_bench.baselines",
    "results": "iper_bench.results",
}

_MADE_BY_TOOLS = {"__pycache__", ".mypy_cache", ".ruff_cache"}


def pyproject() -> dict[str, Any]:
    """The parsed pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packaged_files(root: Path = ROOT) -> list[tuple[Path, str]]:
    """Every file of the packaged folders below ``root`` with the path it must have when installed, sorted."""
    found = []
    for folder, package in PACKAGED.items():
        for path in sorted((root / folder).rglob("*")):
            hidden = any(
                part in _MADE_BY_TOOLS or part.startswith(".") for part in path.relative_to(root).parts
            )
            if path.is_file() and not hidden:
                inside = path.relative_to(root / folder).as_posix()
                found.append((path, f"{package.replace('.', '/')}/{inside}"))
    return found


def python_files(*folders: str) -> list[Path]:
    """Sorted Python files below the folders of the repository."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
