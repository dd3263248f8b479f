"""The ``clips`` and ``pairs`` of a protocol file, one by one, with the repairs of published files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from iper_bench.errors import UserError
from iper_bench.protocol.fields import Fields, whole_number
from iper_bench.protocol.frame_span import frame_list, frame_number, frame_range, named_frames, range_of
from iper_bench.protocol.repair import Repair
from iper_bench.protocol.schema import IMITATION, NOVEL_VIEW, Drive, Entry, FrameRange, NamedFrame, Pair
from iper_bench.protocol.video_name import read_video, video_name

#: one value per candidate
OF_CANDIDATES = ("view_angles", "headings", "own_bin", "frame_names")
_COMMON = ("video", "candidates", *OF_CANDIDATES, "sources", "self", "removed", "frames_sha256", "repaired")
_TASK_KEYS = {IMITATION: (*_COMMON, "cross"), NOVEL_VIEW: (*_COMMON, "targets")}
DRIVEN_BY_ITSELF = ("video", "frames")
DRIVEN_BY_ANOTHER = (*DRIVEN_BY_ITSELF, "real")
PAIR_KEYS = ("source", "reference", "target")
REPAIR_KEYS = ("from", "kind", "why", "basis", "shorter_than")
T = TypeVar("T")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def keys_of(task: str) -> tuple[str, ...]:
    """Every key that an entry of the task may have."""
    return _TASK_KEYS.get(task, _COMMON)


def read_entries(fields: Fields, counts: tuple[int, ...], task: str) -> tuple[Entry, ...]:
    """The list ``clips``. Raises UserError, one line with the field; for a video that is listed twice."""
    found = [
        read_entry(item, f"{fields.place('clips')}[{index}]", counts, task)
        for index, item in enumerate(fields.items("clips"))
    ]
    seen: set[str] = set()
    for entry in found:
        if entry.video in seen:
            raise UserError(f"video '{entry.video}' is listed twice", where=fields.place("clips"))
        seen.add(entry.video)
    return tuple(found)


def read_pairs(fields: Fields, known: tuple[Entry, ...]) -> tuple[Pair, ...]:
    """The list ``pairs``. Raises UserError for a pair of clips of which one is not among ``clips``, and one
    that is listed twice.
    """
    pairs: list[Pair] = []
    videos = {entry.video for entry in known}
    for index, item in enumerate(fields.items("pairs")):
        one = Fields(item, f"{fields.place('pairs')}[{index}]", PAIR_KEYS)
        named = (read_video(one, "source"), read_video(one, "reference"))
        pair = Pair(*named, read_drive(one, "target", DRIVEN_BY_ITSELF))
        for video in (pair.source, pair.reference):
            if video not in videos:
                raise UserError(f"video '{video}' is not listed", where=one.where, expected="one of 'clips'")
        if any(pair.videos == other.videos for other in pairs):
            raise UserError("is listed twice", where=one.where, expected="each pair once")
        pairs.append(pair)
    return tuple(pairs)


def read_entry(content: Any, where: str, counts: tuple[int, ...], task: str) -> Entry:
    """One item of ``clips``. Raises UserError, one line with the field."""
    fields = Fields(content, where, keys_of(task))
    candidates = frame_list(fields, "candidates") if fields.has("candidates") else ()
    for key in OF_CANDIDATES:
        if fields.has(key) and len(fields.items(key)) != len(candidates):
            raise UserError(
                f"{len(fields.items(key))} values",
                where=fields.place(key),
                expected=f"one for each of the {len(candidates)} candidates",
            )
    if task == NOVEL_VIEW and not fields.has("targets"):
        raise UserError("key 'targets' is missing", where=where, expected="the frames to synthesise")
    entry = Entry(
        video=read_video(fields, "video"),
        candidates=candidates,
        view_angles=fields.integers("view_angles") if fields.has("view_angles") else (),
        sources=_sources(fields.raw("sources"), fields.place("sources"), counts),
        self_drive=read_drive(fields, "self", DRIVEN_BY_ITSELF) if fields.has("self") else None,
        cross_drive=read_drive(fields, "cross", DRIVEN_BY_ANOTHER) if _has(fields, "cross") else None,
        targets=frame_list(fields, "targets") if _has(fields, "targets") else (),
        removed=_removed(fields),
        digest=fields.optional("frames_sha256", lambda key: _digest(fields, key)),
        names=_names(content),
        headings=_each(fields, "headings", _heading),
        own_bin=_each(fields, "own_bin", _yes_or_no),
        frame_names=_each(fields, "frame_names", _frame_name),
    )
    return replace(entry, repairs=_repairs(fields, entry))


def _each(fields: Fields, key: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
    """One value per candidate, or nothing."""
    return tuple(read(item, fields.place(key)) for item in fields.items(key)) if fields.has(key) else ()


def _heading(value: Any, where: str) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value < 360.0
    if not good:
        raise UserError(f"found {value!r}"[:80], where=where, expected="degrees from 0 to under 360")
    return float(value)


def _yes_or_no(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"found {value!r}"[:80], where=where, expected="true or false")
    return value


def _frame_name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise UserError(f"found {value!r}"[:80], where=where, expected="the name of a frame, in quotes")
    return value


def _has(fields: Fields, key: str) -> bool:
    return fields.allows(key) and fields.has(key)


def _sources(content: Any, where: str, counts: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    if not isinstance(content, dict) or sorted(map(str, content)) != sorted(map(str, counts)):
        found = list(content) if isinstance(content, dict) else content
        raise UserError(f"found {found!r}"[:80], where=where, expected=f"one list for each of {list(counts)}")
    fields = Fields({str(sn): frames for sn, frames in content.items()}, where, tuple(map(str, counts)))
    sources = {sn: frame_list(fields, str(sn)) for sn in counts}
    for sn, frames in sources.items():
        if len(frames) != sn:
            raise UserError(f"{len(frames)} frames", where=fields.place(str(sn)), expected=f"{sn} frames")
    return sources


def read_drive(fields: Fields, key: str, keys: tuple[str, ...]) -> Drive:
    """A video with its range, and with ``real`` among ``keys`` the range of the real set."""
    inner = Fields(fields.raw(key), fields.place(key), keys)
    frames = frame_range(inner, "frames")
    real = frame_range(inner, "real") if "real" in keys else None
    return Drive(read_video(inner, "video"), frames, real)


def _removed(fields: Fields) -> tuple[FrameRange, ...]:
    if not fields.has("removed"):
        return ()
    place = fields.place("removed")
    runs: list[FrameRange] = []
    for index, item in enumerate(fields.items("removed")):
        where = f"{place}[{index}]"
        if not isinstance(item, list):
            raise UserError(f"found {item!r}"[:80], where=where, expected="[first, last], both inclusive")
        run = range_of(tuple(whole_number(value, where, 0) for value in item), where)
        if runs and run.first <= runs[-1].last:
            raise UserError(f"found {item}", where=where, expected="runs in rising order")
        runs.append(run)
    return tuple(runs)


def _digest(fields: Fields, key: str) -> str:
    value = fields.text(key)
    if not _DIGEST.fullmatch(value):
        raise UserError(f"found {value!r}"[:80], where=fields.place(key), expected="64 hexadecimal digits")
    return value


def _names(content: Any) -> tuple[NamedFrame, ...]:
    """Every frame of the entry that is written as a name."""
    found = [named_frames(key, content[key]) for key in ("candidates", "targets") if content.get(key)]
    found += [named_frames(f"sources.{sn}", frames) for sn, frames in content["sources"].items()]
    return tuple(name for names in found for name in names)


def _repairs(fields: Fields, entry: Entry) -> tuple[Repair, ...]:
    if not fields.has("repaired"):
        return ()
    return read_repairs(fields.raw("repaired"), fields.place("repaired"), entry)


def read_repairs(content: Any, where: str, entry: Entry) -> tuple[Repair, ...]:
    """``repaired: {FIELD: {from, kind, why, basis, shorter_than}}`` of one entry.

    Raises UserError for a field that the entry does not have, or a published value that cannot stand there.
    """
    if not isinstance(content, dict) or not content:
        raise UserError(
            f"found {content!r}"[:80], where=where, expected="fields such as cross.real: {from: ...}"
        )
    repairs = []
    for path in content:
        one = Fields(content[path], f"{where}.{path}", REPAIR_KEYS)
        repair = Repair(
            path=str(path),
            published=_frozen(one.raw("from")),
            kind=one.text("kind"),
            why=one.text("why"),
            basis=one.text("basis") if one.has("basis") else "",
            shorter_than=one.integer("shorter_than", 1) if one.has("shorter_than") else None,
        )
        with_published(entry, repair, one.where)
        repairs.append(repair)
    return tuple(repairs)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def with_published(entry: Entry, repair: Repair, where: str = "repaired") -> Entry:
    """The entry with what was published at the repair's field.

    Raises UserError when the field is unknown or the value cannot stand there.
    """
    value, (head, _, tail) = repair.published, repair.path.partition(".")
    found: Entry | None = None
    if head == "cross" and entry.cross_drive is not None:
        drive = _driven(entry.cross_drive, tail, value, where)
        found = None if drive is None else replace(entry, cross_drive=drive)
    elif not isinstance(value, str):
        numbers = tuple(frame_number(item, where) for item in _listed(value, where))
        found = _with_frames(entry, head, tail, numbers)
    if found is not None:
        return replace(found, names=_names_with(entry, repair))
    raise UserError(
        f"cannot put {value!r} at '{repair.path}'"[:160],
        where=where,
        expected="candidates, view_angles, targets, sources.N, cross.video, cross.frames or cross.real",
    )


def _names_with(entry: Entry, repair: Repair) -> tuple[NamedFrame, ...]:
    """The names of the entry with those of the repair's field as published, in the same place."""
    before = [name for name in entry.names if name.place.startswith(f"{repair.path}[")]
    if not before:
        return entry.names
    published = named_frames(repair.path, repair.published)
    own = f"{repair.path}[{entry.variant}]"  # of a list of single sources an entry has one
    at = entry.names.index(before[0])
    return (
        *entry.names[:at],
        *(name for name in published if not entry.variant or name.place == own),
        *(name for name in entry.names[at:] if name not in before),
    )


