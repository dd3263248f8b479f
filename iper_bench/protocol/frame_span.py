"""Frames in a protocol file: names, indices, ranges, parts of a video."""

from __future__ import annotations

import re
from typing import Any

from iper_bench.errors import UserError, unknown_name
from iper_bench.protocol.fields import Fields, whole_number
from iper_bench.protocol.schema import PARTS, FrameRange, NamedFrame, Span

FRAME_NAME = r"(?:[^./\\]*_)?([0-9]{1,9})(?:\.[A-Za-z0-9]+)?"  # 035.jpg, frame_00000311.png


def frame_number(value: Any, where: str) -> int:
    """The index that a frame name stands for (``"035.jpg"`` -> 35, ``"frame_00000311.png"`` -> 311), or an
    index itself.

    The official evaluator reduces names in the same way, so names of another width still mean their frame.
    Raises UserError for anything else.
    """
    if isinstance(value, str):
        match = re.fullmatch(FRAME_NAME, value)
        if match is None:
            raise UserError(
                f"found {value!r}"[:160], where=where, expected="a frame name such as 035.jpg, or an index"
            )
        return int(match.group(1))
    return whole_number(value, where, 0)


def frame_list(fields: Fields, key: str) -> tuple[int, ...]:
    """A non-empty list of frames as indices."""
    return tuple(frame_number(item, fields.place(key)) for item in fields.items(key))


def named_frames(place: str, items: Any) -> tuple[NamedFrame, ...]:
    """The items of a list that are written as names; the list has been read by :func:`frame_list`."""
    return tuple(
        NamedFrame(f"{place}[{position}]", item, frame_number(item, place))
        for position, item in enumerate(items)
        if isinstance(item, str)
    )


def frame_range(fields: Fields, key: str) -> FrameRange:
    """``[first, last]``."""
    return range_of(fields.integers(key), fields.place(key))


def range_of(values: tuple[int, ...], where: str) -> FrameRange:
    """Two rising indices as a range. Raises UserError for anything else."""
    if len(values) != 2 or values[0] > values[1]:
        raise UserError(f"found {list(values)}"[:80], where=where, expected="[first, last], both inclusive")
    return FrameRange(*values)


def span(fields: Fields, key: str) -> Span:
    """``[first, last]``, or the word for a part of the video."""
    value = fields.raw(key)
    if not isinstance(value, str):
        return frame_range(fields, key)
    if value not in PARTS:
        raise unknown_name("part", value, PARTS, where=fields.place(key))
    return value
