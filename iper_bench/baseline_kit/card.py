"""``card.yaml`` of a baseline: what it is, its presets, the published numbers, and what differs from the
original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from iper_bench.baseline_kit.plain_fields import from_plain
from iper_bench.errors import UserError, unknown_name

CARD_FILE = "card.yaml"
TASKS = ("motion_imitation", "appearance_transfer", "novel_view")
TINY, PAPER = "tiny", "paper"
REQUIRED_PRESETS = (TINY, PAPER)
_LARGEST = 1 << 20  # bytes of a card that is read


@dataclass(frozen=True)
class PublishedRow:
    """Where the benchmark's paper has numbers of this method: table 1, 2 or 4 and its name there
    (``results/paper/table<N>.csv``).
    """

    table: int
    method: str


@dataclass(frozen=True)
class Difference:
    """One difference from the original, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Card:
    """A card as it was read.

    Attributes
    ----------
    name: method name. title, authors, year, venue, paper (address): of the publication.
    licence: of the original's code, in words.
    tasks: of :data:`TASKS`. inputs: one line per input of the network.
    presets: settings by preset name; at least ``tiny`` (a laptop) and ``paper`` (the published sizes).
    published: rows of the benchmark's paper. differs: from the original.
    """

    name: str
    title: str
    authors: tuple[str, ...]
    year: int
    venue: str
    paper: str
    licence: str
    tasks: tuple[str, ...]
    inputs: tuple[str, ...]
    presets: Mapping[str, Mapping[str, Any]]
    published: tuple[PublishedRow, ...]
    differs: tuple[Difference, ...]

    def preset(self, name: str) -> Mapping[str, Any]:
        """The settings of a preset. Raises UserError for an unknown one."""
        if name not in self.presets:
            raise unknown_name("preset", name, self.presets, where=f"method '{self.name}'")
        return self.presets[name]


@dataclass(frozen=True)
class _Words:
    """The fields of a card that are plain values."""

    name: str
    title: str
    authors: tuple[str, ...]
    year: int
    venue: str
    paper: str
    licence: str
    tasks: tuple[str, ...]
    inputs: tuple[str, ...]


def read_card(path: Path) -> Card:
    """Read and check a card.

    Raises
    ------
    UserError, naming the file and the field, for YAML that cannot be read, unknown or missing fields, values
    of another type, unknown tasks, missing presets.
    """
    where = str(path)
    content = _content(path, where)
    nested = {key: content.pop(key, None) for key in ("presets", "published", "differs")}
    words = from_plain(_Words, content, where)
    for task in words.tasks:
        if task not in TASKS:
            raise unknown_name("task", task, TASKS, where=f"{where}, field 'tasks'")
    if not words.tasks:
        raise UserError("is empty", where=f"{where}, field 'tasks'", expected=f"some of {', '.join(TASKS)}")
    presets = nested["presets"]
    tables = presets.items() if isinstance(presets, dict) else [("", None)]
    if not all(isinstance(name, str) and isinstance(one, dict) for name, one in tables):
        raise UserError(
            "are no tables", where=f"{where}, field 'presets'", expected="settings by name of the preset"
        )
    for name in REQUIRED_PRESETS:
        if name not in presets:
            raise UserError(
                f"preset '{name}' is missing",
                where=f"{where}, field 'presets'",
                expected=f"at least {' and '.join(REQUIRED_PRESETS)}",
            )
    return Card(
        **vars(words),
        presets=presets,
        published=_rows(PublishedRow, nested["published"], f"{where}, field 'published'"),
        differs=_rows(Difference, nested["differs"], f"{where}, field 'differs'"),
    )


def _content(path: Path, where: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError("is no card: too large", where=where, expected=f"at most {_LARGEST} bytes")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"cannot read the card ({said})", where=where, expected="a YAML file") from error
    if not isinstance(content, dict):
        raise UserError("holds no fields", where=where, expected="the fields of a card")
    return content


def _rows(kind: type[Any], values: object, where: str) -> tuple[Any, ...]:
    if not isinstance(values, list):
        raise UserError("is no list", where=where, expected="a list, [] where there is nothing")
    return tuple(from_plain(kind, value, f"{where}, entry {k + 1}") for k, value in enumerate(values))
