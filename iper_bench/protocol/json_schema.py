"""The JSON Schema (draft 2020-12) of protocol files, from the keys and limits that their readers use.

What it cannot say, the reader still checks: that ranges rise, that lists belong together in length, that
``sources`` has one list per source count, that a video is listed once, that part words and ``train_percent``
go together.
"""

from __future__ import annotations

import json
from typing import Any

from iper_bench.protocol import entry_reading, reading, rule_reading, variation
from iper_bench.protocol.candidates import SOURCE_POSITIONS
from iper_bench.protocol.frame_span import FRAME_NAME
from iper_bench.protocol.protocol_name import BASE_PATTERN
from iper_bench.protocol.protocol_name import PATTERN as NAME_PATTERN
from iper_bench.protocol.schema import (
    BACKGROUNDS,
    CHOICES,
    FORMAT,
    NOVEL_VIEW,
    PARTS,
    TARGETS,
    TASKS,
    TRANSFER,
)
from iper_bench.protocol.video_name import PATTERN

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"

_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_INTEGER: Schema = {"type": "integer", "minimum": 0}
_COUNT: Schema = {"type": "integer", "minimum": 1}
_VIDEO: Schema = {"type": "string", "pattern": PATTERN}
_FRAME: Schema = {"anyOf": [_INTEGER, {"type": "string", "pattern": f"^{FRAME_NAME}$"}]}
_RANGE: Schema = {"type": "array", "items": _INTEGER, "minItems": 2, "maxItems": 2}
_SPAN: Schema = {"anyOf": [_RANGE, {"enum": list(PARTS)}]}
_FORBIDDEN: Schema = {"not": {}}


def protocol_schema() -> Schema:
    """The schema, as plain dictionaries."""
    return {
        "$schema": DRAFT,
        "title": "iper-bench protocol",
        "description": "Which frames are sources, targets, truth and real set. Fields: protocols/README.md",
        "type": "object",
        "if": {"required": ["base"]},
        "then": {"$ref": "#/$defs/variation"},
        "else": {"$ref": "#/$defs/protocol"},
        "$defs": {
            "protocol": _protocol(),
            "variation": _variation(),
            "repairs": _repairs(),
            **{f"rules_{task}": _rules(task) for task in TASKS},
            **{f"entry_{task}": _entry(task) for task in TASKS},
        },
    }


def schema_text() -> str:
    """The schema as JSON text, as it is committed in protocols/protocol.schema.json."""
    return json.dumps(protocol_schema(), indent=1) + "\n"


def _object(keys: tuple[str, ...], fields: Schema, required: tuple[str, ...]) -> Schema:
    """A mapping with these keys and no others. Raises KeyError for a key that no schema was written for."""
    return {
        "type": "object",
        "properties": {key: fields[key] for key in keys},
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Schema, least: int = 1) -> Schema:
    return {"type": "array", "items": items, "minItems": least}


def _head() -> Schema:
    return {
        "format": {"type": "integer", "minimum": 1, "maximum": FORMAT},
        "name": {"type": "string", "pattern": NAME_PATTERN},
        "description": _TEXT,
        "image_size": {"type": "integer", "minimum": 1, "maximum": reading.LARGEST_IMAGE},
        "source_counts": {**_list(_COUNT), "uniqueItems": True},
    }


def _protocol() -> Schema:
    fields = {
        **_head(),
        "task": {"enum": list(TASKS)},
        "dataset": _TEXT,
        "split": _TEXT,
        "rules": {"type": "object"},
        "clips": _list({"type": "object"}),
        "pairs": _list(_pair()),
        "take": _list(_TEXT),
        "background": {"enum": list(BACKGROUNDS)},
    }
    required = ("name", "task", "dataset", "split", "source_counts")
    found = _object(reading.TOP_KEYS, fields, required)
    known = {"properties": {"source_counts": {"items": {"enum": list(SOURCE_POSITIONS)}}}}
    found["oneOf"] = [{"required": ["rules"]}, {"required": ["clips"]}]
    found["allOf"] = [
        {"if": {"required": ["rules"]}, "then": known},
        *(
            {"if": {"properties": {"task": {"const": task}}, "required": ["task"]}, "then": _of_task(task)}
            for task in TASKS
        ),
    ]
    return found


