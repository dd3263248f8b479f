"""``summarise``: what a data set holds, in rows of words; ``list_datasets``: which data sets are there."""

from __future__ import annotations

from collections.abc import Sequence

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.data.frame_name import printable
from iper_bench.data.layouts.prepared import PreparedLayout, find_prepared
from iper_bench.data.layouts.tree_clip import TreeClip
from iper_bench.data.layouts.tree_dataset import TreeDataset
from iper_bench.errors import UserError

_SHOWN = 200  # characters of a reason


def summarise(dataset: Dataset) -> list[tuple[str, str]]:
    """Rows (what, how it is) of a data set: side of the frames, body, splits with clips, frames and subjects,
    tracks, mattes; of files on the disk also where and how they lie, and whether a prepared copy is there.

    No frame is decoded and no track is read. Clips that cannot be used are counted.
    """
    rows = [("dataset", dataset.name), *_place(dataset)]
    rows += [
        ("frames", f"{dataset.image_size} x {dataset.image_size} pixels"),
        ("body", printable(dataset.body)),
    ]
    clips: dict[str, Clip] = {}
    lengths: dict[str, int] = {}
    unusable: dict[str, str] = {}
    for name in _names(dataset):
        try:
            clip = dataset.clip(name)
            lengths[name] = len(clip)
            clips[name] = clip
        except UserError as error:
            unusable[name] = str(error)
    for split in dataset.splits():
        rows.append((f"split {split}", _split(dataset, split, clips, lengths)))
    rows.append(("subjects", str(len({clip.subject for clip in clips.values()}))))
    rows.append(("tracks", f"{sum(clip.has_track for clip in clips.values())} of {len(clips)} clips"))
    trees = [clip for clip in clips.values() if isinstance(clip, TreeClip)]
    if trees:
        matted = sum(clip.matte_files is not None for clip in trees)
        rows.append(("mattes", f"{matted} of {len(trees)} clips"))
    if unusable:
        first = next(iter(unusable.values()))[:_SHOWN]
        rows.append(("not usable", f"{_number(len(unusable), 'clip')}, the first: {first}"))
    return rows


def list_datasets() -> list[tuple[str, str]]:
    """Rows (registry name, what was found of it without a root being named)."""
    return [(name, _found(name)) for name in DATASETS.names()]


def _found(name: str) -> str:
    try:
        dataset = DATASETS.get(name)(root=None, size=None)
        clips = _number(len(_names(dataset)), "clip")
        if isinstance(dataset, TreeDataset):
            return f"{clips}, {dataset.layout.words}, in {printable(str(dataset.root))}"
        return clips
    except UserError as error:
        return f"not found: {error}"[:_SHOWN]


def _names(dataset: Dataset) -> list[str]:
    """Clips of the splits whose lists can be used."""
    names: set[str] = set()
    refused: list[UserError] = []
    splits = dataset.splits()
    for split in splits:
        try:
            names.update(dataset.clip_names(split))
        except UserError as error:
            refused.append(error)
    if refused and len(refused) == len(splits):
        raise refused[0]
    return sorted(names)


def _place(dataset: Dataset) -> list[tuple[str, str]]:
    if not isinstance(dataset, TreeDataset):
        return []
    rows = [("folder", printable(str(dataset.root))), ("layout", dataset.layout.words)]
    copy = find_prepared(dataset.root)
    if copy is None:
        return [*rows, ("prepared", f"no: {dataset.prepare_command}")]
    used = "" if isinstance(dataset.layout, PreparedLayout) else ", not used"
    return [*rows, ("prepared", f"in {printable(str(copy.folder))}, {copy.size} pixels{used}")]


def _split(dataset: Dataset, split: str, clips: dict[str, Clip], lengths: dict[str, int]) -> str:
    try:
        names: Sequence[str] = dataset.clip_names(split)
    except UserError as error:
        return str(error)[:_SHOWN]
    usable = [name for name in names if name in clips]
    frames = sum(lengths[name] for name in usable)
    subjects = len({clips[name].subject for name in usable})
    lacking = f", {len(names) - len(usable)} not usable" if len(usable) < len(names) else ""
    return f"{_number(len(names), 'clip')}, {frames} frames, {_number(subjects, 'subject')}{lacking}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