def _with_frames(entry: Entry, head: str, tail: str, numbers: tuple[int, ...]) -> Entry | None:
    """The entry with a list of numbers at one of its fields, ``None`` where there is no such field."""
    if head == "sources" and tail.isdecimal() and int(tail) in entry.sources and len(numbers) == int(tail):
        return replace(entry, sources={**entry.sources, int(tail): numbers})
    if head == "one_shot_sources" and entry.variant:
        return replace(entry, sources={1: (numbers[int(entry.variant)],)})
    if head == "candidates":
        return replace(entry, candidates=numbers)
    if head == "targets":
        return replace(entry, targets=numbers)
    return replace(entry, view_angles=numbers) if head == "view_angles" else None


def _driven(drive: Drive, tail: str, value: Any, where: str) -> Drive | None:
    """The drive with another video or range, ``None`` where there is no such field."""
    if tail == "video" and isinstance(value, str):
        return replace(drive, video=video_name(value, where))
    if tail not in ("real", "frames"):
        return None
    found = range_of(tuple(frame_number(item, where) for item in _listed(value, where)), where)
    return replace(drive, real=found) if tail == "real" else replace(drive, frames=found)


def _listed(value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, tuple) or not value:
        raise UserError(f"found {value!r}"[:80], where=where, expected="a list of one or more")
    return value
