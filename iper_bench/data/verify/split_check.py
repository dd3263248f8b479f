"""``check_splits``: what the splits list, compared with what is published and with what lies on the disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from iper_bench.data.dataset import Dataset
from iper_bench.data.verify.facts import Facts
from iper_bench.data.verify.finding import Finding
from iper_bench.data.verify.place import refusal, relative
from iper_bench.errors import UserError

ALL = "all"  # the split of data sets without split files: it lists whatever is there
_SHOWN = 5  # names in one line
_RELEASE = "the split files of the release"


def check_splits(
    dataset: Dataset, root: Path, facts: Facts | None
) -> tuple[dict[str, list[str]], list[Finding]]:
    """Split -> its clips, and what is wrong with the lists.

    A split whose list cannot be used is left out; so is one that is another name of a split before it.
    """
    lists: dict[str, list[str]] = {}
    findings: list[Finding] = []
    said = set()
    # last, because it may be another name of "val"
    for split in sorted(dataset.splits(), key=lambda name: (name == "test", name)):
        try:
            lists[split] = dataset.clip_names(split)
        except UserError as error:
            if str(error) not in said:
                findings.append(refusal("split_file", error, root, file=_file(error, split, root)))
            said.add(str(error))
    present = set(dataset.splits())
    if lists.get("test") is not None and lists.get("test") == lists.get("val"):
        lists.pop("test")
    if facts is not None:
        for split in facts.splits:
            if split not in present:
                text = "is not there: nothing says which clips the split has"
                findings.append(Finding("split_file", text, file=f"{split}.txt", hint=_RELEASE))
        findings += _names(lists, facts)
    return lists, list(dict.fromkeys(findings))


def _file(error: UserError, split: str, root: Path) -> str:
    """The file that the message names, else the usual one of the split."""
    place = Path((error.where or "").partition(", line ")[0])
    return relative(place, root) if place.is_relative_to(root) else f"{split}.txt"


def distinct(lists: Mapping[str, Sequence[str]]) -> list[str]:
    """Every listed clip once, sorted."""
    return sorted({name for names in lists.values() for name in names})


def _names(lists: Mapping[str, Sequence[str]], facts: Facts) -> Iterator[Finding]:
    """Names that are none of the data set's, and test clips that are absent or in another split."""
    for split, names in lists.items():
        odd = [name for name in names if facts.name and not re.fullmatch(facts.name, name)]
        if odd:
            text = f"{_shown(odd)}: no name of a clip of this data set"
            yield Finding("split_file", text, file=f"{split}.txt", hint=_RELEASE)
    for split, known in facts.splits.items():
        if not known.names or split not in lists:
            continue
        absent = sorted(set(known.names) - set(lists[split]))
        if absent:
            text = f"{_shown(absent)}: {len(absent)} of the {known.clips} published clips are not listed"
            yield Finding("split_file", text, file=f"{split}.txt", hint=_RELEASE)
        if len(known.names) == known.clips:
            strange = sorted(set(lists[split]) - set(known.names))
            if strange:
                text = f"{_shown(strange)}: not among the {known.clips} published clips"
                yield Finding("split_file", text, file=f"{split}.txt", hint=_RELEASE)
        for other in lists:
            both = sorted(set(known.names) & set(lists[other])) if other not in (split, ALL, "test") else []
            if both:
                text = f"{_shown(both)}: published as clips of '{split}'"
                yield Finding("split_file", text, file=f"{other}.txt", hint=_RELEASE)


def _shown(names: Sequence[str]) -> str:
    """The first few, in quotes."""
    quoted = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return quoted + (", ..." if len(names) > _SHOWN else "")
