"""What is wrong with a protocol on a dataset: videos and frames it does not have, names that are not its own.

Names and lengths are all that is asked of a clip; nothing is decoded and no track is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import Dataset
from iper_bench.data.frame_name import printable
from iper_bench.errors import UserError, nearest
from iper_bench.protocol.file_checks import listed
from iper_bench.protocol.parts import kept_indices, names_digest
from iper_bench.protocol.problem import NOTE, Problem
from iper_bench.protocol.schema import NOVEL_VIEW, Entry, FrameRange, NamedFrame, Protocol


@dataclass
class Footage:
    """What a protocol needs to know of a dataset, asked for once."""

    dataset: Dataset
    clips: dict[str, Clip | None] = field(default_factory=dict)
    errors: dict[str, UserError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known = set(self.dataset.clip_names())

    def clip(self, video: str) -> Clip | None:
        """The clip, ``None`` when the dataset has none of that name or cannot open it."""
        if video not in self.clips:
            self.clips[video] = self._opened(video) if video in self.known else None
        return self.clips[video]

    def _opened(self, video: str) -> Clip | None:
        try:
            clip = self.dataset.clip(video)
            len(clip)  # an empty folder, or a video that is broken, shows here
            return clip
        except UserError as error:
            self.errors[video] = error
            return None

    def length(self, video: str) -> int:
        """Number of frames, 0 for an unknown video."""
        clip = self.clip(video)
        return 0 if clip is None else len(clip)


def dataset_problems(protocol: Protocol, entries: Sequence[Entry], footage: Footage) -> list[Problem]:
    """Every problem of entries on a dataset, in their order."""
    found = _split(protocol, entries, footage)
    videos = list(dict.fromkeys(entry.video for entry in entries))
    removed = {entry.video: entry.removed for entry in entries}
    for video in videos:
        found += _video(video, "video", footage)
        found += _track(video, footage)
    for entry in entries:
        found += _entry(protocol, entry, removed, footage)
    found += _pairs(protocol, removed, footage)
    return list(dict.fromkeys(found))


def _split(protocol: Protocol, entries: Sequence[Entry], footage: Footage) -> list[Problem]:
    splits = footage.dataset.splits()
    if protocol.split not in splits:
        close = nearest(protocol.split, splits)
        words = f"; nearest: {', '.join(close)}" if close else ""
        text = f"the dataset has no split '{protocol.split}', only {', '.join(splits)}{words}"
        return [Problem("unknown_split", "", "split", text)]
    try:
        inside = set(footage.dataset.clip_names(protocol.split))
    except UserError as error:
        return [Problem("unknown_split", "", "split", str(error))]
    if not inside:
        return [Problem("empty_split", "", "split", f"split '{protocol.split}' has no clips")]
    text = f"is not in split '{protocol.split}'"
    videos = dict.fromkeys(entry.video for entry in entries)
    return [
        Problem("other_split", video, "video", text, NOTE)
        for video in videos
        if video in footage.known and video not in inside
    ]


def _video(video: str, place: str, footage: Footage, owner: str | None = None) -> Iterator[Problem]:
    """Whether the dataset has the video and can open it, and what it says about it."""
    if video not in footage.known:
        close = nearest(video, footage.known)
        words = f"; nearest: {', '.join(close)}" if close else ""
        text = f"the dataset has no video '{printable(video)}'{words}"
        yield Problem("unknown_video", owner or video, place, text)
        return
    clip = footage.clip(video)
    if clip is None:
        yield Problem("unreadable_video", owner or video, place, str(footage.errors[video]))
    elif owner is None:
        findings = getattr(clip, "findings", None)
        for text in findings() if findings is not None else ():
            yield Problem("dataset", video, "", text, NOTE)


def _track(video: str, footage: Footage) -> Iterator[Problem]:
    clip = footage.clip(video)
    if clip is not None and not clip.has_track:
        text = "has no track: methods that need the body cannot run on it; iper-bench data prepare makes one"
        yield Problem("missing_track", video, "", text, NOTE)


def _entry(
    protocol: Protocol, entry: Entry, removed: dict[str, tuple[FrameRange, ...]], footage: Footage
) -> Iterator[Problem]:
    clip, video = footage.clip(entry.video), entry.video
    cross, own = entry.cross_drive, entry.self_drive
    if clip is not None:
        kept = kept_indices(entry.removed, len(clip))
        lists = {"candidates": entry.candidates, "targets": entry.targets}
        lists |= {f"sources.{sn}": frames for sn, frames in entry.sources.items()}
        for place, frames in lists.items():
            yield from _beyond(video, place, [one for one in frames if one >= len(kept)], len(kept))
        if own is not None and own.video == video and own.frames.last >= len(kept):
            # an official novel-view range may mean frames of a rendering that is not public
            severity = {"severity": NOTE} if protocol.task == NOVEL_VIEW else {}
            text = f"{own.frames.first} to {own.frames.last}: the video ends at frame {len(kept) - 1}"
            yield Problem("beyond_video", video, "self.frames", text, **severity)
        if cross is not None and cross.real is not None:
            yield from _range(video, "cross.real", cross.real, len(kept))
        yield from _removed(entry, len(clip))
        yield from _names(entry, clip, kept)
    if cross is None:
        return
    yield from _video(cross.video, "cross.video", footage, video)
    driver = footage.clip(cross.video)
    if driver is not None:
        count = len(kept_indices(removed.get(cross.video, ()), len(driver)))
        yield from _range(video, "cross.frames", cross.frames, count)
        if clip is not None and driver.subject == clip.subject and cross.video != video:
            text = f"'{cross.video}' shows the same person"
            yield Problem("same_person", video, "cross.video", text, NOTE)


def _beyond(video: str, place: str, frames: list[int], count: int) -> Iterator[Problem]:
    if frames:
        text = f"frame {listed(frames)}: the video ends at frame {count - 1}"
        yield Problem("beyond_video", video, place, text)


def _range(video: str, place: str, frames: FrameRange, count: int) -> Iterator[Problem]:
    if frames.last >= count:
        text = f"{frames.first} to {frames.last}: the video ends at frame {count - 1}"
        yield Problem("beyond_video", video, place, text)


def _removed(entry: Entry, count: int) -> Iterator[Problem]:
    if entry.removed and entry.removed[-1].last >= count:
        text = f"{entry.removed[-1].last}: the video ends at frame {count - 1}"
        yield Problem("beyond_video", entry.video, "removed", text)


def _names(entry: Entry, clip: Clip, kept: Sequence[int]) -> Iterator[Problem]:
    """Names that are not those of the dataset, and the digest of all of them."""
    names = clip.frame_names
    if entry.digest is not None:
        found = names_digest([names[index] for index in kept])
        if found != entry.digest:
            text = f"the names of the frames have the SHA-256 {found[:16]}..., not {entry.digest[:16]}...:"
            text += " the protocol was made on other frames"
            yield Problem("other_frames", entry.video, "frames_sha256", text)
    written = [name for name in entry.names if name.index < len(kept)]
    written += [
        NamedFrame(f"frame_names[{at}]", name, frame)
        for at, (name, frame) in enumerate(zip(entry.frame_names, entry.candidates, strict=False))
        if frame < len(kept)
    ]
    wrong = [name for name in written if names[kept[name.index]] != name.name]
    if not wrong:
        return
    places = {name: index for index, name in enumerate(names)}
    other = [name for name in wrong if name.name in places]
    if other:
        one = other[0]
        text = f"'{one.name}' is frame {places[one.name]} of the video, but stands for {kept[one.index]}"
        yield Problem("name_of_another_frame", entry.video, _places(other), text)
    written_otherwise = [name for name in wrong if name.name not in places]
    if written_otherwise:
        one = written_otherwise[0]
        own = names[kept[one.index]]
        what = _difference(one.name, own)
        text = f"'{one.name}' is '{printable(own)}' in the dataset ({what}); the number counts"
        yield Problem("name_differs", entry.video, _places(written_otherwise), text, NOTE)


def _places(names: Sequence[NamedFrame]) -> str:
    return listed(list(dict.fromkeys(name.place.partition("[")[0] for name in names)))


def _difference(ours: str, theirs: str) -> str:
    first, second = PurePosixPath(ours), PurePosixPath(theirs)
    if first.stem == second.stem:
        return "another ending"
    return "another width" if len(first.stem) != len(second.stem) else "another name"


def _pairs(
    protocol: Protocol, removed: dict[str, tuple[FrameRange, ...]], footage: Footage
) -> Iterator[Problem]:
    for at, pair in enumerate(protocol.pairs):
        place = f"pairs[{at}]"
        source, other = footage.clip(pair.source), footage.clip(pair.reference)
        if source is not None and other is not None and source.subject != other.subject:
            text = f"'{pair.reference}' shows another person: the truth is nobody in these clothes"
            yield Problem("other_person", pair.source, place, text, NOTE)
        yield from _video(pair.target.video, f"{place}.target", footage, pair.source)
        driver = footage.clip(pair.target.video)
        if driver is not None:
            count = len(kept_indices(removed.get(pair.target.video, ()), len(driver)))
            yield from _range(pair.source, f"{place}.target.frames", pair.target.frames, count)