def _of_task(task: str) -> Schema:
    """What the task of a protocol adds."""
    found: Schema = {
        "properties": {
            "rules": {"$ref": f"#/$defs/rules_{task}"},
            "clips": {"items": {"$ref": f"#/$defs/entry_{task}"}},
        }
    }
    if task == TRANSFER:
        found["if"] = {"required": ["clips"]}
        found["then"] = {"required": ["pairs"]}
        found["else"] = {"properties": {"pairs": _FORBIDDEN}}
    else:
        found["properties"] |= dict.fromkeys(("pairs", "take", "background"), _FORBIDDEN)
    return found


def _drive(keys: tuple[str, ...]) -> Schema:
    return _object(keys, {"video": _VIDEO, "frames": _RANGE, "real": _RANGE}, keys)


def _pair() -> Schema:
    target = _drive(entry_reading.DRIVEN_BY_ITSELF)
    fields = {"source": _VIDEO, "reference": _VIDEO, "target": target}
    return _object(entry_reading.PAIR_KEYS, fields, entry_reading.PAIR_KEYS)


def _sources() -> Schema:
    """Lists by number; the usual ones with their length."""
    fixed = {str(sn): {**_list(_FRAME, sn), "maxItems": sn} for sn in SOURCE_POSITIONS}
    other = {r"^[1-9][0-9]*$": _list(_FRAME)}
    return {
        "type": "object",
        "properties": fixed,
        "patternProperties": other,
        "minProperties": 1,
        "additionalProperties": False,
    }


def _entry(task: str) -> Schema:
    fields = {
        "video": _VIDEO,
        "candidates": _list(_FRAME),
        "view_angles": _list(_INTEGER),
        "headings": _list({"type": "number", "minimum": 0, "exclusiveMaximum": 360}),
        "own_bin": _list({"type": "boolean"}),
        "frame_names": _list({"type": "string", "minLength": 1}),
        "sources": _sources(),
        "self": _drive(entry_reading.DRIVEN_BY_ITSELF),
        "cross": _drive(entry_reading.DRIVEN_BY_ANOTHER),
        "targets": _list(_FRAME),
        "removed": _list(_RANGE),
        "frames_sha256": {"type": "string", "pattern": r"^[0-9a-f]{64}$"},
        "repaired": {"$ref": "#/$defs/repairs"},
    }
    required = ("video", "sources", "targets") if task == NOVEL_VIEW else ("video", "sources")
    found = _object(entry_reading.keys_of(task), fields, required)
    found["dependentRequired"] = {key: ["candidates"] for key in entry_reading.OF_CANDIDATES}
    return found


def _repairs() -> Schema:
    fields = {
        "from": {"anyOf": [_VIDEO, _list(_FRAME)]},
        "kind": _TEXT,
        "why": _TEXT,
        "basis": _TEXT,
        "shorter_than": _COUNT,
    }
    one = _object(entry_reading.REPAIR_KEYS, fields, ("from", "kind", "why"))
    return {"type": "object", "additionalProperties": one, "minProperties": 1}


def _rules(task: str) -> Schema:
    own, keys = rule_reading.RULES_OF[task], rule_reading.KEYS_OF_RULE
    fields = {
        "frames": _SPAN,
        "real": _SPAN,
        "limit": _COUNT,
        "choose": {"enum": list(CHOICES)},
        "target": {"enum": list(TARGETS)},
    }
    needed = ("frames", "real", "choose", "target")
    rules = {
        key: _object(names, fields, tuple(name for name in names if name in needed))
        for key, names in keys.items()
    }
    rules["train_percent"] = {"type": "integer", "minimum": 1, "maximum": rule_reading.MOST_PERCENT}
    found = _object((*rule_reading.RULE_KEYS, *own), rules, ("sources",))
    found["anyOf"] = [{"required": [key]} for key in own]
    return found


def _variation() -> Schema:
    frames = _list(_FRAME)
    fields = {
        **_head(),
        "base": {"type": "string", "pattern": BASE_PATTERN},
        "one_shot_sources": {"type": "object", "additionalProperties": frames, "minProperties": 1},
        "reverse_pairs": {"const": True},
        "repaired": {"type": "object", "additionalProperties": {"$ref": "#/$defs/repairs"}},
    }
    found = _object(variation.VARIATION_KEYS, fields, ("name", "base"))
    found["oneOf"] = [{"required": ["one_shot_sources"]}, {"required": ["reverse_pairs"]}]
    return found
