"""``TreeDataset``: a dataset of files on the disk."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from iper_bench.data.dataset import Dataset
from iper_bench.data.frame_name import printable
from iper_bench.data.layouts.clip_parts import ClipParts
from iper_bench.data.layouts.frame_source import picture_sizes
from iper_bench.data.layouts.layout import Layout
from iper_bench.data.layouts.prepared import PreparedLayout
from iper_bench.data.layouts.tree_clip import TreeClip, TreeContext
from iper_bench.errors import UserError, nearest, unknown_name
from iper_bench.hashing import content_hash, file_sha256

Splits = Mapping[str, Callable[[], list[str]]]
FINGERPRINT_FORMAT = 1


class TreeDataset(Dataset):
    """Clips that lie below ``root``. Opening one reads no clip; split files are read when they are asked for.

    Parameters
    ----------
    name: registry name. root: its folder.
    layout: where the files of a clip lie.
    splits: split -> what lists its clips.
    subject: clip's name -> who is seen.
    split_files: split -> the file in ``root`` that would list it, for messages.
    size: side of the frames; ``None`` asks ``default_size`` on first use.
    smpl_place: where published tracks belong, in words.

    Attributes
    ----------
    name, body, image_size, fingerprint: see :class:`Dataset`.
    layout, root: as given.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        layout: Layout,
        splits: Splits,
        *,
        subject: Callable[[str], str],
        size: int | None,
        default_size: Callable[[TreeDataset], int],
        smpl_place: str,
        split_files: Mapping[str, str],
    ) -> None:
        self.name, self.root, self.layout = name, root, layout
        self._readers, self._subject = splits, subject
        self._size, self._default_size, self._smpl_place = size, default_size, smpl_place
        self._split_files = split_files
        self._lists: dict[str, list[str]] = {}
        self._clips: dict[str, TreeClip] = {}

    @cached_property
    def image_size(self) -> int:  # type: ignore[override]
        """Side of the frames; see the function that opened the dataset."""
        return self._default_size(self) if self._size is None else self._size

    @cached_property
    def body(self) -> str:  # type: ignore[override]
        """Name or path of the body of the tracks: of a prepared copy the one it was prepared with, else what
        IPER_BENCH_BODY says, else ``open-coarse``.

        Raises UserError when the variable names neither a body nor a file.
        """
        from iper_bench.body.loading import default_body

        default = default_body()
        if not isinstance(self.layout, PreparedLayout):
            return default
        made_with = self.layout.prepared.body
        if made_with.startswith("open-"):
            return made_with
        if default.startswith("open-"):
            raise UserError(
                f"prepared with the body '{printable(made_with)}', which is not here",
                where=printable(str(self.layout.prepared.folder)),
                expected="the SMPL file that its tracks refer to",
                hint="IPER_BENCH_BODY=FILE",
            )
        return default

    @property
    def prepare_command(self) -> str:
        """What to type to prepare the dataset."""
        root = self._typed_root
        if isinstance(self.layout, PreparedLayout) and self.layout.prepared.folder == self.root:
            return f"iper-bench data prepare {self.name} --out {root} --data-root ROOT"
        return f"iper-bench data prepare {self.name} --data-root {root}"

    @property
    def _typed_root(self) -> str:
        return shlex.quote(printable(str(self.root)))

    def splits(self) -> list[str]:
        """Sorted names of the splits."""
        return sorted(self._readers)

    def clip_names(self, split: str | None = None) -> list[str]:
        """Sorted clip names of a split, or of all. Raises UserError for an unknown split, and for a split
        file that cannot be used.
        """
        if split is None:
            return sorted({name for each in self._readers for name in self._listed(each)})
        if split not in self._readers:
            where = f"dataset '{self.name}' at {printable(str(self.root))}"
            if split in self._split_files:
                raise UserError(
                    f"no split '{split}', because there is no file {self._split_files[split]}",
                    where=where,
                    expected=f"that file, one clip name per line, or one of {', '.join(self.splits())}",
                )
            raise unknown_name("split", split, self._readers, where=where)
        return sorted(self._listed(split))

    def found_names(self) -> list[str]:
        """Sorted names of the clips on the disk, whether a split lists them or not."""
        return self.layout.names()

    def missing_names(self) -> list[str]:
        """Sorted names of clips that a split lists and the disk does not have."""
        return [name for name in self.clip_names() if not self.layout.has(name)]

    def clip(self, name: str) -> TreeClip:
        """The clip called ``name``.

        Raises
        ------
        UserError with the nearest names when unknown, when its split lists it but it is not on the disk, and
        when its prepared copy is not finished.
        """
        if name not in self._clips:
            self._require_known(name)
            context = TreeContext(self.image_size, self.prepare_command, lambda: self.body, self._smpl_place)
            self._clips[name] = TreeClip(name, self._subject(name), self.layout.parts(name), context)
        return self._clips[name]

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        """Hash of the layout, the side of the frames, the body, the lists of the splits, and per clip the
        names and sizes of its frames and mattes and the content of its track (and of a prepared clip's
        record, which holds the hash of every file).

        Pixels of published data are not read: ``iper-bench data verify`` does that.
        """
        from iper_bench.body.loading import load_body

        names = self.clip_names()
        return content_hash(
            {
                "format": FINGERPRINT_FORMAT,
                "dataset": self.name,
                "layout": self.layout.words,
                "size": self.image_size,
                "body": load_body(self.body).sha256,
                "splits": {split: self.clip_names(split) for split in self.splits()},
                "clips": {name: self._content(name) for name in names},
            }
        )

    def _listed(self, split: str) -> list[str]:
        if split not in self._lists:
            self._lists[split] = self._readers[split]()
        return self._lists[split]

    def _require_known(self, name: str) -> None:
        known = self.clip_names()
        where = f"dataset '{self.name}' at {printable(str(self.root))}"
        if name not in known:
            close = [printable(one) for one in nearest(name, known) or known[:1]]
            expected = f"a name such as {' or '.join(close)}" if close else None
            raise UserError(f"unknown clip '{printable(name)}'", where=where, expected=expected)
        if not self.layout.has(name):
            others = len(self.missing_names()) - 1
            more = f", and {others} more listed clips are missing" if others else ""
            raise UserError(
                f"clip '{printable(name)}' is listed but not there{more}",
                where=where,
                expected=printable(str(self.layout.place(name))),
                hint=f"iper-bench data verify {self.name} --data-root {self._typed_root}",
            )
        self.layout.require_ready(name, self.prepare_command)

    def _content(self, name: str) -> Any:
        """What the fingerprint says of a clip; ``None`` for one that is not there."""
        if not self.layout.place(name).exists():
            return None
        parts = self.layout.parts(name)
        try:
            return {
                "frames": parts.frames.content(),
                "mattes": _mattes(parts),
                "files": [
                    file_sha256(path)
                    for path in (*((parts.track.path,) if parts.track else ()), *parts.extra)
                    if path.is_file()
                ],
            }
        except OSError as error:
            raise UserError(f"cannot read: {error.strerror}", where=f"clip '{printable(name)}'") from error


def _mattes(parts: ClipParts) -> Any:
    mattes = parts.mattes
    return None if mattes is None or not mattes.exists() else picture_sizes(mattes.folder)
