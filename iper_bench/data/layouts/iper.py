"""iPER as published with the ICCV 2019 and the TPAMI code, and as the released videos."""

from __future__ import annotations

import re
from pathlib import Path

from iper_bench.data.layouts.clip_parts import TrackSource, pose_shape_track
from iper_bench.data.layouts.frame_source import padded_names
from iper_bench.data.layouts.layout import FolderLayout, Layout, ProcessedLayout, VideoLayout
from iper_bench.data.layouts.opening import Kind, open_kind
from iper_bench.data.layouts.tree_dataset import TreeDataset
from iper_bench.data.safe_path import inside

FRAMES = ("images_HD", "images")  # the evaluator reads the first, the ICCV training the second
_SIZED_FRAMES = re.compile(r"images_([0-9]{1,5})")
_VIDEOS = re.compile(r"iPER_([0-9]{1,5})_video_release")
_VIDEO = re.compile(r"([0-9]+)_([0-9]+)_([0-9]+)\.mp4", re.IGNORECASE)
TRACKS, PRIMITIVES = "smpls", "primitives"
DEPTH = 3  # actor, cloth, action


def open_iper(*, root: str | None = None, size: int | None = None, prepared: bool = True) -> TreeDataset:
    """iPER: clips ``001/9/1`` (actor, cloth, action), splits ``train``, ``val``, and ``test`` for ``val``.

    Frames are taken from, in this order: a prepared copy; ``images_HD`` or ``images`` (or ``images_256`` and
    the like) with the tracks of ``smpls``; ``primitives`` of iPERCore; the frames without tracks; the
    released videos ``iPER_*_video_release``, the largest first.

    Parameters
    ----------
    root: its folder, or a prepared copy; ``None`` takes ``$IPER_BENCH_DATA/iper``, else that folder itself.
    size: side of the frames in pixels, to which square frames are resized; ``None`` = that of the prepared
        copy, else 512.
    prepared: whether a prepared copy is preferred.

    Raises
    ------
    UserError when the folder holds none of these layouts, or neither ``train.txt`` nor ``val.txt``.
    """
    return open_kind(KIND, root=root, size=size, prepared=prepared)


def _find(root: Path) -> Layout | None:
    frames = _frames_folder(root)
    tracked = (root / TRACKS).is_dir()
    if frames is not None and tracked:
        words = f"{frames.name} with {TRACKS}"
        return FolderLayout(words, (frames,), depth=DEPTH, track=lambda name, _: _track(root, name))
    if (root / PRIMITIVES).is_dir():
        return ProcessedLayout(root / PRIMITIVES, DEPTH)
    if frames is not None:
        return FolderLayout(frames.name, (frames,), depth=DEPTH, track=lambda name, _: _track(root, name))
    videos = _largest(root, _VIDEOS)
    if videos is None:
        return None
    return VideoLayout(
        f"{videos.name} with {TRACKS}" if tracked else videos.name,
        videos,
        file_of=lambda name: f"{name.replace('/', '_')}.mp4",
        name_of=lambda file: "/".join(found.groups()) if (found := _VIDEO.fullmatch(file)) else None,
        naming=padded_names,
        track=lambda name: _track(root, name),
    )


def _frames_folder(root: Path) -> Path | None:
    named = next((root / name for name in FRAMES if (root / name).is_dir()), None)
    return named or _largest(root, _SIZED_FRAMES)


def _largest(root: Path, pattern: re.Pattern[str]) -> Path | None:
    """The folder of the pattern with the largest number."""
    found = [(int(match[1]), path) for path in root.iterdir() if (match := pattern.fullmatch(path.name))]
    return max(found)[1] if found else None


def _track(root: Path, name: str) -> TrackSource:
    return pose_shape_track(inside(root / TRACKS, name, where="clip") / "pose_shape.pkl")


KIND = Kind(
    name="iper",
    find=_find,
    expected="images_HD or images with smpls, primitives, or iPER_*_video_release",
    subject=lambda name: name.partition("/")[0],
    called=re.compile(r"[0-9]{3}/[0-9]+/[0-9]+"),
    aliases={"test": "val"},
    smpl_place="smpls/<actor>/<cloth>/<action>/pose_shape.pkl of the ICCV release",
)
