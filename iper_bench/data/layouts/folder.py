"""A folder of one's own: videos and folders of frames, with tracks and mattes where there are any."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from iper_bench.data.frame_name import printable
from iper_bench.data.layouts.clip_parts import (
    ClipParts,
    MatteSource,
    TrackSource,
    array_track,
    pose_shape_track,
)
from iper_bench.data.layouts.frame_source import (
    FolderSource,
    VideoSource,
    counted_names,
    is_picture,
    is_video,
    scanned,
)
from iper_bench.data.layouts.layout import Layout, require_utf8
from iper_bench.data.layouts.opening import SIDE, Kind, open_kind
from iper_bench.data.layouts.prepared import DEEPEST, FOLDER
from iper_bench.data.layouts.tree_dataset import TreeDataset
from iper_bench.data.picture_file import is_inside
from iper_bench.data.prepared_folder import FOLDER_MARK
from iper_bench.data.safe_path import inside
from iper_bench.errors import UserError

IMAGES, MASKS = "images", "masks"
#: folders that hold something else than frames of a clip
OTHER_FOLDERS = (MASKS, "parse", "pred_masks", "background", FOLDER)
#: tracks of a clip, in the order in which they are looked for: inside its folder, then beside it
TRACKS_INSIDE = ("track.npz", "track.npy", "pose_shape.pkl", "track.pkl")
TRACKS_BESIDE = (".npz", ".npy", ".pkl")


def open_folder_dataset(
    *, root: str | None = None, size: int | None = None, prepared: bool = True
) -> TreeDataset:
    """Any folder: every video in it, and every folder of pictures, is a clip; its name is the way to it.

    Clips may lie deeper, as in ``anna/walk.mp4``; the first part of such a name is the subject. Frames of a
    clip lie in its folder or in ``images`` there, in natural order (2 before 10); mattes in ``masks`` under
    the same names with ``.png``; the track is ``track.npz`` or ``pose_shape.pkl`` in the folder, or
    ``<clip>.npz`` or ``<clip>.pkl`` beside the folder or video. Splits are ``all``, and ``train``, ``val``
    and ``test`` where ``train.txt`` and so on are there.

    Parameters
    ----------
    root: the folder, or a prepared copy; ``None`` takes ``$IPER_BENCH_DATA/folder``.
    size: side of the frames in pixels; ``None`` = that of the prepared copy, else that of the first frame of
        the first clip if it is square, else 512.
    prepared: whether a prepared copy is preferred.

    Raises
    ------
    UserError when the folder does not exist. That it holds no clip is said when its clips are asked for.
    """
    return open_kind(KIND, root=root, size=size, prepared=prepared)


class OwnLayout(Layout):
    """Videos and folders of frames below ``root``."""

    words = "folder"

    def __init__(self, root: Path) -> None:
        self._root = root

    def place(self, name: str) -> Path:
        """See :class:`Layout`."""
        return inside(self._root, name, where="clip")

    def parts(self, name: str) -> ClipParts:
        """See :class:`Layout`."""
        path = self.place(name)
        if not path.is_dir():
            beside = [path.with_name(path.stem + ending) for ending in TRACKS_BESIDE]
            return ClipParts(VideoSource(path, counted_names), _track(beside))
        inner = path / IMAGES
        tracks = [path / file for file in TRACKS_INSIDE]
        tracks += [path.with_name(path.name + ending) for ending in TRACKS_BESIDE]
        return ClipParts(
            FolderSource(inner if inner.is_dir() else path, natural_order),
            _track(tracks),
            MatteSource(path / MASKS, "{stem}.png"),
        )

    def names(self) -> list[str]:
        """See :class:`Layout`. Raises UserError also when there is no clip."""
        found = sorted(_clips_below(self._root, "", self._root))
        if not found:
            pictures = any(is_picture(entry.name) for entry in scanned(self._root))
            raise UserError(
                "holds the frames of one clip, not clips" if pictures else "holds no video and no frames",
                where=printable(str(self._root)),
                expected="videos, or one folder of frames per clip",
                hint="--data-root with the folder above it" if pictures else "--data-root FOLDER",
            )
        return found


def natural_order(names: Iterable[str]) -> list[str]:
    """Names in an order in which runs of digits count as numbers; the text decides between equals."""
    return sorted(names, key=_natural)


def _natural(name: str) -> list[tuple[int, int, str]]:
    runs = re.findall(r"[0-9]+|[^0-9]+", name.lower())
    return [*((0, int(run), "") if run.isdigit() else (1, 0, run) for run in runs), (2, 0, name)]


def _track(candidates: list[Path]) -> TrackSource:
    """The first that exists, else the first."""
    path = next((path for path in candidates if path.is_file()), candidates[0])
    return pose_shape_track(path) if path.suffix == ".pkl" else array_track(path)


def _clips_below(folder: Path, name: str, root: Path) -> list[str]:
    if name.count("/") >= DEEPEST or (name and (folder / FOLDER_MARK).is_file()):
        return []  # a prepared copy holds the same clips again
    entries = scanned(folder)
    videos = [entry.name for entry in entries if is_video(entry.name) and not entry.is_dir()]
    if name and not videos and _is_clip(folder, entries):
        return [name]
    folders = [entry.name for entry in entries if _may_hold_clips(entry, folder)]
    if folder.is_symlink() and name and not is_inside(folder, root):
        folders = []  # what lies right there is refused by its name; a link to the whole disk is not walked
    full = {inner: require_utf8(f"{name}/{inner}" if name else inner, folder) for inner in videos + folders}
    deeper = [clip for inner in folders for clip in _clips_below(folder / inner, full[inner], root)]
    return [full[video] for video in videos] + deeper


def _is_clip(folder: Path, entries: list[os.DirEntry[str]]) -> bool:
    if any(is_picture(entry.name) for entry in entries):
        return True
    inner = any(entry.name == IMAGES and entry.is_dir() for entry in entries)
    return inner and any(is_picture(entry.name) for entry in scanned(folder / IMAGES))


def _may_hold_clips(entry: os.DirEntry[str], folder: Path) -> bool:
    if entry.name in OTHER_FOLDERS or not entry.is_dir():
        return False
    # a link to a folder above would show every clip again and again
    return not (entry.is_symlink() and folder.resolve().is_relative_to(Path(entry.path).resolve()))


def _first_side(dataset: TreeDataset) -> int:
    """Side of the first frame of the first clip, :data:`SIDE` when it is not square."""
    from iper_bench.data.layouts.video_cursor import video_frames
    from iper_bench.data.picture_file import read_picture_file

    source = dataset.layout.parts(dataset.found_names()[0]).frames
    files = source.files
    try:
        image = read_picture_file(files[0]).image if files else next(video_frames(source.path, [0]))
    except UserError as error:
        raise UserError(
            f"the side of the frames is that of the first one, which cannot be used: {error.what}",
            where=error.where,
            expected="a whole first frame",
            hint="--size PX says which side is wanted",
        ) from error
    height, width = image.shape[:2]
    return height if height == width else SIDE


KIND = Kind(
    name="folder",
    find=OwnLayout,
    expected="videos, or one folder of frames per clip",
    subject=lambda name: name.partition("/")[0],
    lists_all=True,
    smpl_place="track.npz in the clip's folder, or <clip>.npz beside it",
    default_size=_first_side,
)
