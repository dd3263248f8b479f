"""``import_official``: a published protocol file, JSON, as a :class:`Protocol`.

Read are the five files of svip-lab/impersonator (thirdparty/his_evaluators/data) and files spelled like them:

* imitation and novel view: ``{SPLIT: {VIDEO: ENTRY}}``, SPLIT among ``train``, ``val``, ``test``; ENTRY
  with ``source`` (candidates), ``view angle``, ``s_n`` (sources, ``{"1": [...], "2": ..., "4": ...,
  "8": ...}``, in iPER also ``"3"``: the single sources of the ICCV variant), ``mask`` (frames of the novel
  views), ``novel view`` (true or false), ``self_imitation`` and ``cross_imitation`` (``{target, range}``),
  ``flag`` (the real set of cross-imitation);
* appearance transfer: ``{video_infos: {VIDEO: ENTRY}, vid_name_pairs: [[FIRST, SECOND], ...]}``, where
  ``flag`` is the range of the video itself.

Any other key is refused. The file states no roles for a pair; that the first is the source and the second the
reference, whose range drives, is inferred (protocols/README.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.protocol.entry_reading import read_entry
from iper_bench.protocol.fields import Fields
from iper_bench.protocol.file_checks import file_problems
from iper_bench.protocol.known_repairs import KnownRepairs
from iper_bench.protocol.official_entry import ONE_SHOT_COUNT, OfficialEntry, read_official, same_source
from iper_bench.protocol.problem import NOTE, Problem
from iper_bench.protocol.reading import DEFAULT_TAKE
from iper_bench.protocol.repair import Repair
from iper_bench.protocol.schema import IMITATION, NOVEL_VIEW, TRANSFER, Drive, Entry, Pair, Protocol
from iper_bench.protocol.strict_json import read_json
from iper_bench.protocol.video_name import video_name

SPLITS = ("train", "val", "test")
INFOS, PAIRS = "video_infos", "vid_name_pairs"
IMAGE_SIZE, ONE_SHOT_SIZE = 512, 256  # of the public evaluator, and of its script for the ICCV variant
DEFAULT_SPLIT = "val"
_ENDING = {IMITATION: "imitation", NOVEL_VIEW: "novel-view", TRANSFER: "appearance-transfer"}


@dataclass(frozen=True)
class Imported:
    """What an official file became.

    Attributes
    ----------
    protocol: with the entries as published, or mended where a repair was asked for and fits.
    shots: video -> its single sources as written (ICCV variant), empty where the file has none.
    shot_repairs: video -> repairs of those.
    problems: every known kind of defect that is left, and what was not taken over.
    """

    protocol: Protocol
    shots: dict[str, list[str | int]]
    shot_repairs: dict[str, tuple[Repair, ...]]
    problems: list[Problem]


def import_official(
    path: Path,
    *,
    name: str | None = None,
    dataset: str | None = None,
    split: str | None = None,
    novel_view: bool = False,
    repair: bool = False,
) -> Imported:
    """Read the JSON file ``path``.

    Parameters
    ----------
    name: of the protocol; default ``<dataset>-<task>``.
    dataset: default: that of the packaged protocol which lists most of the videos.
    split: which of the file's splits, or, when it has one, the split's name in the protocol.
    novel_view: the entries flagged as novel view, with their frames as targets. A file whose entries all are
        flagged and drive themselves on their own range says nothing else and needs no asking.
    repair: mend what the packaged protocols mend, where video and published value agree.

    Raises
    ------
    UserError, one line with file and key: not JSON, a key that is not read, a value of another kind, no
    dataset known for the videos.
    """
    content = read_json(path)
    if isinstance(content, dict) and (INFOS in content or PAIRS in content):
        infos, pairs = _transfer_parts(content, str(path))
        found, task, split = _entries(infos, f"{path}: {INFOS}"), TRANSFER, split or DEFAULT_SPLIT
    else:
        key, infos = _split_part(content, str(path), split)
        found, pairs, split = _entries(infos, f"{path}: {key}"), [], split or key
        task = NOVEL_VIEW if novel_view or _views_only(found) else IMITATION
    if novel_view and task == TRANSFER:
        raise UserError("has pairs of appearance transfer", where=str(path), expected="no --novel-view")
    known = KnownRepairs(found, task, dataset, str(path))
    return _imported(path, found, task, pairs, known, name=name, split=split, repair=repair)


def _imported(
    path: Path,
    found: list[OfficialEntry],
    task: str,
    pairs: list[tuple[str, str]],
    known: KnownRepairs,
    *,
    name: str | None,
    split: str,
    repair: bool,
) -> Imported:
    problems: list[Problem] = []
    if task == NOVEL_VIEW:
        found = [one for one in found if one.novel_view]
        if not found:
            raise UserError(
                "no entry is flagged 'novel view'", where=str(path), expected="true in one or more"
            )
    counts = _counts(found, str(path))
    shared = same_source(found)
    if shared:
        text = "key 'source' holds the same frames in every entry: sources 8 stand for the candidates"
        problems.append(Problem("candidates_of_another_clip", "", "candidates", text, NOTE))
    entries = []
    for one in found:
        content = one.content(task, shared=shared)
        if repair:
            known.mend(one.video, content)
        entries.append(read_entry(content, one.where, counts, task))
    name = name or f"{known.dataset}-{_ENDING[task]}"
    protocol = Protocol(
        name=name,
        description=f"Imported from {path.name}, a published file.",
        task=task,
        dataset=known.dataset,
        split=split,
        image_size=IMAGE_SIZE,
        source_counts=counts,
        rules=None,
        clips=tuple(entries),
        pairs=_pairs(pairs, entries, str(path)),
        take=DEFAULT_TAKE if task == TRANSFER else (),
    )
    shots = {one.video: one.sources[ONE_SHOT_COUNT] for one in found if ONE_SHOT_COUNT in one.sources}
    mended = {video: known.mend_shots(video, shots) for video in shots} if repair else {}
    return Imported(
        protocol,
        shots if task == IMITATION else {},
        {video: some for video, some in mended.items() if some},
        problems + file_problems(protocol, entries),
    )


def _split_part(content: Any, where: str, split: str | None) -> tuple[str, Any]:
    """The split that is imported: its key in the file, and what is below."""
    top = Fields(content, where, SPLITS)
    there = [key for key in SPLITS if top.has(key)]
    if len(there) == 1:
        return there[0], content[there[0]]
    if split in there:
        return str(split), content[split]
    raise UserError(
        f"has the splits {', '.join(there)}" if there else "has no split",
        where=where,
        expected=f"one of {', '.join(SPLITS)}, or {INFOS} with {PAIRS}",
        hint=f"--split {there[0]}" if there else None,
    )


def _transfer_parts(content: Any, where: str) -> tuple[Any, list[tuple[str, str]]]:
    top = Fields(content, where, (INFOS, PAIRS))
    pairs = []
    for at, item in enumerate(top.items(PAIRS)):
        place = f"{where}: {PAIRS}[{at}]"
        if not isinstance(item, list) or len(item) != 2:
            raise UserError(f"found {item!r}"[:80], where=place, expected="two videos")
        pairs.append((video_name(item[0], place), video_name(item[1], place)))
    return top.raw(INFOS), pairs


def _entries(infos: Any, where: str) -> list[OfficialEntry]:
    if not isinstance(infos, dict) or not infos:
        raise UserError(f"found {infos!r}"[:80], where=where, expected="one entry per video")
    return [
        read_official(video_name(video, where), item, f"{where}.{video}") for video, item in infos.items()
    ]


def _views_only(found: list[OfficialEntry]) -> bool:
    """Whether every entry is flagged and repeats its own range as cross drive and real set."""
    return all(one.novel_view and one.own == one.cross and one.cross_repeats_itself for one in found)


def _counts(found: list[OfficialEntry], where: str) -> tuple[int, ...]:
    counts = tuple(sn for sn in found[0].sources if sn != ONE_SHOT_COUNT)
    for one in found:
        if tuple(sn for sn in one.sources if sn != ONE_SHOT_COUNT) != counts:
            raise UserError(
                f"has the lists {', '.join(map(str, one.sources))}",
                where=f"{one.where}.s_n",
                expected=f"those of the first entry: {', '.join(map(str, counts))}",
            )
    if not counts:
        raise UserError("has no lists of sources", where=where, expected="'s_n' with 1, 2, 4, 8")
    return counts


def _pairs(pairs: list[tuple[str, str]], entries: list[Entry], where: str) -> tuple[Pair, ...]:
    """First = source, second = reference, whose own range drives."""
    ranges: Mapping[str, Drive | None] = {entry.video: entry.self_drive for entry in entries}
    made = []
    for at, (source, reference) in enumerate(pairs):
        own = ranges.get(reference)
        if source not in ranges or own is None:
            missing = source if source not in ranges else reference
            raise UserError(
                f"video '{missing}' has no entry with a range",
                where=f"{where}: {PAIRS}[{at}]",
                expected=f"one of {INFOS}",
            )
        made.append(Pair(source, reference, Drive(reference, own.frames, None)))
    return tuple(made)
