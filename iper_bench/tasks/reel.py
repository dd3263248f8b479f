"""``Reel``: what ``--source`` and ``--target`` name, whatever it is: a clip of a dataset, a video, images, or
a body track without pictures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.data.track_file import TrackFile, read_track, require_frames
from iper_bench.data.video_io import Footage, ImageFootage, image_files, open_footage, read_image
from iper_bench.errors import UserError, unknown_name

_DECODED = 16  # frames of a clip that are decoded together


class Reel(ABC):
    """Frames of one person, with his body where it is known. Opening one decodes one frame at most.

    Attributes
    ----------
    name: as it was typed.
    track: the body of every frame, ``None`` when it has to be found first.
    body: name of the body model of the track, ``None`` when nobody says.
    fps: ``None`` when nobody says.
    side: of the frames where all are squares of one size, else ``None``.
    pictures: whether there are any frames.
    warning: what is odd about the files, in a line, or ``None``.
    paths: files and folders that it is read from, where it has its own.
    """

    name: str
    track: BodyTrack | None = None
    body: str | None = None
    fps: float | None = None
    side: int | None = None
    pictures: bool = True
    warning: str | None = None
    paths: tuple[Path, ...] = ()

    @abstractmethod
    def __len__(self) -> int:
        """Number of frames."""

    @abstractmethod
    def frames(self, indices: Sequence[int]) -> Iterator[Images]:
        """Yield the frames (H, W, 3) uint8 in that order. Raises UserError for one that is not there."""

    @abstractmethod
    def masks(self, indices: Sequence[int]) -> list[Images] | None:
        """Mattes (H, W) uint8, 255 = person, or ``None``."""

    def label(self, index: int) -> str:
        """What messages call a frame."""
        return f"{self.name}, frame {index}"


class ClipReel(Reel):
    """A clip of a dataset."""

    def __init__(self, name: str, dataset: Dataset, clip: Clip) -> None:
        self.name = name
        self.body = dataset.body
        self.side = dataset.image_size
        self._clip = clip
        self.track = clip.track if clip.has_track else None

    def __len__(self) -> int:
        return len(self._clip)

    def frames(self, indices: Sequence[int]) -> Iterator[Images]:
        """See :class:`Reel`."""
        for start in range(0, len(indices), _DECODED):
            yield from self._clip.frames(indices[start : start + _DECODED])

    def masks(self, indices: Sequence[int]) -> list[Images] | None:
        """See :class:`Reel`."""
        found = self._clip.masks(indices)
        return None if found is None else list(found)


class FootageReel(Reel):
    """A video, a folder of images or one image, with the track and the mattes that lie beside it."""

    def __init__(
        self, name: str, footage: Footage, track_path: Path | None = None, masks: Path | None = None
    ) -> None:
        self.name = name
        self._footage = footage
        self.fps = footage.fps
        self.warning = footage.warning()
        self._track_file = read_track(track_path) if track_path is not None else None
        if self._track_file is not None and track_path is not None:
            require_frames(track_path, self._track_file.track, len(footage))
            self.track, self.body = self._track_file.track, self._track_file.body
        self.paths = tuple(path for path in (footage.path, track_path, masks) if path is not None)
        self._shapes: dict[int, tuple[int, int]] = {}
        self._mask_files = mask_files(masks, footage) if masks is not None else None

    def __len__(self) -> int:
        return len(self._footage)

    def label(self, index: int) -> str:
        """See :class:`Reel`."""
        return self._footage.name_of(index)

    def frames(self, indices: Sequence[int]) -> Iterator[Images]:
        """See :class:`Reel`. Raises UserError for a frame that its track cannot refer to."""
        for index, frame in zip(indices, self._footage.stream(indices), strict=True):
            if self._track_file is not None:
                _require_fit(self._footage.name_of(index), frame, self._track_file)
            self._shapes[index] = frame.shape[0], frame.shape[1]
            yield frame

    def masks(self, indices: Sequence[int]) -> list[Images] | None:
        """See :class:`Reel`. Raises UserError for a matte of another size than its frame."""
        if self._mask_files is None:
            return None
        unknown = [index for index in indices if index not in self._shapes]
        if (
            unknown
        ):  # rarely: whoever asks for mattes has looked at the frames, and opening a video takes time
            for _ in self.frames(unknown):
                pass
        found = []
        for index in indices:
            mask = read_image(self._mask_files[index], grey=True)
            if mask.shape != self._shapes[index]:
                height, width = self._shapes[index]
                raise UserError(
                    f"a mask of {mask.shape[1]}x{mask.shape[0]} pixels",
                    where=str(self._mask_files[index]),
                    expected=f"{width}x{height}, like {self._footage.name_of(index)}",
                )
            found.append(mask)
        return found


class TrackReel(Reel):
    """Motion without pictures."""

    pictures = False

    def __init__(self, path: Path) -> None:
        content = read_track(path)
        self.name, self.paths = str(path), (path,)
        self.track, self.body = content.track, content.body
        self._count = len(content.track)

    def __len__(self) -> int:
        return self._count

    def frames(self, indices: Sequence[int]) -> Iterator[Images]:
        """None: see ``pictures``."""
        raise ValueError(f"{self.name} is a track and has no frames")

    def masks(self, indices: Sequence[int]) -> list[Images] | None:
        """None."""
        return None


@dataclass(frozen=True)
class ReelSpec:
    """What was typed about one reel.

    Attributes
    ----------
    text: an image, a folder of images, a video, or ``DATASET:CLIP``; ``None`` for a track alone.
    track: file of its bodies. masks: folder of its mattes.
    """

    text: str | None
    track: Path | None = None
    masks: Path | None = None


def open_reel(spec: ReelSpec, *, size: int | None, data_root: str | None) -> Reel:
    """Open what was typed.

    Parameters
    ----------
    size: side at which a dataset is asked for its frames; ``None`` = its own.
    data_root: where datasets lie, as in ``iper-bench run``.

    Raises
    ------
    UserError for an unknown dataset or clip, a missing or undecodable file, a track that does not fit.
    """
    if spec.text is None:
        if spec.track is None:
            raise ValueError("neither a reel nor a track")
        return TrackReel(spec.track)
    path = Path(spec.text)
    dataset, colon, clip = spec.text.partition(":")
    if colon and not path.exists() and (dataset in DATASETS or _looks_like_a_name(dataset)):
        return _open_clip(spec, dataset, clip, size, data_root)
    if not spec.text:
        raise UserError(
            "an empty name", where="--source or --target", expected="a file, a folder or DATASET:CLIP"
        )
    return FootageReel(spec.text, open_footage(path), spec.track, spec.masks)


def _looks_like_a_name(text: str) -> bool:
    # one letter is a drive of Windows
    return len(text) > 1 and "/" not in text and "\\" not in text and "." not in text


def _open_clip(spec: ReelSpec, name: str, clip: str, size: int | None, data_root: str | None) -> ClipReel:
    if name not in DATASETS:
        raise unknown_name("dataset", name, DATASETS.names(), where=spec.text)
    for value, option in ((spec.track, "a track"), (spec.masks, "masks")):
        if value is not None:
            raise UserError(
                f"{option} given for a clip whose dataset brings its own",
                where=str(value),
                expected=f"'{spec.text}' alone",
            )
    dataset = DATASETS.get(name)(root=data_root, size=size)
    return ClipReel(f"{name}:{clip}", dataset, dataset.clip(clip))


def mask_files(folder: Path, footage: Footage) -> list[Path]:
    """The matte of every frame: by the frame's own file name (ending aside) where ``footage`` are images and
    the mattes are named like them, else by position.

    Raises UserError when some frames have a matte of their name and others have not, and when there are not
    as many.
    """
    if not folder.exists():
        raise UserError("no such file or folder", where=str(folder), expected="a folder of masks")
    files = image_files(folder) if folder.is_dir() else [folder]
    if isinstance(footage, ImageFootage):
        by_stem = {path.stem: path for path in files}
        missing = [path for path in footage.files if path.stem not in by_stem]
        if not missing:
            return [by_stem[path.stem] for path in footage.files]
        if len(missing) < len(footage):
            raise UserError(
                f"no mask for {missing[0].name}, though other frames have one of their name",
                where=str(folder),
                expected="a mask named like every frame, or none named so and one per frame, in order",
            )
    if len(files) != len(footage):
        raise UserError(
            f"{len(files)} masks for {len(footage)} frames",
            where=str(folder),
            expected="one per frame, in order, or named like the frames",
        )
    return files


def _require_fit(name: str, frame: Images, content: TrackFile) -> None:
    height, width = frame.shape[:2]
    if content.frame is not None:
        made_height, made_width = content.frame
        if abs(height * made_width - width * made_height) > max(made_height, made_width):
            raise UserError(
                f"{width}x{height} pixels, but its track was made for {made_width}x{made_height}",
                where=name,
                expected="frames of the same shape",
            )
    elif height != width:
        raise UserError(
            f"{width}x{height} pixels with a track, which refers to square frames",
            where=name,
            expected="square frames, or a track that iper-bench found in these frames",
        )


def selected(text_frames: Sequence[int], reel: Reel, option: str) -> tuple[int, ...]:
    """Check picked frames: there, and each once. Raises UserError."""
    for index in text_frames:
        if not 0 <= index < len(reel):
            raise UserError(
                f"no frame {index} in {reel.name}", where=option, expected=f"0 to {len(reel) - 1}"
            )
    seen: set[int] = set()
    for index in text_frames:
        if index in seen:
            raise UserError(f"frame {index} is named twice", where=option, expected="each frame once")
        seen.add(index)
    return tuple(int(index) for index in np.asarray(text_frames))
