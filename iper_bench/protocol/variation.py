"""A protocol that is another one (``base``) with one thing changed: single sources, pairs the other way
round.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from iper_bench.errors import UserError, unknown_name
from iper_bench.protocol.entry_reading import read_repairs
from iper_bench.protocol.fields import Fields
from iper_bench.protocol.frame_span import frame_list, named_frames
from iper_bench.protocol.protocol_name import protocol_name
from iper_bench.protocol.repair import Repair
from iper_bench.protocol.schema import Drive, Entry, Pair, Protocol

VARIATION_KEYS = (
    *("format", "name", "description", "base", "image_size", "source_counts"),
    *("one_shot_sources", "reverse_pairs", "repaired"),
)


def vary(base: Protocol, fields: Fields, *, image_size: int | None) -> Protocol:
    """``base`` under the name of ``fields``, changed as it says.

    ``one_shot_sources``: VIDEO -> frames; each video is evaluated once per frame, with that frame as the
    only source. ``reverse_pairs``: source and reference change places, and the former source's own range
    drives.

    Raises
    ------
    UserError, one line with the field: an unknown video, a base without pairs or, for single sources, with.
    """
    shots, reverse = fields.has("one_shot_sources"), bool(fields.has("reverse_pairs"))
    if shots == reverse:
        raise UserError(
            "changes nothing, or two things",
            where=fields.where,
            expected="exactly one of one_shot_sources and reverse_pairs",
        )
    named = replace(
        base,
        name=protocol_name(fields.raw("name"), fields.place("name")),
        description=fields.lines("description") if fields.has("description") else "",
        image_size=image_size if image_size is not None else base.image_size,
    )
    return _one_shot(named, fields) if shots else _reversed(named, fields)


def _one_shot(base: Protocol, fields: Fields) -> Protocol:
    content, place = fields.raw("one_shot_sources"), fields.place("one_shot_sources")
    entries = {entry.video: entry for entry in base.clips}
    if not isinstance(content, dict) or not content or not entries:
        raise UserError(
            "found no videos", where=place, expected="VIDEO: [frame, ...] of a base that lists clips"
        )
    if base.pairs:
        raise UserError(
            f"'{fields.text('base')}' lists pairs",
            where=fields.place("base"),
            expected="a protocol of motion imitation or novel view",
        )
    if fields.has("source_counts") and fields.integers("source_counts") != (1,):
        raise UserError("found other counts", where=fields.place("source_counts"), expected="[1]")
    for video in content:
        if video not in entries:
            raise unknown_name("video", str(video), entries, where=place)
    repaired = fields.raw("repaired") if fields.has("repaired") else {}
    if not isinstance(repaired, dict):
        raise UserError("found no videos", where=fields.place("repaired"), expected="VIDEO: {FIELD: ...}")
    clips: list[Entry] = []
    for video in content:
        frames = frame_list(Fields(content, place, tuple(content)), video)
        for number, frame in enumerate(frames):
            entry = replace(
                entries[video],
                sources={1: (frame,)},
                variant=str(number),
                names=named_frames("one_shot_sources", content[video])[number : number + 1],
            )
            own: tuple[Repair, ...] = ()
            if video in repaired:
                own = read_repairs(repaired[video], f"{fields.place('repaired')}.{video}", entry)
            kept = tuple(one for one in entry.repairs if not one.path.startswith(("sources", "candidates")))
            clips.append(replace(entry, repairs=(*kept, *own)))
    return replace(base, source_counts=(1,), clips=tuple(clips))


def _reversed(base: Protocol, fields: Fields) -> Protocol:
    value: Any = fields.raw("reverse_pairs")
    if value is not True:
        raise UserError(f"found {value!r}"[:80], where=fields.place("reverse_pairs"), expected="true")
    if not base.pairs:
        raise UserError(
            f"'{fields.text('base')}' lists no pairs",
            where=fields.place("base"),
            expected="a protocol of appearance transfer with 'pairs'",
        )
    ranges = {entry.video: entry.self_drive for entry in base.clips}
    pairs = []
    for pair in base.pairs:
        own = ranges[pair.source]
        if own is None:
            raise UserError(
                f"video '{pair.source}' has no range of its own",
                where=fields.place("base"),
                expected="'self: ...'",
            )
        pairs.append(Pair(pair.reference, pair.source, Drive(own.video, own.frames, None)))
    return replace(base, pairs=tuple(pairs))
