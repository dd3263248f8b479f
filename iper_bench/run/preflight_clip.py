"""The pre-flight of one clip: pairing, files, content, order, colours, in that order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.frame_list import FrameList, open_frames
from iper_bench.data.frame_name import Id, printable
from iper_bench.data.frame_pairing import POSITIONS, Match, Pairing, pair
from iper_bench.errors import UserError
from iper_bench.run.preflight_colour import find_shift, find_swap
from iper_bench.run.preflight_expected import Expectation
from iper_bench.run.preflight_finding import (
    ERROR,
    NOTE,
    WARNING,
    ClipCheck,
    Finding,
    by_severity,
    ranges,
)
from iper_bench.run.preflight_order import find_misorder
from iper_bench.run.preflight_signature import Signature, Signatures, read_signatures

_COLOUR_FRAMES = 64  # evenly spaced, that colours are told by

Pairs = Sequence[tuple[Id, Signature, Signature]]


def check_clip(
    path: Path | None, root: Path | None, expected: Expectation, numbering: str | None
) -> ClipCheck:
    """Check the predictions of one clip. What is wrong with them is a finding, never an exception.

    Parameters
    ----------
    path: folder or video; ``None`` where there is none. root: the folder that links may not leave.
    numbering: ``"frames"``, ``"positions"`` or ``None`` to find out.
    """
    count = len(expected.motion)
    if path is None:
        absent = Finding(
            ERROR,
            "no_predictions",
            "no predictions",
            tuple(expected.motion.ids),
            "hand them in for all clips",
        )
        return ClipCheck(expected.name, None, count, 0, 0, "", (absent,))
    source = printable(str(path))
    try:
        frames = open_frames(path, root)
    except UserError as error:
        return _refused(expected, source, 0, "unreadable", error)
    try:
        pairing = pair(frames, expected.motion, numbering=numbering)
    except UserError as error:
        return _refused(expected, source, len(frames), "numbering", error)
    ours = read_signatures(frames, (match.prediction for match in pairing.matched))
    theirs = read_signatures(expected.motion, range(count))
    usable = [m for m in pairing.matched if m.prediction in ours.good and m.reference in theirs.good]
    pairs = [(m.id, ours.good[m.prediction], theirs.good[m.reference]) for m in usable]
    findings = [
        *_pairing_findings(pairing, frames, count),
        *_file_findings(pairing, frames, ours, theirs, expected.motion),
        *_content_findings(pairs),
        *_order_findings(pairing.matched, ours, theirs, expected),
        *_colour_findings(pairs, expected),
    ]
    numbered = pairing.sentence if pairing.matched else ""
    return ClipCheck(expected.name, source, count, len(frames), len(usable), numbered, by_severity(findings))


def _refused(expected: Expectation, source: str, given: int, kind: str, error: UserError) -> ClipCheck:
    what = error.what if error.where in (None, source) else f"{error.where}: {error.what}"
    text = f"{what}; expected {error.expected}" if error.expected else what
    finding = Finding(ERROR, kind, printable(text), tuple(expected.motion.ids), error.hint or "")
    return ClipCheck(expected.name, source, len(expected.motion), given, 0, "", (finding,))


def _pairing_findings(pairing: Pairing, frames: FrameList, expected: int) -> Iterator[Finding]:
    if pairing.missing:
        advice = "hand in every expected frame"
        if pairing.numbering == POSITIONS and pairing.extra == (expected,):
            advice = "number from 0: these seem to be numbered from 1"
        elif frames.numbered_by_place and len(frames) < expected:
            advice = f"the video holds {len(frames)} frames; write all {expected}"
        elif not pairing.matched:
            advice = f"name frames by number: these are {_few(frames.ids)}"
        yield Finding(
            ERROR, "missing", f"{len(pairing.missing)} of {expected} frames missing", pairing.missing, advice
        )
    for one, indices in pairing.duplicates.items():
        names = ", ".join(frames.name_of(index) for index in indices)
        yield Finding(
            ERROR,
            "duplicate",
            f"number {printable(str(one))} is carried by {names}",
            (one,),
            "remove all but one",
        )
    if pairing.extra:
        yield Finding(
            WARNING,
            "extra",
            f"{len(pairing.extra)} frames that nobody asked for: {_few(pairing.extra)}",
            (),
            "they will not be measured",
        )
    warning = frames.warning()
    if warning:
        yield Finding(WARNING, "short_video", printable(warning), (), "write the video again")


def _file_findings(
    pairing: Pairing, frames: FrameList, ours: Signatures, theirs: Signatures, references: FrameList
) -> Iterator[Finding]:
    number = {match.prediction: match.id for match in pairing.matched}
    for reason, indices in _grouped(ours.bad).items():
        names = ", ".join(frames.name_of(index) for index in indices[:3])
        more = f" and {len(indices) - 3} more" if len(indices) > 3 else ""
        yield Finding(
            ERROR,
            "unreadable",
            f"{names}{more}: {reason}",
            tuple(number[index] for index in indices),
            "write these frames again as 8-bit RGB PNG",
        )
    for reason, indices in _grouped(theirs.bad).items():
        yield Finding(
            ERROR,
            "unreadable_reference",
            f"reference: {reason}",
            tuple(references.ids[index] for index in indices),
            "mend the references",
        )
    lossy = tuple(number[index] for index in ours.lossy)
    if lossy:
        yield Finding(
            WARNING,
            "lossy",
            "the files were compressed with loss, which is measured together with the method",
            lossy,
            "hand in PNG or FFV1 (.mkv)",
        )
    for note, indices in ours.notes.items():
        yield Finding(NOTE, "picture", note, tuple(number[index] for index in indices))


def _grouped(bad: dict[int, str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index, reason in bad.items():
        groups.setdefault(reason, []).append(index)
    return groups


def _content_findings(pairs: Pairs) -> Iterator[Finding]:
    sizes: dict[tuple[tuple[int, int], tuple[int, int]], list[Id]] = {}
    for one, ours, theirs in pairs:
        if ours.size != theirs.size:
            sizes.setdefault((ours.size, theirs.size), []).append(one)
    for (ours_size, theirs_size), ids in sizes.items():
        yield Finding(
            ERROR,
            "size",
            f"{_side(ours_size)} pixels; expected {_side(theirs_size)}",
            tuple(ids),
            "write frames of the expected size: nothing is resized behind your back",
        )
    black = tuple(one for one, ours, theirs in pairs if ours.black and not theirs.flat)
    if black:
        yield Finding(ERROR, "black", "frames are black", black, "render them again")
    flat = tuple(one for one, ours, theirs in pairs if ours.flat and not ours.black and not theirs.flat)
    if flat:
        yield Finding(ERROR, "constant", "frames are one colour throughout", flat, "render them again")
    alike: dict[bytes, list[tuple[Id, bytes]]] = {}
    for one, ours, theirs in pairs:
        if not ours.flat:
            alike.setdefault(ours.digest, []).append((one, theirs.digest))
    repeated = [group for group in alike.values() if len({theirs for _, theirs in group}) > 1]
    if repeated:
        groups = "; ".join(ranges(one for one, _ in group) for group in repeated[:4])
        more = f"; and {len(repeated) - 4} more" if len(repeated) > 4 else ""
        yield Finding(
            WARNING,
            "repeated",
            f"the same picture again and again where the expected frames differ ({groups}{more})",
            tuple(one for group in repeated for one, _ in group),
            "look whether a frame was written several times",
        )


def _order_findings(
    matched: Sequence[Match], ours: Signatures, theirs: Signatures, expected: Expectation
) -> Iterator[Finding]:
    count = len(expected.motion)
    predictions: list[NDArray[np.uint8] | None] = [None] * count
    for match in matched:
        if match.prediction in ours.good:
            predictions[match.reference] = ours.good[match.prediction].small
    motion = [theirs.good[place].small if place in theirs.good else None for place in range(count)]
    found = find_misorder(predictions, motion, same_person=expected.same_person)
    if found is not None:
        advice = "look at the numbering: is the first frame 0, is one missing at the start?"
        if isinstance(found.shift, str):
            advice = "write the frames in the order of the expected ones"
        yield Finding(ERROR, "order", found.text, (), advice)


def _colour_findings(pairs: Pairs, expected: Expectation) -> Iterator[Finding]:
    if not pairs:
        return
    places = _spread(len(pairs), _COLOUR_FRAMES)
    ours = np.stack([pairs[place][1].small for place in places])
    if expected.colours is None:
        theirs = np.stack([pairs[place][2].small for place in places])
        fault = find_swap(ours, theirs) or find_shift(ours, theirs)
    else:
        real = read_signatures(expected.colours, _spread(len(expected.colours), _COLOUR_FRAMES)).good
        if not real:
            return
        means = [
            np.rint(np.mean(side, axis=0, keepdims=True)).astype(np.uint8)
            for side in (ours, np.stack([one.small for one in real.values()]))
        ]
        fault = find_swap(means[0], means[1])
    if fault is not None:
        severity = ERROR if fault.kind == "swapped_channels" else WARNING
        yield Finding(severity, fault.kind, fault.text, (), fault.advice)


def _spread(count: int, most: int) -> list[int]:
    """At most ``most`` places of ``count``, evenly spaced, first and last included."""
    return sorted({round(float(place)) for place in np.linspace(0, count - 1, min(count, most))})


def _side(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"


def _few(ids: Sequence[Id]) -> str:
    text = ranges(ids)
    return printable(text if len(text) <= 60 else f"{text[:60]}…")
