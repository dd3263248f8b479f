"""Youtube-Dancer-18 as the evaluator and MetaPix hold it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from iper_bench.data.layouts.clip_parts import pose_shape_track
from iper_bench.data.layouts.layout import FolderLayout, Layout, VideoLayout, evaluator_layout, folders_at
from iper_bench.data.layouts.opening import Kind, open_kind
from iper_bench.data.layouts.tree_dataset import Splits, TreeDataset

#: names of the clips of MetaPix' cut
METAPIX = re.compile(r"(train|test)_([0-9]+)_img")
_EVALUATOR = re.compile(r"(.+)_[0-9]+\.mp4")


def open_youtube_dancer(
    *, root: str | None = None, size: int | None = None, prepared: bool = True
) -> TreeDataset:
    """Youtube-Dancer-18: clips such as ``2rJvM52eOOc_1.mp4``, split ``all``.

    Frames are taken from, in this order: a prepared copy; ``processed/<id>_<n>.mp4``; the folders
    ``train_<i>_img`` and ``test_<i>_img`` of MetaPix, clips of those names that make the splits ``train`` and
    ``test`` beside ``all``; ``videos/<id>_<n>.mp4``. ``train.txt``, ``val.txt`` and ``test.txt`` are
    splits where they are there.

    Parameters
    ----------
    root: its folder, or a prepared copy; ``None`` takes ``$IPER_BENCH_DATA/youtube-dancer18``, else that
        folder itself.
    size: side of the frames in pixels; ``None`` = that of the prepared copy, else 512.
    prepared: whether a prepared copy is preferred.

    Raises
    ------
    UserError when the folder holds none of these layouts.
    """
    return open_kind(KIND, root=root, size=size, prepared=prepared)


class MetaPixLayout(FolderLayout):
    """Folders of frames beside each other in the root."""

    def names(self) -> list[str]:
        """See :class:`Layout`; other folders are no clips."""
        return [name for name in super().names() if METAPIX.fullmatch(name)]


def _find(root: Path) -> Layout | None:
    if (root / "processed").is_dir():
        return evaluator_layout(root / "processed")
    if any(METAPIX.fullmatch(path.name) for path in root.iterdir()):
        return MetaPixLayout("metapix", (root,), track=lambda _, f: pose_shape_track(f / "pose_shape.pkl"))
    if not (root / "videos").is_dir():
        return None
    return VideoLayout("videos", root / "videos")


def _found_splits(root: Path) -> Splits:
    if (root / "processed").is_dir():
        return {}
    splits: dict[str, Callable[[], list[str]]] = {}
    for split in ("train", "test"):
        if any(name.startswith(f"{split}_") and METAPIX.fullmatch(name) for name in folders_at(root, 1)):
            splits[split] = lambda head=split: [  # type: ignore[misc]
                name for name in folders_at(root, 1) if (m := METAPIX.fullmatch(name)) and m[1] == head
            ]
    return splits


def _subject(name: str) -> str:
    """The dancer: the YouTube id, or the number of the video in MetaPix."""
    found = METAPIX.fullmatch(name)
    if found:
        return found[2]
    shown = _EVALUATOR.fullmatch(name)
    return shown[1] if shown else name


KIND = Kind(
    name="youtube-dancer18",
    find=_find,
    expected="processed/<id>_<n>.mp4, the folders of MetaPix, or videos",
    subject=_subject,
    called=re.compile(rf"[A-Za-z0-9_-]{{11}}_[0-9]+\.mp4|{METAPIX.pattern}"),
    found_splits=_found_splits,
    lists_all=True,
    smpl_place="processed/<id>_<n>.mp4/pose_shape.pkl",
)
