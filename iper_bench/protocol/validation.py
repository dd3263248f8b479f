"""``validate``: every problem of a protocol, in itself and on its dataset."""

from __future__ import annotations

from collections.abc import Sequence

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError
from iper_bench.protocol.dataset_checks import Footage, dataset_problems
from iper_bench.protocol.edition import chosen_edition
from iper_bench.protocol.entry_reading import with_published
from iper_bench.protocol.file_checks import file_problems
from iper_bench.protocol.problem import NOTE, Problem
from iper_bench.protocol.resolution import resolve_clips, serviceable, spread_over_subjects
from iper_bench.protocol.schema import Entry, Protocol, Rules


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
    # the dataset says what a note on the file alone can only suspect
    problems += file_problems(protocol, entries) + dataset_problems(protocol, entries, footage)
    return _ordered(list(dict.fromkeys(problems)), entries)


def _alone(protocol: Protocol) -> list[Problem]:
    """What the file shows by itself."""
    entries = []
    for entry in protocol.clips:
        chosen = entry
        for repair in entry.repairs if protocol.published else ():
            chosen = with_published(chosen, repair)
        entries.append(chosen)
    return file_problems(protocol, entries)


def _stands(video: str, path: str) -> Problem:
    text = "the published frames lie beyond the video: the repaired value stands"
    return Problem("repair_stands", video, path, text, NOTE)


def _ordered(problems: list[Problem], entries: Sequence[Entry]) -> list[Problem]:
    """First what concerns the whole, then clip by clip."""
    rank = {"": -1, **{entry.video: at for at, entry in enumerate(entries)}}
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
    # what rules choose may repeat or lack a view; it cannot be outside its clip
    problems += [
        problem
        if problem.severity == NOTE
        else Problem(problem.kind, problem.video, problem.field, problem.text, NOTE)
        for problem in file_problems(protocol, entries)
    ]
    problems += [
        Problem("missing_track", clip.name, "", "has no track: its views are not known", NOTE)
        for clip in served
        if not clip.has_track
    ]
    return _ordered(problems, entries)
