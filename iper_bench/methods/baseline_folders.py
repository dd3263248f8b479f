"""The folders under ``baselines/``, found by looking: adding a folder with a card adds a method."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from iper_bench.errors import UserError

PACKAGE = "iper_bench.baselines"
CARD_FILE = "card.yaml"
_FOLDER = re.compile(r"[a-z][a-z0-9_]*")


def baseline_folders() -> dict[str, Path]:
    """Folders by method name ('-' for the folder's '_'), sorted. Nothing in them is imported.

    Raises
    ------
    UserError for a folder whose name is no Python package's, and for two folders of one name.
    """
    found: dict[str, Path] = {}
    for root in import_module(PACKAGE).__path__:
        for card in sorted(Path(root).resolve().glob(f"*/{CARD_FILE}")):
            folder = card.parent
            if _FOLDER.fullmatch(folder.name) is None:
                raise UserError(
                    "cannot be imported under this name",
                    where=str(folder),
                    expected="a folder named with small letters, digits and '_', a letter first",
                )
            other = found.setdefault(folder.name.replace("_", "-"), folder)
            if other != folder:
                raise UserError("two folders of one method", where=f"{other} and {folder}", expected="one")
    return dict(sorted(found.items()))


def baseline_entries() -> dict[str, tuple[str, str]]:
    """For the registry of methods: by name, where the factory is and who brought it."""
    return {
        name: (f"{PACKAGE}.{folder.name}.method:create", f"baselines/{folder.name}")
        for name, folder in baseline_folders().items()
    }
