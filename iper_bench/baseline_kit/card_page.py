"""``README.md`` of a baseline's folder, made from its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iper_bench.baseline_kit.card import Card, PublishedRow
from iper_bench.report.paper import Quote, quotes

README_FILE = "README.md"
_TASKS = {
    "motion_imitation": "motion imitation",
    "appearance_transfer": "appearance transfer",
    "novel_view": "novel view synthesis",
}


def card_page(card: Card) -> str:
    """Markdown. Raises UserError for a published row that the paper's table does not have."""
    blocks = [
        f"# {card.name}",
        "Made from `card.yaml` by `tools/baseline_readmes.py`; edit the card.",
        f"{', '.join(card.authors)}: *{card.title}*, {card.venue} ({card.paper}).",
        f"Licence of the original code: {card.licence}. Nothing of it is copied here.",
        f"Tasks: {', '.join(_TASKS[task] for task in card.tasks)}.",
        "## Inputs\n\n" + "\n".join(f"- {line}" for line in card.inputs),
        "## Use\n\n" + _commands(card),
        "## Presets\n\n" + _settings(card.presets),
        "## Published numbers\n\n" + _published(card.published),
        "## Differs from the original\n\n" + _differences(card),
    ]
    return "\n\n".join(blocks) + "\n"


def _commands(card: Card) -> str:
    lines = [
        f"    iper-bench train --method {card.name} --dataset synthetic --preset tiny --out runs/{card.name}",
        f"    iper-bench run --method {card.name}@runs/{card.name}/weights.safetensors --dataset synthetic"
        + (" --protocol synthetic-novel-view" if card.tasks == ("novel_view",) else ""),
    ]
    return "\n".join(lines)


def _settings(presets: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(presets)
    fields = list(dict.fromkeys(field for one in presets.values() for field in one))
    rows = [["setting", *names], ["---"] * (len(names) + 1)]
    rows += [[field, *(_said(presets[name].get(field, "default")) for name in names)] for field in fields]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_said(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _published(rows: tuple[PublishedRow, ...]) -> str:
    if not rows:
        return "None in the paper's tables."
    lines = ["Impersonator++ (arXiv 2011.09055) prints, from its authors' own training:", ""]
    lines += ["| table | dataset | setting | metric | value |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        lines += [
            f"| {quote.table} | {quote.dataset} | {quote.setting} | {quote.metric} | {quote.printed} |"
            for quote in quotes_of(row)
        ]
    return "\n".join(lines)


def quotes_of(row: PublishedRow) -> list[Quote]:
    """The paper's numbers of one row of a card, in file order; empty where it has none."""
    return [quote for quote in quotes(f"table{row.table}") if quote.method == row.method]


def _differences(card: Card) -> str:
    if not card.differs:
        return "Nothing known."
    return "\n".join(f"- {one.what} Why: {one.why}" for one in card.differs)
