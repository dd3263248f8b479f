"""What a protocol file shows to be wrong without its dataset: the defects that published files have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from iper_bench.protocol.candidates import VIEW_ANGLES
from iper_bench.protocol.problem import ERROR, NOTE, Problem
from iper_bench.protocol.schema import IMITATION, NOVEL_VIEW, Drive, Entry, FrameRange, NamedFrame, Protocol


def file_problems(protocol: Protocol, entries: Sequence[Entry]) -> list[Problem]:
    """Every problem of entries of a protocol that lists them, in their order."""
    ranges = {entry.video: entry.self_drive.frames for entry in entries if entry.self_drive is not None}
    names: dict[str, list[NamedFrame]] = {}
    for entry in entries:
        names.setdefault(entry.video, []).extend(entry.names)
    found: list[Problem] = []
    for entry in entries:
        for checked in (_sources(entry), _views(entry), _names(entry.video, names[entry.video]), _own(entry)):
            found += checked
        if entry.cross_drive is not None:
            found += _cross(entry, entry.cross_drive, ranges)
        found += _nothing(entry, protocol.task)
    unused = {entry.video for entry in entries} - {video for pair in protocol.pairs for video in pair.videos}
    if protocol.pairs:
        for video in (entry.video for entry in entries if entry.video in unused):
            found.append(Problem("unused", video, "", "no pair uses it", NOTE))
        for at, pair in enumerate(protocol.pairs):
            if pair.source == pair.reference:
                text = "source and reference are one clip: the transfer would change nothing"
                found.append(Problem("pair_is_self", pair.source, f"pairs[{at}]", text))
    return list(dict.fromkeys(found))  # variants of one video share most of it


def repeated(values: Sequence[int]) -> list[int]:
    """Those that stand more than once, in order."""
    return [value for value, times in Counter(values).items() if times > 1]


def listed(values: Sequence[object]) -> str:
    """``"1, 2, 3, ..."``: the first few."""
    return ", ".join(map(str, values[:4])) + (", ..." if len(values) > 4 else "")


def _sources(entry: Entry) -> Iterator[Problem]:
    lists = {f"sources.{sn}": frames for sn, frames in entry.sources.items()}
    for field, frames in {"candidates": entry.candidates, **lists}.items():
        twice = repeated(frames)
        if twice:
            text = f"frame {listed(twice)} stands more than once"
            yield Problem("repeated_source", entry.video, field, text)
    # without view angles the candidates are only the longest list, and the others need not lie in it
    severity = ERROR if entry.view_angles else NOTE
    for field, frames in lists.items():
        strange = [frame for frame in frames if entry.candidates and frame not in entry.candidates]
        if strange:
            text = f"frame {listed(strange)} is no candidate"
            yield Problem("source_not_candidate", entry.video, field, text, severity)


def _views(entry: Entry) -> Iterator[Problem]:
    count = len(VIEW_ANGLES)
    if entry.candidates and len(entry.candidates) != count:
        text = f"{len(entry.candidates)} candidates, usual are {count}"
        yield Problem("candidate_count", entry.video, "candidates", text, NOTE)
    twice = repeated(entry.view_angles)
    if twice:
        text = f"angle {listed(twice)} stands more than once: the candidates are not different views"
        yield Problem("repeated_angle", entry.video, "view_angles", text, NOTE)
    missing = [
        angle for angle, own in zip(entry.view_angles, entry.own_bin, strict=False) if not own
    ]  # either may be empty
    if missing:
        text = f"no frame shows the person from {listed(missing)} degrees; the nearest stands for it"
        yield Problem("missing_view", entry.video, "view_angles", text, NOTE)


def _names(video: str, names: Sequence[NamedFrame]) -> Iterator[Problem]:
    """Names of several widths, endings or prefixes: at most one way of writing them is the dataset's."""
    written = {name.name: _form(name.name) for name in names}
    widths = Counter(_padded(form) for form in (written[name.name] for name in names) if form[1][0] == "0")
    forms: dict[tuple[str, int, str], list[tuple[str, str]]] = {}
    for name in names:
        form = _padded(written[name.name])
        if form not in widths:  # no leading zero: of any width that the number fills
            fitting = [one for one in widths if one[::2] == form[::2] and one[1] <= form[1]]
            wider = any(one[::2] == form[::2] for one in widths)
            unpadded = form if wider else (form[0], 0, form[2])
            form = max(fitting, key=lambda one: widths[one], default=unpadded)
        forms.setdefault(form, []).append((name.place, name.name))
    if len(forms) < 2:
        return
    usual = max(forms, key=lambda form: len(forms[form]))
    for form in forms:
        if form != usual:
            places = list(dict.fromkeys(place.partition("[")[0] for place, _ in forms[form]))
            strange = list(dict.fromkeys(name for _, name in forms[form]))
            text = f"{listed(strange)} is written in another way than the other names of the video"
            yield Problem("name_width", video, listed(places), text)


