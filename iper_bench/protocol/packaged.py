"""The protocol files that come with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

_PACKAGE = "iper_bench.protocols"


def packaged_files() -> dict[str, Path]:
    """Protocol name -> its YAML file, sorted."""
    with resources.as_file(resources.files(_PACKAGE)) as folder:
        return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
