"""FashionVideo (the UBC fashion videos) as the TPAMI tools, the evaluator and the download hold it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from iper_bench.data.layouts.layout import (
    ALPHAS,
    Layout,
    ProcessedLayout,
    VideoLayout,
    evaluator_layout,
    folders_at,
)
from iper_bench.data.layouts.opening import Kind, open_kind
from iper_bench.data.layouts.split_file import read_url_list
from iper_bench.data.layouts.tree_dataset import Splits, TreeDataset

SPLITS = ("train", "val")
URL_LISTS = {"train": "fashion_train.txt", "val": "fashion_test.txt"}
MATTES = (*ALPHAS, ("pred_masks", "mask_{name}"))


def open_fashionvideo(
    *, root: str | None = None, size: int | None = None, prepared: bool = True
) -> TreeDataset:
    """FashionVideo: clips such as ``91M3UFSKn8S.mp4``, splits ``train``, ``val``, and ``test`` for ``val``.

    Frames are taken from, in this order: a prepared copy; ``primitives/<id>.mp4/processed``;
    ``processed/{train,val}/<id>.mp4`` (or without the folder of the split); ``videos/<id>.mp4``, which are
    not square: they have to be prepared before frames can be read. Where ``train.txt`` and ``val.txt`` are
    missing the splits are those of the lists of addresses ``fashion_train.txt`` and ``fashion_test.txt``,
    else the folders ``processed/train`` and ``processed/val``.

    Parameters
    ----------
    root: its folder, or a prepared copy; ``None`` takes ``$IPER_BENCH_DATA/fashionvideo``, else that folder
        itself.
    size: side of the frames in pixels; ``None`` = that of the prepared copy, else 512.
    prepared: whether a prepared copy is preferred.

    Raises
    ------
    UserError when the folder holds none of these layouts, or nothing says what the splits are.
    """
    return open_kind(KIND, root=root, size=size, prepared=prepared)


def _find(root: Path) -> Layout | None:
    if (root / "primitives").is_dir():
        return ProcessedLayout(root / "primitives")
    processed = root / "processed"
    if processed.is_dir():
        split_folders = tuple(processed / split for split in SPLITS if (processed / split).is_dir())
        return evaluator_layout(*(split_folders or (processed,)), mattes=MATTES)
    if not (root / "videos").is_dir():
        return None
    return VideoLayout("videos", root / "videos")


def _found_splits(root: Path) -> Splits:
    listed: dict[str, Callable[[], list[str]]] = {
        split: (lambda path=root / file: read_url_list(path))  # type: ignore[misc]
        for split, file in URL_LISTS.items()
        if (root / file).is_file()
    }
    return listed or {
        split: (lambda path=root / "processed" / split: folders_at(path, 1))  # type: ignore[misc]
        for split in SPLITS
        if (root / "processed" / split).is_dir()
    }


KIND = Kind(
    name="fashionvideo",
    find=_find,
    expected="primitives, processed, or videos",
    subject=lambda name: name,
    called=re.compile(r"[A-Za-z0-9+-]+\.mp4"),
    aliases={"test": "val"},
    found_splits=_found_splits,
    smpl_place="a track for every video; none were published",
)
