"""What the name of a frame says: its number, and how a name is printed whatever its bytes are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

Id = int | str

_DIGITS = re.compile(r"[0-9]+")
_SHOWN = 240  # characters of a name in a message


def printable(name: str) -> str:
    """``name`` with bytes that are not UTF-8 and control characters written as escapes, so that it can be
    printed and stored anywhere; cut when it is very long.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def frame_ids(stems: Sequence[str]) -> list[Id]:
    """Ids of the files of one folder, from their names without ending: the number of :func:`number_spans`; a
    name without one is its own id. Ids may repeat (``"1"`` and ``"01"``).
    """
    spans = number_spans(stems)
    return [
        stem if span is None else int(stem[slice(*span)]) for stem, span in zip(stems, spans, strict=True)
    ]


def number_spans(stems: Sequence[str]) -> list[tuple[int, int] | None]:
    """Where in every name of one folder, without ending, its number stands: start and end.

    One run of digits in a name is its number (``"000012"``, ``"frame_12"`` -> 12). Where names hold several
    runs and agree in all but one of them (``"take2_0001"``, ``"take2_0002"``), that one is the number. Any
    other name has none.
    """
    alike: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    skeletons = [_DIGITS.sub("0", stem) for stem in stems]
    for stem, skeleton in zip(stems, skeletons, strict=True):
        alike[skeleton].append(tuple(int(run) for run in _DIGITS.findall(stem)))
    places = {skeleton: _varying(rows) for skeleton, rows in alike.items()}
    found: list[tuple[int, int] | None] = []
    for stem, skeleton in zip(stems, skeletons, strict=True):
        column = places[skeleton]
        runs = () if column is None else tuple(_DIGITS.finditer(stem))
        found.append(None if column is None else runs[column].span())
    return found


def _varying(rows: Sequence[tuple[int, ...]]) -> int | None:
    """The column that is the number: the only one, or the only one that varies."""
    if len(rows[0]) == 1:
        return 0
    columns = [column for column, values in enumerate(zip(*rows, strict=True)) if len(set(values)) > 1]
    return columns[0] if len(columns) == 1 else None
