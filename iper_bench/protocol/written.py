"""An entry of a protocol as a file writes it: names of frames where names were written, plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from iper_bench.protocol.repair import Repair
from iper_bench.protocol.schema import Drive, Entry, FrameRange, Pair

ONE_SHOT = "one_shot_sources"


def written_entry(entry: Entry, *, published: bool = False) -> dict[str, Any]:
    """The entry under the keys of protocol files, in their order, without ``repaired``; what is absent is
    left out.

    Parameters
    ----------
    published: with what the published file holds in every mended place, whatever the dataset.
    """
    found: dict[str, Any] = {
        "video": entry.video,
        "candidates": _frames(entry, "candidates", entry.candidates),
        "view_angles": list(entry.view_angles),
        "headings": list(entry.headings),
        "own_bin": list(entry.own_bin),
        "frame_names": list(entry.frame_names),
        "sources": {sn: _frames(entry, f"sources.{sn}", frames) for sn, frames in entry.sources.items()},
        "self": _drive(entry.self_drive),
        "cross": _drive(entry.cross_drive),
        "targets": _frames(entry, "targets", entry.targets),
        "removed": [_range(run) for run in entry.removed],
        "frames_sha256": entry.digest,
    }
    for repair in entry.repairs if published else ():
        _put_back(found, repair, entry.variant)
    return {key: value for key, value in found.items() if value not in ([], None)}


def written_pair(pair: Pair) -> dict[str, Any]:
    """A pair of appearance transfer."""
    return {"source": pair.source, "reference": pair.reference, "target": _drive(pair.target)}


def written_repairs(repairs: Sequence[Repair]) -> dict[str, dict[str, Any]]:
    """``repaired: FIELD: {from, kind, basis, shorter_than, why}``."""
    found = {}
    for one in repairs:
        words = {"kind": one.kind, "basis": one.basis or None, "shorter_than": one.shorter_than}
        stated = {key: value for key, value in words.items() if value is not None}
        found[one.path] = {"from": plain(one.published), **stated, "why": one.why}
    return found


def plain(value: Any) -> Any:
    """Tuples as lists."""
    return list(value) if isinstance(value, tuple) else value


def _frames(entry: Entry, place: str, frames: Sequence[int]) -> list[int | str]:
    names = {name.place: name.name for name in entry.names}
    if entry.variant:  # its only source is one of a list
        own = {name.index: name.name for name in entry.names if name.place.startswith(ONE_SHOT)}
        return [own.get(frame, frame) if place == "sources.1" else frame for frame in frames]
    return [names.get(f"{place}[{position}]", frame) for position, frame in enumerate(frames)]


def _range(frames: FrameRange) -> list[int]:
    return [frames.first, frames.last]


def _drive(drive: Drive | None) -> dict[str, Any] | None:
    if drive is None:
        return None
    real = {} if drive.real is None else {"real": _range(drive.real)}
    return {"video": drive.video, "frames": _range(drive.frames), **real}


def _put_back(found: dict[str, Any], repair: Repair, variant: str) -> None:
    head, _, tail = repair.path.partition(".")
    value = plain(repair.published)
    if head == ONE_SHOT:
        found["sources"][1] = [value[int(variant)]]
    elif head == "sources":
        found["sources"][int(tail)] = value
    elif tail:
        found[head][tail] = value
    else:
        found[head] = value
