"""``check_clip``: one clip on the disk: its frames, its track, its mattes, and what else lies there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from iper_bench.data.layouts.clip_parts import ClipParts
from iper_bench.data.layouts.folder import OTHER_FOLDERS, TRACKS_INSIDE
from iper_bench.data.layouts.frame_source import VideoSource, is_picture, scanned
from iper_bench.data.layouts.layout import Layout
from iper_bench.data.verify.deep_decode import Piece, picture_pieces
from iper_bench.data.verify.finding import Finding
from iper_bench.data.verify.frame_names import name_findings
from iper_bench.data.verify.pictures import VARIES, Seen, empty_files, picture_header, video_fault
from iper_bench.data.verify.place import refusal, relative
from iper_bench.errors import UserError

#: what published data has beside frames and track; it is not read
KNOWN_BESIDE = ("kps.pkl", "front_path.json", "clip.json", "boxes.npz", *TRACKS_INSIDE, *OTHER_FOLDERS)
_SHOWN = 3  # names in one line
_AGAIN = "get the files again"
_RESAMPLE = "data prepare with --fps N, which takes the frames nearest in time"


@dataclass
class ClipCheck:
    """What was found of a clip.

    Attributes
    ----------
    frames: number of frames. has_track, has_mattes: whether there are files of them.
    pieces: what a deep verification decodes.
    """

    name: str
    frames: int = 0
    has_track: bool = False
    has_mattes: bool = False
    findings: list[Finding] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)


def check_clip(name: str, layout: Layout, root: Path, prepare: str) -> ClipCheck:
    """Look at a clip that is there, by names, sizes and headers; the track is read.

    Parameters
    ----------
    prepare: the command that makes what is missing.
    """
    check = ClipCheck(name)
    parts = layout.parts(name)
    try:
        layout.require_ready(name, prepare)
    except UserError as error:
        file = relative(layout.place(name), root)
        check.findings.append(Finding("unfinished_clip", error.what, name, file, prepare))
        return check
    check.has_track = parts.track is not None and parts.track.exists()
    names: Sequence[str] = ()
    try:
        names = parts.frames.names
    except UserError as error:
        file = relative(parts.frames.path, root)
        kind = "broken_video" if isinstance(parts.frames, VideoSource) else "missing_frames"
        check.findings.append(refusal(kind, error, root, clip=name, file=file))
    check.frames = len(names)
    if names:
        check.findings += _frames(check, parts, names, root)
        check.findings += _mattes(check, parts, names, root)
    check.findings += _track(check, parts, root, prepare)
    return check


def decoded_findings(piece: Piece, seen: Sequence[Seen], root: Path) -> Iterator[Finding]:
    """What decoding a piece showed."""
    for one in seen:
        if one.fault:
            place = piece.place / one.name if piece.names else piece.place
            kind = "broken_picture" if piece.names else "broken_video"
            yield Finding(kind, one.fault, piece.clip, relative(place, root), _AGAIN)


def size_findings(clip: str, folder: str, seen: Sequence[Seen]) -> list[Finding]:
    """Pictures of another size than most of their folder."""
    sizes = Counter(one.size for one in seen if one.size is not None)
    if len(sizes) < 2:
        return []
    usual = max(sizes, key=lambda size: (sizes[size], size))
    others = [one for one in seen if one.size not in (None, usual)]
    shown = ", ".join(
        f"{one.name} is {one.size[1]} x {one.size[0]}" for one in others[:_SHOWN] if one.size is not None
    )
    more = f" and {len(others) - _SHOWN} more differ" if len(others) > _SHOWN else ""
    text = f"{shown}{more}, not {usual[1]} x {usual[0]} pixels"
    return [Finding("size", text, clip, folder, "frames of one size in a clip")]


def _frames(check: ClipCheck, parts: ClipParts, names: Sequence[str], root: Path) -> Iterator[Finding]:
    place, name = parts.frames.path, check.name
    if isinstance(parts.frames, VideoSource):
        check.pieces.append(Piece(name, place))
        fault = video_fault(place, deep=False)
        if fault:
            hint = _RESAMPLE if fault == VARIES else _AGAIN
            yield Finding("broken_video", fault, name, relative(place, root), hint)
        return
    folder = relative(place, root)
    check.pieces += picture_pieces(name, place, names)
    yield from name_findings(name, names, folder, hint=_AGAIN)
    yield from _strays(check, parts, root)
    empty = empty_files(place, names)
    for file in empty:
        yield Finding("broken_picture", "an empty file", name, f"{folder}/{file}", _AGAIN)
    ends = [
        picture_header(place / file) for file in dict.fromkeys((names[0], names[-1])) if file not in empty
    ]
    for seen in ends:
        if seen.fault:
            yield Finding("broken_picture", seen.fault, name, f"{folder}/{seen.name}", _AGAIN)
    yield from size_findings(name, folder, ends)


def _strays(check: ClipCheck, parts: ClipParts, root: Path) -> Iterator[Finding]:
    """What lies between the frames and is none of the clip's files."""
    known = {*KNOWN_BESIDE, *(path.name for path in parts.extra)}
    known |= {parts.track.path.name} if parts.track is not None else set()
    mattes = parts.mattes.folder if parts.mattes is not None else None
    for entry in sorted(scanned(parts.frames.path), key=lambda entry: entry.name):
        path = parts.frames.path / entry.name
        if entry.name in known or path == mattes or (is_picture(entry.name) and entry.is_file()):
            continue
        what = "a folder" if entry.is_dir() else "no picture"
        text = f"{what} among the frames"
        yield Finding("stray_file", text, check.name, relative(path, root), "move it elsewhere")


def _mattes(check: ClipCheck, parts: ClipParts, names: Sequence[str], root: Path) -> Iterator[Finding]:
    if parts.mattes is None or not parts.mattes.exists():
        return
    check.has_mattes = True
    folder = parts.mattes.folder
    wanted = [parts.mattes.path(name).name for name in names]
    try:
        present = {entry.name for entry in scanned(folder)}
        empty = empty_files(folder, wanted)
    except UserError as error:
        yield refusal("missing_matte", error, root, clip=check.name, file=relative(folder, root))
        return
    missing = [name for name in wanted if name not in present]
    if missing:
        more = ", ..." if len(missing) > _SHOWN else ""
        text = f"{len(missing)} of {len(wanted)} are missing: {', '.join(missing[:_SHOWN])}{more}"
        yield Finding("missing_matte", text, check.name, relative(folder, root), _AGAIN)
    for name in empty:
        yield Finding("broken_picture", "an empty file", check.name, relative(folder / name, root), _AGAIN)
    check.pieces += picture_pieces(check.name, folder, [name for name in wanted if name in present])


def _track(check: ClipCheck, parts: ClipParts, root: Path, prepare: str) -> Iterator[Finding]:
    if parts.track is None or not parts.track.exists():
        file = "" if parts.track is None else relative(parts.track.path, root)
        hint = f"{prepare} --body-weights FILE"
        yield Finding("missing_track", "no body track", check.name, file, hint)
        return
    file = relative(parts.track.path, root)
    try:
        bodies = len(parts.track.read(parts.track.path).track)
    except UserError as error:
        yield refusal("broken_track", error, root, clip=check.name, file=file)
        return
    if check.frames and bodies != check.frames:
        word = "shorter" if bodies < check.frames else "longer"
        text = f"{word} than the video: {bodies} bodies for {check.frames} frames"
        yield Finding("broken_track", text, check.name, file, f"both from the same release, or {prepare}")
