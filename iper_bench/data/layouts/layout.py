"""``Layout``: where the files of clips lie below a root, by the clips' names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from iper_bench.data.frame_name import printable
from iper_bench.data.layouts.clip_parts import ClipParts, MatteSource, TrackSource, pose_shape_track
from iper_bench.data.layouts.frame_source import (
    FolderSource,
    ListedSource,
    Naming,
    VideoSource,
    counted_names,
    is_utf8,
    is_video,
    picture_names,
    scanned,
)
from iper_bench.data.layouts.processed_video import (
    ALPHA_SUFFIX,
    IMAGES,
    INFO,
    PARSE,
    ProcessedVideo,
    read_processed,
)
from iper_bench.data.safe_path import inside
from iper_bench.data.track_file import TrackFile
from iper_bench.errors import UserError

TrackPlace = Callable[[str], TrackSource | None]
MattePlaces = tuple[tuple[str, str], ...]  # folder in the clip's, pattern of MatteSource
ALPHAS: MattePlaces = (("parse", "{first}_alpha.png"),)


class Layout(ABC):
    """One way in which clips lie on the disk.

    Attributes
    ----------
    words: what it is, for people and for fingerprints.
    """

    words: str

    @abstractmethod
    def place(self, name: str) -> Path:
        """Folder or file that is there when the clip is. Raises UserError for a name that leads out."""

    @abstractmethod
    def parts(self, name: str) -> ClipParts:
        """The files of a clip that is there. Opens none."""

    @abstractmethod
    def names(self) -> list[str]:
        """Clips on the disk, sorted. Raises UserError when a folder cannot be read or a name is not UTF-8."""

    def has(self, name: str) -> bool:
        """Whether the clip is there."""
        return self.place(name).exists()

    def require_ready(self, name: str, prepare: str) -> None:  # noqa: B027
        """Raise UserError when a clip that is there may not be used yet; ``prepare`` is the command."""


class FolderLayout(Layout):
    """A folder of frames per clip.

    Parameters
    ----------
    bases: folders in which the clips' folders lie; the first that has the clip counts.
    depth: parts of a clip's name.
    images: folder of the frames in a clip's folder; empty: the folder itself.
    track: clip's name and folder -> its track.
    mattes: folder and pattern of the mattes in a clip's folder, the first that exists counts.
    """

    def __init__(
        self,
        words: str,
        bases: tuple[Path, ...],
        *,
        depth: int = 1,
        images: str = "",
        track: Callable[[str, Path], TrackSource | None] = lambda name, folder: None,
        mattes: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.words = words
        self._bases, self._depth, self._images = bases, depth, images
        self._track, self._mattes = track, mattes

    def place(self, name: str) -> Path:
        """See :class:`Layout`."""
        places = [inside(base, name, where="clip") for base in self._bases]
        return next((place for place in places if place.is_dir()), places[0])

    def parts(self, name: str) -> ClipParts:
        """See :class:`Layout`."""
        folder = self.place(name)
        mattes = [MatteSource(folder / inner, pattern) for inner, pattern in self._mattes]
        return ClipParts(
            FolderSource(folder / self._images),
            self._track(name, folder),
            next((matte for matte in mattes if matte.exists()), None),
        )

    def names(self) -> list[str]:
        """See :class:`Layout`."""
        return sorted({name for base in self._bases for name in folders_at(base, self._depth)})


def evaluator_layout(*bases: Path, mattes: MattePlaces = ALPHAS) -> FolderLayout:
    """``<clip>/images`` with ``pose_shape.pkl`` beside it, below one of ``bases``: the ``processed`` folders
    of the official evaluator.
    """
    return FolderLayout(
        "processed",
        bases,
        images="images",
        track=lambda _, folder: pose_shape_track(folder / "pose_shape.pkl"),
        mattes=mattes,
    )


class ProcessedLayout(Layout):
    """iPERCore's ``primitives/<clip>/processed``.

    Frames are those that have a matte, so that they can be named without reading ``vid_info.pkl``, which
    takes long; they are the frames that it lists, which is checked when the track is read. Where nothing was
    segmented the file itself says which they are.
    """

    def __init__(self, base: Path, depth: int = 1) -> None:
        self.words = "primitives"
        self._base, self._depth = base, depth

    def place(self, name: str) -> Path:
        """See :class:`Layout`."""
        return inside(self._base, name, where="clip") / "processed"

    def parts(self, name: str) -> ClipParts:
        """See :class:`Layout`."""
        folder = self.place(name)
        held = _Processed(folder)
        return ClipParts(
            ListedSource(folder / IMAGES, lambda: held.names),
            TrackSource(folder / INFO, lambda path: TrackFile(held.read().track)),
            held.mattes,
        )

    def names(self) -> list[str]:
        """See :class:`Layout`."""
        return folders_at(self._base, self._depth)


class VideoLayout(Layout):
    """A video file per clip.

    Parameters
    ----------
    file_of: clip's name -> file name in ``base``; by default the same. name_of: the reverse, ``None`` for a
        file that is no clip.
    naming: number of frames -> their names.
    track: clip's name -> its track.
    """

    def __init__(
        self,
        words: str,
        base: Path,
        *,
        file_of: Callable[[str], str] = lambda name: name,
        name_of: Callable[[str], str | None] = lambda file: file,
        naming: Naming = counted_names,
        track: TrackPlace = lambda name: None,
    ) -> None:
        self.words, self._base = words, base
        self._file_of, self._name_of, self._naming, self._track = file_of, name_of, naming, track

    def place(self, name: str) -> Path:
        """See :class:`Layout`."""
        return inside(self._base, self._file_of(name), where="clip")

    def parts(self, name: str) -> ClipParts:
        """See :class:`Layout`."""
        return ClipParts(VideoSource(self.place(name), self._naming), self._track(name))

    def names(self) -> list[str]:
        """See :class:`Layout`."""
        files = [entry.name for entry in scanned(self._base) if is_video(entry.name)]
        found = [self._name_of(file) for file in files]
        return sorted(require_utf8(name, self._base) for name in found if name is not None)


class _Processed:
    """A processed video."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.mattes = MatteSource(folder / PARSE, f"{{first}}{ALPHA_SUFFIX}")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """See :class:`ProcessedLayout`."""
        if not self.mattes.exists():
            return read_processed(self._folder).names
        alphas = {entry.name for entry in scanned(self.mattes.folder)}
        names = sorted(picture_names(self._folder / IMAGES))
        return tuple(name for name in names if self.mattes.path(name).name in alphas)

    def read(self) -> ProcessedVideo:
        """See :func:`read_processed`. Raises UserError also when the file lists other frames."""
        video = read_processed(self._folder)
        if video.names != self.names:
            raise UserError(
                f"lists {len(video.names)} frames, not the {len(self.names)} pictures with a matte",
                where=printable(str(self._folder / INFO)),
                expected="the frames of the folder",
                hint="run the preprocessing of this video again",
            )
        return video


def folders_at(base: Path, depth: int) -> list[str]:
    """Names such as ``001/9/1`` of the folders ``depth`` levels below ``base``, sorted; hidden ones do not
    count. Raises UserError when a folder cannot be read.
    """
    if not base.is_dir():
        return []
    names = [require_utf8(entry.name, base) for entry in scanned(base) if entry.is_dir()]
    if depth == 1:
        return sorted(names)
    return sorted(f"{name}/{inner}" for name in names for inner in folders_at(base / name, depth - 1))


def require_utf8(name: str, folder: Path) -> str:
    """``name`` of a clip. Raises UserError when it is not UTF-8: protocols could not write it."""
    if not is_utf8(name):
        raise UserError(
            f"the name '{printable(name)}' is not UTF-8",
            where=printable(str(folder)),
            expected="clips whose names are ordinary text",
            hint="another name for the file or folder",
        )
    return name
