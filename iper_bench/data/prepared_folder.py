"""``PreparedFolder``: a data set as ``data prepare`` leaves it, written clip by clip.

::

    prepared.json               dataset, size, body, factor and how the clips were made
    train.txt, val.txt, ...     names of the finished clips of a split, one per line
    clips/NAME/images/STEM.png  square frames
    clips/NAME/masks/STEM.png   mattes, 255 = person
    clips/NAME/track.npz        bodies (data/track_file.py), cameras with the square frames as [-1, 1]
    clips/NAME/boxes.npz        boxes of the person (data/box_file.py), pixels of the square frames
    clips/NAME/keypoints.npz    2-D points (data/keypoint_file.py), pixels of the square frames
    clips/NAME/clip.json        written last: what makes the clip a finished one

Masks, track and keypoints are there where they are known. Frames are not written one by one under other names
first: a clip without ``clip.json`` does not count, and all its files are on the disk before that one is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from iper_bench.atomic import explain, write_json, write_text
from iper_bench.data.image_io import Image, encode_png
from iper_bench.data.safe_path import inside
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.lock import take
from iper_bench.plain_pickle import read_limited

FORMAT = 1
FOLDER_MARK, CLIP_MARK = "prepared.json", "clip.json"
CLIPS, IMAGES, MASKS = "clips", "images", "masks"
TRACK, BOXES, KEYPOINTS = "track.npz", "boxes.npz", "keypoints.npz"
LARGEST_RECORD = 1 << 28  # bytes; a digest per frame, 100 bytes each
_LOCK = ".lock"
_HINT = "--overwrite to make them anew, or --out FOLDER for another copy"


@dataclass(frozen=True)
class PreparedSettings:
    """What has to be the same for all clips of a folder.

    Attributes
    ----------
    dataset: registry name. size: side of the frames, pixels. body: body model of the tracks.
    factor: of the crop, see :func:`iper_bench.data.crop.active_box`.
    fps: rate to which videos were brought, ``None`` = their own.
    smooth: whether recovered tracks were smoothed.
    """

    dataset: str
    size: int
    body: str
    factor: float
    fps: float | None = None
    smooth: bool = True

    def difference(self, other: Mapping[str, Any]) -> str | None:
        """The first setting that ``other`` (a former ``prepared.json``) has another value of, in words."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), other.get(field.name)
            if mine != theirs:
                return f"{field.name} {theirs}, not {mine}"
        return None


@dataclass(frozen=True)
class ClipRecord:
    """What ``clip.json`` says beside the format and the digests.

    Attributes
    ----------
    frames: T. fps: ``None`` where nobody says. source: where the frames or the video lay in the root,
        so that the record is the same on every machine.
    frame_size: (height, width) of the original frames.
    crop_box: (x0, x1, y0, y1) in pixels of them. scale, start: pixel of the square frame = original pixel *
        scale - start (x, y).
    inputs: what identifies the files that the clip was made from, boxes and points included.
    estimator: what identifies the weights by which its bodies were found, ``None`` = none were looked for.
    """

    frames: int
    fps: float | None
    source: str
    frame_size: tuple[int, int]
    crop_box: tuple[int, int, int, int]
    scale: float
    start: tuple[float, float]
    inputs: str
    estimator: str | None = None


