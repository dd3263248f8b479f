"""``validate``: every problem of a protocol, in itself and on its dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.errors import UserError
from iper_bench.protocol.dataset_checks import Footage, dataset_problems
from iper_bench.protocol.edition import chosen_edition, published_form
from iper_bench.protocol.file_checks import file_problems
from iper_bench.protocol.load import load_edition
from iper_bench.protocol.problem import NOTE, Problem, errors_in
from iper_bench.protocol.resolution import resolve_clips, serviceable, spread_over_subjects
from iper_bench.protocol.schema import Protocol, Rules


def validate(protocol: Protocol, dataset: Dataset | None) -> list[Problem]:
    """All problems, in the order of the clips; an empty list for a protocol that is right.

    Parameters
    ----------
    dataset: without one, only what the file shows by itself is looked for.

    Of a protocol that lists its clips, names and lengths of the dataset's clips are asked for and nothing
    else; rules are resolved, which reads tracks.
    """
    if dataset is not None and dataset.name != protocol.dataset:
        text = f"the protocol is for dataset '{protocol.dataset}', not for '{dataset.name}'"
        return [*_alone(protocol), Problem("other_dataset", "", "dataset", text)]
    if dataset is None:
        return _alone(protocol)
    if protocol.rules is not None:
        return _ruled(protocol, protocol.rules, dataset)
    footage = Footage(dataset)
    entries, problems = [], []
    for entry in protocol.clips:
        chosen, held = chosen_edition(entry, footage.length, published=protocol.published)
        entries.append(chosen)
        if protocol.published:
            problems += [_stands(entry.video, repair.path) for repair in held if footage.clip(entry.video)]
    problems += file_problems(protocol, entries) + dataset_problems(protocol, entries, footage)
    return _ordered(list(dict.fromkeys(problems)), [entry.video for entry in entries])


@dataclass(frozen=True)
class Validated:
    """What was found. ``missing``: why the dataset could not be opened, then only the file was looked at."""

    protocol: Protocol
    dataset: str
    problems: list[Problem]
    missing: UserError | None = None

    @property
    def summary(self) -> str:
        """One line."""
        errors = errors_in(self.problems)
        where = "in the file alone" if self.missing else f"on dataset '{self.dataset}'"
        if not self.problems:
            return f"{self.protocol.name}: no problems {where}"
        return f"{self.protocol.name}: {errors} errors, {len(self.problems) - errors} notes {where}"

    @property
    def exit_status(self) -> int:
        """1 when there are errors, else 0."""
        return int(errors_in(self.problems) > 0)

    def content(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "protocol": self.protocol.name,
            "hash": self.protocol.hash,
            "dataset": self.dataset,
            "dataset_missing": None if self.missing is None else str(self.missing),
            "problems": [problem.content() for problem in self.problems],
        }


def validated(
    name: str, *, dataset: str | None = None, data_root: str | None = None, published: bool = False
) -> Validated:
    """The protocol ``name`` (or YAML file) against its dataset, or the one called ``dataset``.

    Raises UserError when the protocol cannot be read, or no dataset of that name is known.
    """
    protocol = load_edition(name)
    protocol = protocol.as_published() if published else protocol
    if dataset is not None:
        DATASETS.get(dataset)  # a mistyped name is not a missing dataset
    try:
        opened = DATASETS.get(dataset or protocol.dataset)(root=data_root)
        opened.clip_names()
    except UserError as error:
        return Validated(protocol, dataset or protocol.dataset, validate(protocol, None), error)
    return Validated(protocol, opened.name, validate(protocol, opened))


def _alone(protocol: Protocol) -> list[Problem]:
    """What the file shows by itself."""
    shown = published_form(protocol) if protocol.published else protocol
    return file_problems(protocol, shown.clips)


def _stands(video: str, path: str) -> Problem:
    text = "the published frames lie beyond the video: the repaired value stands"
    return Problem("repair_stands", video, path, text, NOTE)


def _ordered(problems: list[Problem], videos: Sequence[str]) -> list[Problem]:
    """First what concerns the whole, then clip by clip."""
    rank = {"": -1, **{video: at for at, video in enumerate(dict.fromkeys(videos))}}
    return sorted(problems, key=lambda problem: rank.get(problem.video, len(rank)))


def _ruled(protocol: Protocol, rules: Rules, dataset: Dataset) -> list[Problem]:
    try:
        clips: Sequence[Clip] = dataset.clips(protocol.split)
    except UserError as error:
        return [Problem("unknown_split", "", "split", str(error))]
    clips = spread_over_subjects(clips, rules.clip_limit)
    if not clips:
        return [Problem("empty_split", "", "split", f"split '{protocol.split}' has no clips")]
    served, refused = serviceable(protocol, rules, clips)
    problems = [Problem("no_entry", name, "rules", str(error)) for name, error in refused.items()]
    entries = resolve_clips(protocol, rules, served).entries if served else ()
    # what rules choose may repeat or lack a view; it cannot be outside its clip, and angles are measured
    problems += [
        replace(problem, severity=NOTE)
        for problem in file_problems(protocol, entries)
        if problem.kind != "targets_not_candidates"
    ]
    problems += [
        Problem("missing_track", clip.name, "", "has no track: its views are not known", NOTE)
        for clip in served
        if not clip.has_track
    ]
    return _ordered(problems, [clip.name for clip in clips])
