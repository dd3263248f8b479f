"""From YAML text to a :class:`Protocol`, refusing whatever is not understood."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.protocol.candidates import SOURCE_POSITIONS
from iper_bench.protocol.fields import Fields, read_yaml, whole_number
from iper_bench.protocol.schema import (
    CHOICES,
    FORMAT,
    TARGETS,
    TASKS,
    CrossRule,
    Drive,
    Entry,
    FrameRange,
    Protocol,
    Rules,
    SelfRule,
    SourceRule,
)

_TOP = (
    *("format", "name", "description", "task", "dataset", "split", "image_size"),
    *("source_counts", "rules", "clips"),
)
_FRAME_NAME = re.compile(r"(?:[^./\\]*_)?(\d{1,9})(?:\.[A-Za-z0-9]+)?")  # 035.jpg, frame_00000311.png
LARGEST_IMAGE = 8192  # pixels; refuses absurd sizes before anything is allocated


def read_protocol(path: Path) -> Protocol:
    """The protocol in the YAML file ``path``.

    Raises
    ------
    UserError, one line with file and field: unreadable file, newer format, unknown key (with the nearest
    valid ones), missing key, wrong type, reversed range, sources that do not fit ``source_counts``.
    """
    fields = Fields(read_yaml(path), str(path), _TOP)
    number = fields.integer("format", 1) if fields.has("format") else FORMAT
    if number > FORMAT:
        raise UserError(
            f"format {number} is newer than this iper-bench reads",
            where=str(path),
            expected=f"format {FORMAT}",
            hint="pip install --upgrade iper-bench",
        )
    if fields.has("rules") == fields.has("clips"):
        both = "both 'rules' and 'clips'" if fields.has("rules") else "neither 'rules' nor 'clips'"
        raise UserError(f"has {both}", where=str(path), expected="exactly one of them")
    size = fields.integer("image_size", 1) if fields.has("image_size") else None
    if size is not None and size > LARGEST_IMAGE:
        raise UserError(
            f"found {size}", where=fields.place("image_size"), expected=f"at most {LARGEST_IMAGE}"
        )
    counts = _counts(fields, ruled=fields.has("rules"))
    return Protocol(
        name=fields.text("name"),
        description=fields.text("description") if fields.has("description") else "",
        task=fields.choice("task", TASKS),
        dataset=fields.text("dataset"),
        split=fields.text("split"),
        image_size=size,
        source_counts=counts,
        rules=_rules(fields.raw("rules"), fields.place("rules")) if fields.has("rules") else None,
        clips=_entries(fields, counts) if fields.has("clips") else (),
    )


def _counts(fields: Fields, *, ruled: bool) -> tuple[int, ...]:
    counts = fields.integers("source_counts", 1)
    if list(counts) != sorted(set(counts)):
        raise UserError(
            f"found {list(counts)}", where=fields.place("source_counts"), expected="rising numbers"
        )
    if ruled and not set(counts) <= set(SOURCE_POSITIONS):
        known = ", ".join(str(sn) for sn in SOURCE_POSITIONS)
        raise UserError(
            f"found {list(counts)}",
            where=fields.place("source_counts"),
            expected=f"some of {known}: the yaw rule knows no others",
        )
    return counts


def _rules(content: Any, where: str) -> Rules:
    fields = Fields(content, where, ("clips", "sources", "self", "cross"))
    if not fields.has("self") and not fields.has("cross"):
        raise UserError("has neither 'self' nor 'cross'", where=where, expected="at least one of them")
    limit = None
    if fields.has("clips"):
        clips = Fields(fields.raw("clips"), fields.place("clips"), ("limit",))
        limit = clips.integer("limit", 1) if clips.has("limit") else None
    sources = Fields(fields.raw("sources"), fields.place("sources"), ("frames", "choose"))
    return Rules(
        clip_limit=limit,
        sources=SourceRule(_range(sources, "frames"), sources.choice("choose", CHOICES)),
        self_rule=_self_rule(fields.raw("self"), fields.place("self")) if fields.has("self") else None,
        cross_rule=_cross_rule(fields.raw("cross"), fields.place("cross")) if fields.has("cross") else None,
    )


def _self_rule(content: Any, where: str) -> SelfRule:
    fields = Fields(content, where, ("frames", "limit"))
    return SelfRule(_range(fields, "frames"), fields.integer("limit", 1) if fields.has("limit") else None)


def _cross_rule(content: Any, where: str) -> CrossRule:
    fields = Fields(content, where, ("target", "frames", "real", "limit"))
    return CrossRule(
        target=fields.choice("target", TARGETS),
        frames=_range(fields, "frames"),
        real=_range(fields, "real"),
        limit=fields.integer("limit", 1) if fields.has("limit") else None,
    )


def _entries(fields: Fields, counts: tuple[int, ...]) -> tuple[Entry, ...]:
    found = [
        _entry(item, f"{fields.place('clips')}[{index}]", counts)
        for index, item in enumerate(fields.items("clips"))
    ]
    names = [entry.video for entry in found]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"video '{name}' is listed twice", where=fields.place("clips"))
    return tuple(found)


def _entry(content: Any, where: str, counts: tuple[int, ...]) -> Entry:
    keys = ("video", "candidates", "view_angles", "sources", "self", "cross")
    fields = Fields(content, where, keys)
    candidates = _frame_list(fields, "candidates") if fields.has("candidates") else ()
    angles = fields.integers("view_angles") if fields.has("view_angles") else ()
    if angles and len(angles) != len(candidates):
        raise UserError(
            f"{len(angles)} angles",
            where=fields.place("view_angles"),
            expected=f"one for each of the {len(candidates)} candidates",
        )
    return Entry(
        video=fields.text("video"),
        candidates=candidates,
        view_angles=angles,
        sources=_sources(fields.raw("sources"), fields.place("sources"), counts),
        self_drive=_drive(fields, "self", ("video", "frames")) if fields.has("self") else None,
        cross_drive=_drive(fields, "cross", ("video", "frames", "real")) if fields.has("cross") else None,
    )


def _sources(content: Any, where: str, counts: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    if not isinstance(content, dict) or sorted(map(str, content)) != sorted(map(str, counts)):
        found = list(content) if isinstance(content, dict) else content
        raise UserError(f"found {found!r}"[:80], where=where, expected=f"one list for each of {list(counts)}")
    fields = Fields({str(sn): frames for sn, frames in content.items()}, where, tuple(map(str, counts)))
    sources = {sn: _frame_list(fields, str(sn)) for sn in counts}
    for sn, frames in sources.items():
        if len(frames) != sn:
            raise UserError(f"{len(frames)} frames", where=fields.place(str(sn)), expected=f"{sn} frames")
    return sources


def _drive(fields: Fields, key: str, keys: tuple[str, ...]) -> Drive:
    inner = Fields(fields.raw(key), fields.place(key), keys)
    frames = _range(inner, "frames")
    real = _range(inner, "real") if "real" in keys else None
    return Drive(inner.text("video"), frames, real)


def _frame_list(fields: Fields, key: str) -> tuple[int, ...]:
    return tuple(frame_number(item, fields.place(key)) for item in fields.items(key))


def frame_number(value: Any, where: str) -> int:
    """The index that a frame name stands for (``"035.jpg"`` -> 35, ``"frame_00000311.png"`` -> 311), or an
    index itself.

    The official evaluator reduces names in the same way, so names of another width still mean their frame.
    """
    if isinstance(value, str):
        match = _FRAME_NAME.fullmatch(value)
        if match is None:
            raise UserError(
                f"found {value!r}", where=where, expected="a frame name such as 035.jpg, or an index"
            )
        return int(match.group(1))
    return whole_number(value, where, 0)


def _range(fields: Fields, key: str) -> FrameRange:
    values = fields.integers(key)
    if len(values) != 2 or values[0] > values[1]:
        raise UserError(
            f"found {list(values)}", where=fields.place(key), expected="[first, last], both inclusive"
        )
    return FrameRange(*values)