class ClipWriter:
    """Writes one clip; a former one of the name is gone from now on.

    Parameters
    ----------
    folder: ``clips/NAME``.

    Raises
    ------
    UserError when the folder cannot be written; from every method also when the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._digests: dict[str, str] = {}
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / CLIP_MARK).unlink(missing_ok=True)  # first: from here on the clip is unfinished
            for name in (TRACK, BOXES, KEYPOINTS):
                (folder / name).unlink(missing_ok=True)
            for name in (IMAGES, MASKS):
                for path in (folder / name).glob("*.png"):
                    path.unlink()

    def write_frame(self, stem: str, image: Image) -> None:
        """A square frame (S, S, 3) RGB."""
        self._write(f"{IMAGES}/{stem}.png", encode_png(image, quick=True))

    def write_matte(self, stem: str, matte: Image) -> None:
        """A matte (S, S), 255 = person."""
        self._write(f"{MASKS}/{stem}.png", encode_png(matte, quick=True))

    def add(self, name: str) -> None:
        """Take a file that somebody else wrote into the folder, such as :data:`TRACK`, into the record."""
        self._digests[name] = file_sha256(self.folder / name)

    def finish(self, record: ClipRecord) -> None:
        """Bring all files to the disk, then write ``clip.json``."""
        with _writing(self.folder):
            for name in self._digests:
                handle = os.open(self.folder / name, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        content = {"format": FORMAT, **asdict(record), "sha256": self._digests}
        write_json(self.folder / CLIP_MARK, content)

    def _write(self, name: str, content: bytes) -> None:
        path = inside(self.folder, name, where=str(self.folder))
        if name in self._digests:
            raise UserError(f"two frames are called {path.stem}", where=str(self.folder))
        with _writing(path):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        self._digests[name] = hashlib.sha256(content).hexdigest()


class PreparedFolder:
    """The folder of a prepared data set, for one program at a time; use as a context.

    Parameters
    ----------
    root: where it lies or shall lie.
    settings: of the clips that will be written.
    overwrite: make clips of other settings anew. All of them count as unfinished then.

    Raises
    ------
    UserError when the folder holds something else, was made with other settings, is in use, or cannot be
    written.
    """

    def __init__(self, root: Path, settings: PreparedSettings, *, overwrite: bool = False) -> None:
        self.root = root
        self._settings, self._overwrite = settings, overwrite
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> PreparedFolder:
        former = self._former()
        with _writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock = (self.root / _LOCK).open("wb")
        try:
            if not take(self._lock.fileno()):
                raise UserError("another program prepares into this folder", where=str(self.root))
            difference = None if former is None else self._settings.difference(former)
            if difference is not None:
                if not self._overwrite:
                    raise UserError(f"holds clips made with {difference}", where=str(self.root), hint=_HINT)
                self._disown()
            content = {"format": FORMAT, **asdict(self._settings)}
            if former != content:
                write_json(self.root / FOLDER_MARK, content)
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    def clip_folder(self, name: str) -> Path:
        """Where the clip lies. Raises UserError for a name that leads out of the folder."""
        return inside(self.root / CLIPS, name, where=f"clip of {self.root}")

    def is_finished(self, name: str, inputs: str, estimator: str | None = None) -> bool:
        """Whether the clip is there and whole.

        Parameters
        ----------
        estimator: by which its bodies are to be found; ``None`` = they are not to be looked for.

        Raises UserError when it was made from other files than ``inputs`` say or its bodies were found by
        another estimator, unless ``overwrite``, and for a record that cannot be read.
        """
        folder = self.clip_folder(name)
        record = _read_record(folder / CLIP_MARK)
        if record is None:
            return False
        if record.get("inputs") != inputs:
            if self._overwrite:
                return False
            raise UserError(
                "was prepared from other files than are there now", where=f"clip '{name}'", hint=_HINT
            )
        found_by = record.get("estimator")
        if estimator is not None and found_by != estimator:
            if found_by is None or self._overwrite:
                return False
            raise UserError("has bodies of another estimator", where=f"clip '{name}'", hint=_HINT)
        return all((folder / part).is_file() for part in record["sha256"])

    def write_splits(self, splits: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Write the finished clips of every split, in its order; a split without one has no file.

        Returns
        -------
        Clips listed for every split that was written.
        """
        listed = {}
        for split, names in splits.items():
            path = inside(self.root, f"{split}.txt", where="split")
            finished = [name for name in names if (self.clip_folder(name) / CLIP_MARK).is_file()]
            if finished:
                write_text(path, "".join(f"{name}\n" for name in finished))
                listed[split] = len(finished)
            else:
                path.unlink(missing_ok=True)
        return listed

    def _former(self) -> dict[str, Any] | None:
        """The present ``prepared.json``; ``None`` for a folder that is new or empty."""
        path = self.root / FOLDER_MARK
        try:
            if path.exists():
                return _object(path)
            # hidden: the lock, and what a killed program left of a file it was writing
            others = self.root.exists() and any(not part.name.startswith(".") for part in self.root.iterdir())
        except OSError as error:
            raise explain(error, str(self.root)) from error
        if others:
            raise UserError(
                f"holds files, but no {FOLDER_MARK}",
                where=str(self.root),
                expected="a new folder, or one that data prepare made",
                hint="--out FOLDER",
            )
        return None

    def _disown(self) -> None:
        """Make every clip an unfinished one."""
        with _writing(self.root):
            for path in (self.root / CLIPS).rglob(CLIP_MARK):
                path.unlink()


def _read_record(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    record = _object(path)
    digests = record.get("sha256")
    if not isinstance(digests, dict):
        raise UserError("no field 'sha256'", where=str(path), hint=_HINT)
    for name in digests:
        inside(path.parent, name, where=f"{path}, sha256")
    return record


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_limited(path, LARGEST_RECORD).decode("utf-8"))
    except (UserError, ValueError, RecursionError) as error:
        raise UserError("not a record of data prepare", where=str(path), hint="remove it") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(
            "not a record of data prepare, or of another version",
            where=str(path),
            expected=f"format {FORMAT}",
            hint="--out FOLDER",
        )
    return content


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise explain(error, str(path)) from error
