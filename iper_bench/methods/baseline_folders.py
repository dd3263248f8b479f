"""The folders under ``baselines/``, found by looking: adding a folder with a card adds a method."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

PACKAGE = "iper_bench.baselines"
CARD_FILE = "card.yaml"


def baseline_folders() -> dict[str, Path]:
    """Folders by method name ('-' for the folder's '_'), sorted. Nothing in them is imported."""
    found: dict[str, Path] = {}
    for root in import_module(PACKAGE).__path__:
        for card in sorted(Path(root).glob(f"*/{CARD_FILE}")):
            found.setdefault(card.parent.name.replace("_", "-"), card.parent)
    return dict(sorted(found.items()))


def baseline_entries() -> dict[str, tuple[str, str]]:
    """For the registry of methods: by name, where the factory is and who brought it."""
    return {
        name: (f"{PACKAGE}.{folder.name}.method:create", f"baselines/{folder.name}")
        for name, folder in baseline_folders().items()
    }
