"""MotionSynthetic as the TPAMI tools, the evaluator and the download hold it."""

from __future__ import annotations

import re
from pathlib import Path

from iper_bench.data.layouts.clip_parts import TrackSource, pose_shape_track
from iper_bench.data.layouts.layout import Layout, ProcessedLayout, VideoLayout, evaluator_layout
from iper_bench.data.layouts.opening import Kind, open_kind
from iper_bench.data.layouts.tree_dataset import TreeDataset
from iper_bench.data.safe_path import inside


def open_motionsynthetic(
    *, root: str | None = None, size: int | None = None, prepared: bool = True
) -> TreeDataset:
    """MotionSynthetic: clips such as ``MG_125611487366942_0_0017``, splits ``train``, ``val``, and ``test``
    for ``val``.

    Frames are taken from, in this order: a prepared copy; ``primitives/<name>/processed``;
    ``processed/<name>``; ``videos/<name>.mp4`` with the tracks of ``poses/<name>``. The vertex offsets of the
    tracks are not used.

    Parameters
    ----------
    root: its folder, or a prepared copy; ``None`` takes ``$IPER_BENCH_DATA/motionsynthetic``, else that
        folder itself.
    size: side of the frames in pixels; ``None`` = that of the prepared copy, else 512.
    prepared: whether a prepared copy is preferred.

    Raises
    ------
    UserError when the folder holds none of these layouts, or neither ``train.txt`` nor ``val.txt``.
    """
    return open_kind(KIND, root=root, size=size, prepared=prepared)


def _find(root: Path) -> Layout | None:
    if (root / "primitives").is_dir():
        return ProcessedLayout(root / "primitives")
    if (root / "processed").is_dir():
        return evaluator_layout(root / "processed")
    if not (root / "videos").is_dir():
        return None
    tracked = (root / "poses").is_dir()
    return VideoLayout(
        "videos with poses" if tracked else "videos",
        root / "videos",
        file_of=lambda name: f"{name}.mp4",
        name_of=lambda file: file[:-4] if file.lower().endswith(".mp4") else None,
        track=lambda name: _track(root, name),
    )


def _track(root: Path, name: str) -> TrackSource:
    return pose_shape_track(inside(root / "poses", name, where="clip") / "pose_shape.pkl")


def _subject(name: str) -> str:
    """The mesh: the name without the number of its motion and its running number."""
    parts = name.rsplit("_", 2)
    return parts[0] if len(parts) == 3 else name


KIND = Kind(
    name="motionsynthetic",
    find=_find,
    expected="primitives, processed, or videos with poses",
    subject=_subject,
    called=re.compile(r".+_[0-9]{4}"),
    aliases={"test": "val"},
    smpl_place="poses/<name>/pose_shape.pkl of the release",
)
