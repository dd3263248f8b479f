"""``TreeClip``: a clip in files on the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.frame_name import printable
from iper_bench.data.layouts.clip_parts import ClipParts
from iper_bench.data.layouts.frame_recipe import Frame
from iper_bench.data.layouts.frame_source import Recipe
from iper_bench.data.track_file import TrackFile
from iper_bench.errors import UserError


@dataclass(frozen=True, eq=False)
class TreeContext:
    """What clips of one dataset share.

    Attributes
    ----------
    side: of the frames, pixels. prepare: the command that prepares them.
    body: name or path of the body that tracks refer to; asked for when a track names one.
    smpl_place: where the published tracks belong, in words.
    """

    side: int
    prepare: str
    body: Callable[[], str]
    smpl_place: str


class TreeClip(Clip):
    """A clip of files. Making one opens none of them; frames are listed, and the track is read, on first use.

    Attributes
    ----------
    name, subject, size: see :class:`iper_bench.data.clip.Clip`. Frames of another square size are resized.
    parts: where its files lie.
    """

    def __init__(self, name: str, subject: str, parts: ClipParts, context: TreeContext) -> None:
        self.name, self.subject, self.parts = name, subject, parts
        self.size = (context.side, context.side)
        self._context = context

    def __len__(self) -> int:
        return len(self.parts.frames)

    @property
    def frame_names(self) -> Sequence[str]:
        """Names of the files in order; for a video those that the official extraction gives. Raises UserError
        when the clip has no frames.
        """
        return self.parts.frames.names

    @property
    def source(self) -> Path:
        """The folder of the frames, or the video."""
        return self.parts.frames.path

    @property
    def frame_files(self) -> tuple[Path, ...]:
        """The picture of every frame; empty for a video."""
        return self.parts.frames.files

    @property
    def matte_files(self) -> tuple[Path, ...] | None:
        """Where the matte of every frame belongs; ``None`` when the clip has no mattes."""
        mattes = self.parts.mattes
        if mattes is None or not mattes.exists():
            return None
        return tuple(mattes.path(name) for name in self.frame_names)

    @property
    def track_path(self) -> Path | None:
        """Where the track lies or belongs; ``None`` when the layout has no place for one."""
        return None if self.parts.track is None else self.parts.track.path

    @property
    def has_track(self) -> bool:
        """Whether there is a file with the track; it may still be refused when it is read."""
        return self.parts.track is not None and self.parts.track.exists()

    @cached_property
    def track_file(self) -> TrackFile:
        """The track with what its file says beside it.

        Raises
        ------
        UserError when there is none, it cannot be read, has another number of bodies than the clip has
        frames, or refers to another body than the dataset.
        """
        track = self.parts.track
        if track is None or not track.exists():
            raise self._no_track()
        file = track.read(track.path)
        bodies, frames, where = len(file.track), len(self), self._where(track.path)
        if bodies != frames:
            word = "shorter" if bodies < frames else "longer"
            raise UserError(
                f"SMPL track {word} than the video: {bodies} bodies for {frames} frames",
                where=where,
                expected="one body per frame",
                hint="take frames and track from the same release",
            )
        if file.body is not None and not _same_body(file.body, self._context.body()):
            raise UserError(
                f"the track refers to the body '{file.body}'",
                where=where,
                expected=f"'{self._context.body()}', the body of the dataset",
                hint=f"IPER_BENCH_BODY={file.body}",
            )
        return file

    @cached_property
    def track(self) -> BodyTrack:  # type: ignore[override]
        """The body in every frame. Raises UserError as :attr:`track_file`, and for a track of frames that
        were not square.
        """
        file = self.track_file
        if file.frame is not None and file.frame[0] != file.frame[1]:
            raise UserError(
                f"the track was made for frames of {file.frame[1]}x{file.frame[0]}",
                where=f"clip '{printable(self.name)}'",
                expected="square frames",
                hint=self._context.prepare,
            )
        return file.track

    def frames(self, indices: Sequence[int]) -> Images:
        """Frames (N, S, S, 3) uint8 RGB.

        Raises
        ------
        UserError naming clip, frame and file for a frame that is missing, damaged or not square.
        """
        return self.recipe(indices)()

    def recipe(self, indices: Sequence[int]) -> Recipe:
        """See :class:`Clip`. Raises UserError for a frame that the clip does not have."""
        self._check(indices)
        frame = Frame(self.name, self.size[0], self._context.prepare)
        return self.parts.frames.recipe(indices, frame)

    def masks(self, indices: Sequence[int]) -> Images | None:
        """Mattes (N, S, S) uint8, 255 = person, resized as the frames are; ``None`` when there are none.

        Raises
        ------
        UserError naming clip, frame and file for a matte that is missing, damaged or not square.
        """
        mattes = self.parts.mattes
        if mattes is None or not mattes.exists():
            return None
        self._check(indices)
        names, side = self.frame_names, self.size[0]
        found = [self._matte(mattes.path(names[int(index)]), int(index)) for index in indices]
        return np.stack(found) if found else np.empty((0, side, side), np.uint8)

    def findings(self) -> list[str]:
        """What is odd about the clip by its names and headers, a line each: gaps in the numbers of the
        frames, numbers of mixed widths, a cut video, a rate that varies. Decodes nothing.
        """
        from iper_bench.data.verify.frame_names import name_findings

        source = self.parts.frames
        if not source.files:
            return source.oddities()
        return [finding.text for finding in name_findings(self.name, self.frame_names)] + source.oddities()

    def _matte(self, path: Path, index: int) -> Images:
        import cv2

        from iper_bench.data.matte_file import read_matte

        where = self._where(path, index)
        try:
            matte = read_matte(path)
        except UserError as error:
            raise UserError(error.what, where=where, expected="a matte for every frame") from error
        height, width = matte.shape
        if height != width:
            raise UserError(
                f"a matte of {width}x{height} pixels",
                where=where,
                expected="square mattes",
                hint=self._context.prepare,
            )
        if height == self.size[0]:
            return matte
        return np.asarray(cv2.resize(matte, self.size, interpolation=cv2.INTER_LINEAR), np.uint8)

    def _check(self, indices: Sequence[int]) -> None:
        count = len(self)
        for index in indices:
            if not 0 <= int(index) < count:
                raise UserError(
                    f"no frame {index}",
                    where=f"clip '{printable(self.name)}'",
                    expected=f"0 to {count - 1}",
                )

    def _no_track(self) -> UserError:
        path = self.track_path
        place = "" if path is None else f"; published tracks belong at {printable(str(path))}"
        return UserError(
            "no body track",
            where=f"clip '{printable(self.name)}'",
            expected=f"{self._context.smpl_place}{place}",
            hint=f"{self._context.prepare} --body-weights FILE",
        )

    def _where(self, path: Path, index: int | None = None) -> str:
        frame = "" if index is None else f", frame {index}"
        return f"clip '{printable(self.name)}'{frame} ({printable(str(path))})"


def _same_body(one: str, other: str) -> bool:
    """Whether two names may mean one body: equal, or both a licensed file, wherever it lies."""
    return one == other or not (one.startswith("open-") or other.startswith("open-"))
