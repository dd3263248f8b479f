"""``RawFrames``: the frames of a clip as they were recorded, in order, one size, each read strictly."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from iper_bench.data.av_video import AvVideo, nearest_frames
from iper_bench.data.clip import Images
from iper_bench.data.frame_name import frame_ids, printable
from iper_bench.data.picture_file import read_picture_file
from iper_bench.data.track_file import TrackFile
from iper_bench.data.verify.frame_names import name_findings
from iper_bench.errors import UserError

_DIGITS = re.compile(r"[0-9]+")
RESAMPLED_NAME = "frame_{:08d}"  # of frames that are no frame of the video by number any more


@dataclass(frozen=True, eq=False)
class RawClip:
    """What is known of a clip before anything is decoded; picklable.

    Attributes
    ----------
    name: in its dataset.
    source: folder of the frames, or a video.
    names: file names of the frames in order; those that the frames of a video would have.
    files: the frames; empty for a video.
    mattes: one file per frame, or ``None``.
    track: bodies, one per frame; cameras with the square frame as [-1, 1]. ``None`` = not known.
    keypoints, boxes: files of 2-D points and of person boxes, ``None`` = none.
    points_given: whether somebody asked for the keypoints; else they lay beside the track.
    inputs: what identifies the files. place: of ``source`` in the root, which the record says; empty = the
        whole path.
    """

    name: str
    source: Path
    names: tuple[str, ...]
    files: tuple[Path, ...] = ()
    mattes: tuple[Path, ...] | None = None
    track: TrackFile | None = None
    keypoints: Path | None = None
    boxes: Path | None = None
    inputs: str = ""
    place: str = ""
    points_given: bool = True

    def __len__(self) -> int:
        return len(self.names)


class RawFrames:
    """The frames of ``clip``.

    Parameters
    ----------
    fps: rate to which a video is brought: of every new moment, the frame nearest in time. ``None`` = as it
        is.
    threads: of the decoder, see :class:`AvVideo`.

    Attributes
    ----------
    rows: which frame of the clip stands at every place; rising, all of them in order without ``fps``.
    stems: names for them, without ending, which sort as text; those of the files where they do.
    fps: of them; ``None`` where nobody says.
    size: (height, width) of every frame; asking for it decodes the first one.
    notes: what is odd about the names, such as gaps in the numbers, a line each.

    Raises
    ------
    UserError for frames that are out of order by number, or called alike but for the ending; for a video that
    does not open, whose frames are not as many as the clip says, or whose rate varies while no ``fps`` is
    given; for ``fps`` where frames have no times.
    """

    def __init__(self, clip: RawClip, fps: float | None = None, *, threads: int = 0) -> None:
        self._clip = clip
        self._video = None if clip.files else AvVideo(clip.source, threads=threads)
        self.rows: Sequence[int] = range(len(clip))
        self.stems = [Path(name).stem for name in clip.names]
        self.notes: list[str] = []
        if clip.files:
            require_order(clip.names, printable(str(clip.source)))
            odd = name_findings(clip.name, clip.names)
            self.notes = [f"clip {printable(clip.name)}: {finding.text}" for finding in odd]
            self.stems = sortable(self.stems, printable(str(clip.source)))
        self.fps: float | None = None
        if self._video is not None:
            self._plan(self._video, fps)
        elif fps is not None:
            raise UserError(
                "frames in a folder have no times to resample by",
                where=printable(str(clip.source)),
                expected="a video, or no --fps",
            )
        self._first: Images | None = None

    @property
    def size(self) -> tuple[int, int]:
        """See the class."""
        if self._first is None:
            self._first = next(self._decoded())
        return self._first.shape[0], self._first.shape[1]

    def stream(self) -> Iterator[Images]:
        """Every frame (H, W, 3) uint8 RGB in order. Raises UserError naming one that is missing, damaged or
        of another size than the first.
        """
        for place, frame in enumerate(self._decoded()):
            if frame.shape[:2] != self.size:
                height, width = self.size
                raise UserError(
                    f"{frame.shape[1]}x{frame.shape[0]} pixels",
                    where=self._label(self.rows[place]),
                    expected=f"{width}x{height}, like the first frame",
                )
            yield frame

    def _plan(self, video: AvVideo, fps: float | None) -> None:
        where = printable(str(self._clip.source))
        video.require_whole()  # before its rate: where a cut leaves holes, times are uneven
        count = video.count
        if count != len(self._clip):
            raise UserError(
                f"{count} frames", where=where, expected=f"{len(self._clip)}, as the data set says"
            )
        self.fps = video.fps
        if fps is not None:
            self.fps = fps
            if video.fps is None:
                raise UserError("frames without times", where=where, expected="a video with a frame rate")
            rows = nearest_frames(video.frame_times, fps)
            if rows != list(self.rows):
                self.rows = rows
                self.stems = [RESAMPLED_NAME.format(place) for place in range(len(rows))]
        elif video.variable_rate:
            raise UserError(
                "the frame rate varies",
                where=where,
                expected="frames that are shown equally long",
                hint=f"--fps {round(video.fps or 25):d}, which takes the frame nearest in time",
            )

    def _decoded(self) -> Iterator[Images]:
        if self._video is None:
            for file in self._clip.files:
                yield read_picture_file(file).image
            return
        # the rows rise: one pass over the video, a frame that comes twice is given twice
        place = 0
        for row, frame in enumerate(self._video.frames()):
            while place < len(self.rows) and self.rows[place] == row:
                yield frame
                place += 1

    def _label(self, row: int) -> str:
        if self._clip.files:
            return printable(str(self._clip.files[row]))
        return f"{printable(str(self._clip.source))}, frame {row}"


def require_order(names: Sequence[str], where: str) -> None:
    """Raise UserError when the names of the frames of one clip are not in order by number, repeat a number,
    or are alike but for the ending.
    """
    stems = [Path(name).stem for name in names]
    if len(set(stems)) < len(stems):
        twice = Counter(stems).most_common(1)[0][0]
        raise UserError(f"two frames are called '{printable(twice)}'", where=where, expected="each name once")
    ids = frame_ids(stems)
    numbers = [number for number in ids if isinstance(number, int)]
    if len(numbers) < len(ids):
        return
    for place, (number, following) in enumerate(pairwise(numbers)):
        if following <= number:
            first, second = (printable(names[at]) for at in (place, place + 1))
            raise UserError(
                f"frames out of order: {first} comes before {second} by name",
                where=where,
                expected="numbers that rise with the names",
                hint="name the frames with numbers of one width, as in 00000012.png",
            )


def sortable(stems: Sequence[str], where: str) -> list[str]:
    """Names that give the order of ``stems`` when they are sorted as text: themselves, else with their
    numbers padded to one width.

    Raises UserError when that does not help.
    """
    if list(stems) == sorted(stems):
        return list(stems)
    width = max((len(run) for stem in stems for run in _DIGITS.findall(stem)), default=0)
    padded = [_DIGITS.sub(lambda run: run[0].zfill(width), stem) for stem in stems]
    if padded != sorted(set(padded)):
        raise UserError(
            "names of frames that can be sorted in two ways", where=where, expected="numbers of one width"
        )
    return padded


def take_rows(values: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """``values`` (T, ...) of the frames ``rows``."""
    return values[np.asarray(rows, dtype=np.int64)]