def _form(name: str) -> tuple[str, str, str]:
    """What stands before the number, the number, and the ending."""
    stem, ending = PurePosixPath(name).stem, PurePosixPath(name).suffix
    before = stem.rstrip("0123456789")
    return before, stem[len(before) :], ending


def _padded(form: tuple[str, str, str]) -> tuple[str, int, str]:
    """The form of all names that are filled with zeros to this width."""
    return form[0], len(form[1]), form[2]


def _own(entry: Entry) -> Iterator[Problem]:
    own = entry.self_drive
    if own is not None and own.video != entry.video:
        text = f"'{own.video}' is not the clip itself"
        yield Problem("self_is_other", entry.video, "self.video", text)
    strange = [frame for frame in entry.targets if entry.candidates and frame not in entry.candidates]
    if strange:
        text = f"frame {listed(strange)} is no candidate: the view it shows is not known"
        yield Problem("targets_not_candidates", entry.video, "targets", text, NOTE)
    if entry.targets and entry.candidates and entry.candidates[0] not in entry.targets and own is not None:
        text = f"the first candidate, frame {entry.candidates[0]}, is no target"
        yield Problem("first_view_missing", entry.video, "targets", text, NOTE)
    twice = repeated(entry.targets)
    if twice:
        yield Problem(
            "repeated_target", entry.video, "targets", f"frame {listed(twice)} stands more than once"
        )


def _cross(entry: Entry, cross: Drive, ranges: dict[str, FrameRange]) -> Iterator[Problem]:
    video = entry.video
    if cross.video == video:
        text = "the clip drives itself: cross-imitation would repeat self-imitation"
        yield Problem("cross_is_self", video, "cross.video", text)
    if cross.real is None:
        yield Problem("no_real_set", video, "cross.real", "missing: frames of the clip form the real set")
    elif len(cross.real) != len(cross.frames):
        text = f"{len(cross.real)} frames, but cross.frames has {len(cross.frames)}"
        yield Problem("uneven_ranges", video, "cross.real", text)
    own, other = ranges.get(video), ranges.get(cross.video)
    if cross.real is not None and own is not None and not _inside(cross.real, own):
        text = f"{cross.real.first} to {cross.real.last} reaches beyond the clip's own range to {own.last}"
        yield Problem("real_outside_self_range", video, "cross.real", text, NOTE)
    if other is not None and not _inside(cross.frames, other):
        text = f"{cross.frames.first} to {cross.frames.last} reaches beyond the range of '{cross.video}'"
        yield Problem("cross_outside_self_range", video, "cross.frames", text, NOTE)


def _nothing(entry: Entry, task: str) -> Iterator[Problem]:
    """An imitation entry that is never evaluated."""
    if task == IMITATION and entry.self_drive is None and entry.cross_drive is None:
        yield Problem("nothing_to_do", entry.video, "", "has neither 'self' nor 'cross'")
    if task == NOVEL_VIEW and not entry.targets:
        yield Problem("nothing_to_do", entry.video, "targets", "has no targets")


def _inside(inner: FrameRange, outer: FrameRange) -> bool:
    return outer.first <= inner.first and inner.last <= outer.last
