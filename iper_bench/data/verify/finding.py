"""``Finding``: one thing that is wrong with a local copy of a data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from iper_bench.data.frame_name import printable

#: kind of a finding -> what stands above the findings of it, in the order in which they are printed
KINDS = {
    "split_file": "split files that are missing or wrong",
    "count": "other numbers than the published ones",
    "missing_clip": "clips that are missing",
    "missing_frames": "frames that are missing",
    "missing_track": "body tracks that are missing",
    "missing_matte": "mattes that are missing",
    "broken_picture": "pictures that are cut or damaged",
    "broken_video": "videos that are cut or damaged",
    "broken_track": "body tracks that are damaged or do not fit their frames",
    "unfinished_clip": "prepared clips that were not finished",
    "size": "frames of differing sizes",
    "frame_name": "frames with unusual names",
    "unlisted_clip": "clips that no split lists",
    "stray_file": "files that do not belong there",
    "missing_file": "files that are missing, by the manifest or by the records of prepared clips",
    "changed_file": "files that differ from the manifest or from the records of prepared clips",
    "unexpected_file": "files that the manifest does not list",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    kind: a key of :data:`KINDS`, else ValueError.
    text: what is wrong, in words.
    clip: whose, empty for the data set as a whole.
    file: relative to the root where it lies in it; may be empty.
    hint: what to type or do next; may be empty.
    """

    kind: str
    text: str
    clip: str = ""
    file: str = ""
    hint: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind of finding {self.kind!r}")

    def content(self) -> dict[str, str]:
        """As plain values for JSON."""
        return {key: printable(value) for key, value in asdict(self).items()}

    def __str__(self) -> str:
        """``"001/9/1  images/001/9/1/0012.jpg: an empty file; try: ..."``."""
        place = "  ".join(printable(part) for part in (self.clip, self.file) if part)
        text = f"{place}: {self.text}" if place else self.text
        return f"{text}; try: {self.hint}" if self.hint else text
