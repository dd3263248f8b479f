"""One video of a published protocol file, as its JSON spells it (``official_json``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from iper_bench.errors import UserError
from iper_bench.protocol.fields import Fields
from iper_bench.protocol.frame_span import frame_list, frame_range
from iper_bench.protocol.schema import IMITATION, NOVEL_VIEW, FrameRange
from iper_bench.protocol.video_name import read_video

ENTRY_KEYS = (
    *("source", "view angle", "s_n", "mask", "novel view"),
    *("self_imitation", "cross_imitation", "flag"),
)
DRIVE_KEYS = ("target", "range")
ONE_SHOT_COUNT = 3  # the list "3" holds three single sources, not three sources
_MOST_SOURCES = 64


@dataclass(frozen=True)
class OfficialEntry:
    """One entry, checked and otherwise as written.

    Attributes
    ----------
    where: file and key, for messages.
    source, angles, sources, mask: names of frames, degrees; ``sources`` by number.
    own, cross: target video and range, ``None`` when absent. flag: a range.
    """

    video: str
    where: str
    source: list[str | int]
    angles: list[int]
    sources: dict[int, list[str | int]]
    mask: list[str | int]
    novel_view: bool
    own: tuple[str, FrameRange] | None
    cross: tuple[str, FrameRange] | None
    flag: FrameRange | None

    @property
    def cross_repeats_itself(self) -> bool:
        """Whether the cross entry is nothing but the video on the range of ``flag``."""
        return self.cross is not None and self.cross == (self.video, self.flag)

    def content(self, task: str, *, shared: bool) -> dict[str, Any]:
        """The entry under our keys (:func:`iper_bench.protocol.entry_reading.read_entry`).

        ``shared``: the candidates of the file are not those of the video; the sources 8 are taken.
        """
        eight = self.sources.get(8, [])
        found: dict[str, Any] = {
            "video": self.video,
            "candidates": list(eight if shared else self.source) or None,
            "view_angles": list(self.angles) or None,
            "sources": {sn: list(names) for sn, names in self.sources.items() if sn != ONE_SHOT_COUNT},
        }
        if self.own is not None:
            found["self"] = {"video": self.own[0], "frames": _listed(self.own[1])}
        elif self.flag is not None:  # appearance transfer: the range of the video itself
            found["self"] = {"video": self.video, "frames": _listed(self.flag)}
        if task == IMITATION and self.cross is not None:
            if self.flag is None:
                raise UserError("key 'flag' is missing", where=self.where, expected="the real set, a range")
            found["cross"] = {
                "video": self.cross[0],
                "frames": _listed(self.cross[1]),
                "real": _listed(self.flag),
            }
        if task == NOVEL_VIEW:
            found["targets"] = list(self.mask) or None
        return found


def read_official(video: str, content: Any, where: str) -> OfficialEntry:
    """The entry of ``video``. Raises UserError, one line with the key."""
    fields = Fields(content, where, ENTRY_KEYS)
    flagged = fields.raw("novel view") if fields.has("novel view") else False
    if not isinstance(flagged, bool):
        raise UserError(f"found {flagged!r}"[:80], where=fields.place("novel view"), expected="true or false")
    return OfficialEntry(
        video=video,
        where=where,
        source=_names(fields, "source"),
        angles=list(fields.integers("view angle")) if _filled(content, "view angle") else [],
        sources=_sources(fields),
        mask=_names(fields, "mask"),
        novel_view=flagged,
        own=_drive(fields, "self_imitation"),
        cross=_drive(fields, "cross_imitation"),
        flag=frame_range(fields, "flag") if fields.has("flag") else None,
    )


def same_source(found: list[OfficialEntry]) -> bool:
    """Whether all entries hold one list of candidates although their sources differ, as in FashionVideo: the
    list then belongs to one of the videos only.
    """
    lists = {tuple(one.source) for one in found}
    sources = {tuple(one.sources.get(8, ())) for one in found}
    return len(found) > 1 and len(lists) == 1 and lists != {()} and len(sources) > 1 and () not in sources


def _filled(content: Any, key: str) -> bool:
    """Whether there is anything; the published files write ``[]`` for nothing."""
    return content.get(key) not in (None, [])


def _names(fields: Fields, key: str) -> list[str | int]:
    if not fields.has(key) or fields.raw(key) == []:
        return []
    frame_list(fields, key)
    return list(fields.items(key))


def _sources(fields: Fields) -> dict[int, list[str | int]]:
    content, place = fields.raw("s_n"), fields.place("s_n")
    if not isinstance(content, dict) or not content:
        raise UserError(f"found {content!r}"[:80], where=place, expected="lists under 1, 2, 4, 8")
    found = {}
    for key in content:
        if not (key.isascii() and key.isdecimal() and len(key) < 4 and 0 < int(key) <= _MOST_SOURCES):
            raise UserError(f"found key '{key}'"[:80], where=place, expected="a number of sources")
        inner = Fields(content, place, tuple(content))
        if len(frame_list(inner, key)) != int(key):
            raise UserError(
                f"{len(inner.items(key))} frames", where=inner.place(key), expected=f"{key} frames"
            )
        found[int(key)] = list(inner.items(key))
    return dict(sorted(found.items()))


def _drive(fields: Fields, key: str) -> tuple[str, FrameRange] | None:
    if not fields.has(key):
        return None
    inner = Fields(fields.raw(key), fields.place(key), DRIVE_KEYS)
    return read_video(inner, "target"), frame_range(inner, "range")


def _listed(frames: FrameRange) -> list[int]:
    return [frames.first, frames.last]
