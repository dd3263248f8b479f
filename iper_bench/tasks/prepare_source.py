"""``RawDataset``: the clips of a data set as published, before anything was prepared, and their files."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path

from iper_bench.data.archive import unpack as unpack_archive
from iper_bench.data.dataset import DATASETS
from iper_bench.data.frame_name import printable
from iper_bench.data.layouts.tree_clip import TreeClip
from iper_bench.data.layouts.tree_dataset import TreeDataset
from iper_bench.data.safe_path import inside
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash, file_sha256
from iper_bench.tasks.prepare_frames import RawClip

ARCHIVES = ("*.zip", "*.tar", "*.tar.gz", "*.tgz", "*.tar.gz.aa", "*.tgz.aa")
ARCHIVE_FOLDERS = (".", "splits")  # of the root; the parts of iPER lie in the second
KEYPOINT_FILE = "kps.pkl"  # beside the published tracks
#: endings of files that are given for every clip, and of a folder
GIVEN = (".npz", ".npy", ".json", ".pkl", "")


class RawDataset:
    """A data set on the disk.

    Parameters
    ----------
    dataset: opened without its prepared copy.
    """

    def __init__(self, dataset: TreeDataset) -> None:
        self._dataset = dataset
        self.root = dataset.root
        self.body = dataset.body

    def splits(self) -> Mapping[str, Sequence[str]]:
        """Clips of every split that stands in a file. ``test`` is left out where it is another name of
        ``val``, and so is ``all``, which readers make up where there is no file.
        """
        found = {split: self._dataset.clip_names(split) for split in self._dataset.splits() if split != "all"}
        if found.get("test") == found.get("val"):
            found.pop("test", None)
        return found

    def clip_names(self, split: str | None) -> list[str]:
        """Sorted. Raises UserError for an unknown split."""
        return self._dataset.clip_names(split)

    def clip(
        self, name: str, *, keypoints: Path | None = None, boxes: Path | None = None, alone: bool = True
    ) -> RawClip:
        """What is known of a clip. Reads its track, decodes nothing.

        Parameters
        ----------
        keypoints, boxes: what was given for all clips; a file serves when the clip is prepared ``alone``.

        Raises
        ------
        UserError for a clip without frames, a track that cannot be read or does not fit, a given folder
        without a file for this clip.
        """
        clip = self._dataset.clip(name)
        given = _given(keypoints, name, alone, "--keypoints")
        points = given if given is not None else _published_keypoints(clip)
        person = _given(boxes, name, alone, "--boxes")
        return RawClip(
            name,
            clip.source,
            tuple(clip.frame_names),
            clip.frame_files,
            clip.matte_files,
            clip.track_file if clip.has_track else None,
            points,
            person,
            _inputs(clip, points, person),
            clip.source.relative_to(self.root).as_posix(),
            points_given=given is not None,
        )


def open_raw(name: str, data_root: str | None, size: int, *, unpack: bool = False) -> RawDataset:
    """Open the data set called ``name`` as it was published.

    Parameters
    ----------
    size: side of the frames that will be prepared.
    unpack: unpack the archives in ``data_root`` first; what was unpacked before is kept.

    Raises
    ------
    UserError for an unknown name, a data set that is not prepared, a root without its marks, archives that
    are damaged or not there.
    """
    factory = DATASETS.get(name)
    if "prepared" not in inspect.signature(factory).parameters:
        raise UserError(
            f"'{name}' needs no preparation", where="data prepare", expected="a published data set or folder"
        )
    if unpack:
        if data_root is None:
            raise UserError("nothing says where the archives lie", where="--unpack", expected="--data-root")
        _unpack_all(Path(data_root))
    try:
        dataset = factory(root=data_root, size=size, prepared=False)  # type: ignore[call-arg]
    except UserError as error:
        if unpack or data_root is None or not _archives(Path(data_root)):
            raise
        raise UserError(error.what, where=error.where, expected=error.expected, hint="--unpack") from error
    if not isinstance(dataset, TreeDataset):
        raise ValueError(f"dataset '{name}' is no tree of files")
    return RawDataset(dataset)


def _archives(root: Path) -> list[Path]:
    folders = [root / part for part in ARCHIVE_FOLDERS]
    return [path for folder in folders for pattern in ARCHIVES for path in sorted(folder.glob(pattern))]


def _unpack_all(root: Path) -> None:
    archives = _archives(root)
    if not archives:
        raise UserError(
            "no archive to unpack", where=printable(str(root)), expected=f"files {', '.join(ARCHIVES)}"
        )
    for archive in archives:
        unpack_archive(archive, root)


def _given(path: Path | None, name: str, alone: bool, option: str) -> Path | None:
    """The file of one clip among what was given for all."""
    if path is None:
        return None
    if path.is_file():
        if not alone:
            raise UserError(
                f"{path} is one file for several clips",
                where=option,
                expected="a folder with a file CLIP.npz for every clip, or --clips with one name",
            )
        return path
    stem = inside(path, name, where=option)
    for ending in GIVEN:
        found = stem.with_name(stem.name + ending)
        if found.is_file() or found.is_dir():  # a pipe would be read for ever
            return found
    # OpenPose writes a folder of JSON files; for one clip it may be given as it is
    if alone and any(path.glob("*.json")):
        return path
    raise UserError(
        f"holds nothing for clip '{printable(name)}'",
        where=f"{option} {printable(str(path))}",
        expected=f"a file {printable(name)}.npz",
    )


def _published_keypoints(clip: TreeClip) -> Path | None:
    """The 2-D points beside the published track."""
    track = clip.track_path
    path = None if track is None else track.with_name(KEYPOINT_FILE)
    return path if path is not None and path.is_file() else None


def _inputs(clip: TreeClip, *beside: Path | None) -> str:
    """What changes when the files of a clip do: names and sizes of frames and mattes, and the content of the
    track and of the files ``beside`` it, which often change without another size.
    """
    try:
        mattes = [path.stat().st_size if path.exists() else None for path in clip.matte_files or ()]
        track = clip.track_path if clip.has_track else None
        others = [None if path is None else _content(path) for path in (track, *beside)]
    except OSError as error:
        raise UserError(
            f"cannot read: {error.strerror}", where=printable(str(error.filename or clip.name))
        ) from error
    return content_hash([clip.parts.frames.content(), mattes, others])


def _content(path: Path) -> list[list[str]]:
    """Names and digests of a file, or of the files of a folder."""
    files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
    return [[printable(each.name), file_sha256(each)] for each in files]
