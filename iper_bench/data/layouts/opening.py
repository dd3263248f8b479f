"""``open_kind``: from a root on the disk to a dataset: layout, splits, a prepared copy if there is one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iper_bench.data.frame_name import printable
from iper_bench.data.layouts.layout import Layout
from iper_bench.data.layouts.prepared import Prepared, PreparedLayout, find_prepared
from iper_bench.data.layouts.roots import find_root
from iper_bench.data.layouts.split_file import read_split
from iper_bench.data.layouts.tree_dataset import Splits, TreeDataset
from iper_bench.errors import UserError

SIDE = 512  # pixels, the resolution of the released networks
SPLIT_FILES = {split: f"{split}.txt" for split in ("train", "val", "test")}  # the same for all of them
ALL = "all"  # the split of datasets that come without split files


@dataclass(frozen=True)
class Kind:
    """What tells one dataset on the disk from another.

    Attributes
    ----------
    name: registry name.
    find: root -> its layout, ``None`` when the root has none of them.
    expected: the layouts, in words.
    subject: clip's name -> who is seen.
    files: split -> its file in the root.
    aliases: split -> the split of which it is another name, unless it has a file of its own.
    found_splits: root -> splits that follow from folders or other files, used where ``files`` are missing.
    lists_all: whether the split ``all`` holds every clip on the disk; else a split file is compulsory.
    default_size: side of the frames when nobody says.
    called: what its clips are called. Several datasets have folders of the same names, so
        ``$IPER_BENCH_DATA`` itself is the root only if a clip of such a name is there; ``None``: never.
    """

    name: str
    find: Callable[[Path], Layout | None]
    expected: str
    subject: Callable[[str], str]
    files: Mapping[str, str] = field(default_factory=lambda: dict(SPLIT_FILES))
    aliases: Mapping[str, str] = field(default_factory=dict)
    found_splits: Callable[[Path], Splits] = lambda root: {}
    lists_all: bool = False
    smpl_place: str = "a track for every clip"
    default_size: Callable[[TreeDataset], int] = lambda dataset: SIDE
    called: re.Pattern[str] | None = None


def open_kind(kind: Kind, *, root: str | None, size: int | None, prepared: bool = True) -> TreeDataset:
    """Open a dataset.

    Parameters
    ----------
    root: its folder, see :func:`find_root`.
    size: side of the frames; ``None`` takes that of the prepared copy, else what the dataset says.
    prepared: whether a prepared copy is preferred over the data as published.

    Raises
    ------
    UserError when the folder holds no layout of the dataset, a prepared copy of another one, or no split
    file.
    """
    folder = find_root(kind.name, root, lambda path: _is_here(kind, path))
    copy = find_prepared(folder) if prepared else None
    if copy is not None and copy.dataset != kind.name:
        raise UserError(
            f"a prepared copy of '{copy.dataset}', not of '{kind.name}'",
            where=printable(str(copy.folder)),
            hint=f"--dataset {copy.dataset}",
        )
    published = None if copy is not None and copy.folder == folder else kind.find(folder)
    layout: Layout | None = published if copy is None else PreparedLayout(copy)
    if layout is None:
        raise UserError(
            f"holds no dataset '{kind.name}'", where=printable(str(folder)), expected=kind.expected
        )
    return TreeDataset(
        kind.name,
        folder,
        layout,
        _splits(kind, folder, published, layout, copy),
        subject=kind.subject,
        size=size if size is not None or copy is None else copy.size,
        default_size=kind.default_size,
        smpl_place=kind.smpl_place,
        split_files=kind.files,
    )


def file_splits(folder: Path, files: Mapping[str, str]) -> dict[str, Callable[[], list[str]]]:
    """Splits whose files are there, unread."""
    return {
        split: (lambda path=folder / file: read_split(path))  # type: ignore[misc]
        for split, file in files.items()
        if (folder / file).is_file()
    }


def _is_here(kind: Kind, folder: Path) -> bool:
    if kind.called is None:
        return False
    copy = find_prepared(folder)
    if copy is not None:
        return copy.dataset == kind.name
    layout = kind.find(folder)
    return layout is not None and any(kind.called.fullmatch(name) for name in layout.names())


def _splits(
    kind: Kind, root: Path, published: Layout | None, layout: Layout, copy: Prepared | None
) -> Splits:
    """What belongs to the dataset is said where it was published, else by the prepared copy."""
    found = dict(file_splits(root, kind.files) or kind.found_splits(root))
    if not found and copy is not None:
        found = file_splits(copy.folder, kind.files)
    if kind.lists_all:
        found[ALL] = (published or layout).names
    elif not found:
        raise UserError(
            "no split file",
            where=printable(str(root)),
            expected=f"{' and '.join(kind.files.values())}, one clip name per line",
            hint="copy them from the release of the dataset",
        )
    for alias, split in kind.aliases.items():
        if split in found and alias not in found:
            found[alias] = found[split]
    return found
