"""``made_file``: a protocol for a folder of videos or a dataset, written as YAML."""

from __future__ import annotations

from pathlib import Path

from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.errors import UserError, unknown_name
from iper_bench.protocol.import_file import require_free
from iper_bench.protocol.making import LIMIT_FRAMES, RULE_VERSION, Made, make_protocol
from iper_bench.protocol.protocol_name import protocol_name
from iper_bench.protocol.rule_reading import TRAIN_PERCENT
from iper_bench.protocol.schema import YAW
from iper_bench.protocol.writing import write_protocol

FOLDER = "folder"  # the dataset that is any folder of videos


def made_file(
    source: str,
    *,
    out: Path,
    data_root: str | None = None,
    name: str | None = None,
    split: str | None = None,
    limit_frames: int = LIMIT_FRAMES,
    train_percent: int = TRAIN_PERCENT,
    picks: str = YAW,
) -> Made:
    """Make a protocol (:func:`make_protocol`) for ``source`` and write it to ``out``.

    Parameters
    ----------
    source: the name of a dataset, else a folder, which the dataset ``folder`` reads.
    name: default: that of the file. split: default: the only one.

    Raises
    ------
    UserError for a source that is neither, an ``out`` that exists, a name that no protocol can have, several
    splits without ``split``, and as :func:`make_protocol`.
    """
    require_free(out)
    named = protocol_name(out.stem if name is None else name, "--out" if name is None else "--name")
    dataset = _opened(source, data_root)
    made = make_protocol(
        dataset,
        name=named,
        split=split or _only_split(dataset),
        limit_frames=limit_frames,
        train_percent=train_percent,
        picks=picks,
    )
    comments = [f"made by iper-bench protocol make, rule {RULE_VERSION} (protocols/README.md)"]
    write_protocol(out, made.protocol, comments=comments)
    return made


def _opened(source: str, data_root: str | None) -> Dataset:
    names = DATASETS.names()
    if source in names:
        return DATASETS.get(source)(root=data_root)
    if not source or not Path(source).is_dir():
        raise unknown_name("dataset, and no folder,", source, names)
    if data_root is not None:
        raise UserError("--data-root with a folder", expected="one of the two")
    return DATASETS.get(FOLDER)(root=source)


def _only_split(dataset: Dataset) -> str:
    splits = dataset.splits()
    if len(splits) != 1:
        raise UserError(
            f"dataset '{dataset.name}' has the splits {', '.join(splits) or 'none'}",
            expected="one to make the protocol of",
            hint=f"--split {splits[0]}" if splits else None,
        )
    return splits[0]
