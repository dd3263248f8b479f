"""The ``rules`` of a protocol file: how trials follow from a dataset's split."""

from __future__ import annotations

from typing import Any

from iper_bench.errors import UserError
from iper_bench.protocol.fields import Fields
from iper_bench.protocol.frame_span import span
from iper_bench.protocol.schema import (
    CHOICES,
    IMITATION,
    NOVEL_VIEW,
    TARGETS,
    TRANSFER,
    CrossRule,
    Rules,
    SelfRule,
    SourceRule,
    TransferRule,
    ViewRule,
)

#: the keys under ``rules`` that say what is driven, by task
RULES_OF = {IMITATION: ("self", "cross"), TRANSFER: ("transfer",), NOVEL_VIEW: ("views",)}
#: the keys under ``rules`` of every task, and the keys of each rule
RULE_KEYS = ("clips", "sources", "train_percent")
KEYS_OF_RULE = {
    "clips": ("limit",),
    "sources": ("frames", "choose"),
    "self": ("frames", "limit"),
    "cross": ("target", "frames", "real", "limit"),
    "transfer": ("frames", "limit"),
    "views": ("frames",),
}
TRAIN_PERCENT = 85  # of the videos of MetaPix, whose cut all of them have (protocols/README.md)
MOST_PERCENT = 99


def read_rules(content: Any, where: str, task: str) -> Rules:
    """The mapping ``rules`` of a protocol of ``task``. Raises UserError, one line with the field."""
    own = RULES_OF[task]
    fields = Fields(content, where, (*RULE_KEYS, *own))
    if not any(fields.has(key) for key in own):
        either = f"neither '{own[0]}' nor '{own[1]}'" if len(own) == 2 else f"no '{own[0]}'"
        expected = "at least one of them" if len(own) == 2 else f"'{own[0]}: ...' for the task {task}"
        raise UserError(f"has {either}", where=where, expected=expected)
    limit = None
    if fields.has("clips"):
        clips = Fields(fields.raw("clips"), fields.place("clips"), KEYS_OF_RULE["clips"])
        limit = clips.integer("limit", 1) if clips.has("limit") else None
    sources = Fields(fields.raw("sources"), fields.place("sources"), KEYS_OF_RULE["sources"])
    source_rule = SourceRule(span(sources, "frames"), sources.choice("choose", CHOICES))
    found = {key: _READERS[key](fields.raw(key), fields.place(key)) for key in own if fields.has(key)}
    return Rules(
        clip_limit=limit,
        sources=source_rule,
        self_rule=found.get("self"),
        cross_rule=found.get("cross"),
        transfer_rule=found.get("transfer"),
        view_rule=found.get("views"),
        train_percent=_percent(fields, [source_rule, *found.values()]),
    )


def _percent(fields: Fields, rules: list[Any]) -> int | None:
    """Where parts begin, when a rule names one."""
    parted = any(isinstance(getattr(rule, key, None), str) for rule in rules for key in ("frames", "real"))
    if not fields.has("train_percent"):
        return TRAIN_PERCENT if parted else None
    value = fields.integer("train_percent", 1)
    if value > MOST_PERCENT or not parted:
        expected = f"1 to {MOST_PERCENT}" if parted else "'frames: train' or 'frames: test' in a rule"
        raise UserError(f"found {value}", where=fields.place("train_percent"), expected=expected)
    return value


def _limit(fields: Fields) -> int | None:
    return fields.integer("limit", 1) if fields.has("limit") else None


def _self_rule(content: Any, where: str) -> SelfRule:
    fields = Fields(content, where, KEYS_OF_RULE["self"])
    return SelfRule(span(fields, "frames"), _limit(fields))


def _cross_rule(content: Any, where: str) -> CrossRule:
    fields = Fields(content, where, KEYS_OF_RULE["cross"])
    return CrossRule(
        target=fields.choice("target", TARGETS),
        frames=span(fields, "frames"),
        real=span(fields, "real"),
        limit=_limit(fields),
    )


def _transfer_rule(content: Any, where: str) -> TransferRule:
    fields = Fields(content, where, KEYS_OF_RULE["transfer"])
    return TransferRule(span(fields, "frames"), _limit(fields))


def _view_rule(content: Any, where: str) -> ViewRule:
    return ViewRule(span(Fields(content, where, KEYS_OF_RULE["views"]), "frames"))


_READERS: dict[str, Any] = {
    "self": _self_rule,
    "cross": _cross_rule,
    "transfer": _transfer_rule,
    "views": _view_rule,
}
