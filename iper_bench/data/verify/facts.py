"""``Facts``: what is published of a data set, from the package's ``data/manifests/<name>.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

_PACKAGE = "iper_bench.data.manifests"


@dataclass(frozen=True)
class SplitFacts:
    """A split: how many clips, and the names of those that are known (sorted)."""

    clips: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What a whole copy holds; ``None`` or empty where nobody says.

    Attributes
    ----------
    clips, frames: of all splits together.
    counts: what is counted -> how many there are, for example ``{"actors": 30}``.
    levels: the same keys -> how many leading parts of a clip's name tell two of them apart.
    prefixes: start of a clip's name -> how many clips begin with it.
    name: regular expression of a whole clip name, empty: any.
    splits: split -> its facts.
    """

    clips: int
    frames: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=dict)
    prefixes: Mapping[str, int] = field(default_factory=dict)
    name: str = ""
    splits: Mapping[str, SplitFacts] = field(default_factory=dict)


def published_facts(dataset: str) -> Facts | None:
    """The facts of a data set by its registry name; ``None`` for one that nobody published facts of."""
    found = {path.name: path for path in resources.files(_PACKAGE).iterdir()}
    path = found.get(f"{dataset}.yaml")
    return None if path is None else _facts(yaml.safe_load(path.read_text(encoding="utf-8")))


def _facts(content: dict[str, Any]) -> Facts:
    plain = {key: value for key, value in content.items() if key not in ("format", "dataset", "splits")}
    splits = {
        name: SplitFacts(split["clips"], tuple(sorted(split.get("names", ()))))
        for name, split in content["splits"].items()
    }
    return Facts(**plain, splits=splits)
