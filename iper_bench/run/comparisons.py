"""Comparisons of everything that was handed in: with references as files or arrays, or with the trials of a
protocol.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.data.frame_list import FrameList
from iper_bench.data.frame_name import Id, printable
from iper_bench.errors import UserError, unknown_name
from iper_bench.hashing import content_hash
from iper_bench.metrics.metric import SETTINGS
from iper_bench.protocol.load import load_edition
from iper_bench.protocol.schema import Protocol
from iper_bench.protocol.trial import SELF, Trial
from iper_bench.protocol.trials import build_trials
from iper_bench.run.box_file import BoxFile, boxes_given
from iper_bench.run.comparison import Comparison, Lineup, all_in_order, line_up
from iper_bench.run.handed_in import UNNAMED, Range, open_predictions, open_references
from iper_bench.run.material import Material
from iper_bench.run.preflight_expected import ONE, expectation_of
from iper_bench.run.unit import Unit

FILES = "files"  # protocol and task of rows that no protocol stands behind


@dataclass(frozen=True)
class Handed:
    """What was handed in, and how it is to be read.

    Attributes
    ----------
    predictions: array or tensor, path, or mapping clip -> either. method: what they are called in rows.
    setting: ``self`` or ``cross``.
    boxes, reference_boxes: path of a file (``box_file.py``), array, or mapping clip -> array; or ``None``.
    value_range: of floating arrays. clips: only these; empty means all.
    numbering: ``"frames"``, ``"positions"``, or ``None`` to find out. partial: measure what is there.
    """

    predictions: Any
    method: str
    setting: str = SELF
    boxes: Any = None
    reference_boxes: Any = None
    value_range: Range | None = None
    clips: tuple[str, ...] = ()
    numbering: str | None = None
    partial: bool = False

    def given_boxes(self, names: Sequence[str]) -> tuple[Any, Any]:
        """Both kinds of boxes, files opened. Raises UserError for a file that is wrong, and for boxes of a
        clip that is not among ``names``.
        """
        found = []
        for given in (self.boxes, self.reference_boxes):
            opened = BoxFile(Path(given)) if isinstance(given, str | os.PathLike) else given
            if isinstance(opened, BoxFile):
                opened.require_clips(names)
            found.append(opened)
        return found[0], found[1]

    def opened(self, names: Sequence[str]) -> dict[str, FrameList]:
        """The predictions of the clips ``names``. Raises UserError as ``open_predictions``."""
        return open_predictions(
            self.predictions,
            names,
            value_range=self.value_range,
            partial=self.partial,
            others=bool(self.clips),
        )

    def ordered(self, frames: FrameList | None, expected: FrameList) -> tuple[int | None, ...]:
        """Which prediction stands at the place of each expected frame; none where a clip is missing."""
        if frames is None:
            return (None,) * len(expected)
        return line_up(frames, expected, numbering=self.numbering, partial=self.partial)


def compare_with_references(handed: Handed, references: Any) -> list[Comparison]:
    """Comparisons with frames that were handed in as well.

    In self-imitation predictions are paired with references by id; in cross-imitation both are sets, each in
    its own order. In self-imitation the boxes of the predictions serve the references as well, unless others
    are given: both show one person in one place.

    Raises UserError for anything that is not understood or not complete.
    """
    _require_setting(handed.setting)
    listed = open_references(references, value_range=handed.value_range)
    expected = {name: listed[name] for name in _chosen(handed.clips, list(listed))}
    found = handed.opened(list(expected))
    if list(expected) == [ONE]:
        name = _name_of(handed.predictions)
        expected, found = {name: expected[ONE]}, {name: found[ONE]}
    names, single = list(expected), len(expected) == 1
    boxes, reference_boxes = handed.given_boxes(names)
    paired = handed.setting == SELF
    if paired and reference_boxes is None:
        reference_boxes = boxes
    comparisons = []
    for place, (name, theirs) in enumerate(expected.items()):
        ours = found.get(name)
        order: tuple[int | None, ...] = (None,) if ours is None else ()
        if paired:
            order = handed.ordered(ours, theirs)
        elif ours is not None:
            order = all_in_order(ours)
        ids: Sequence[Id] = theirs.ids if paired or ours is None else ours.ids
        mine = None if ours is None else boxes_given(boxes, name, ids, "boxes", single=single)
        its = boxes_given(reference_boxes, name, theirs.ids, "reference_boxes", single=single)
        trial = _trial_of_files(name, handed.setting, len(order), len(theirs))
        unit = Unit(handed.method, _identity(handed.method), trial, 0, 0, 0, "", 0)
        comparisons.append(
            Comparison(
                unit,
                Lineup(theirs if ours is None else ours, order, mine),
                Lineup(theirs, all_in_order(theirs), its),
                tuple(ids),
                place=place,
            )
        )
    return comparisons


def _trial_of_files(name: str, setting: str, count: int, references: int) -> Trial:
    """A trial for the rows' sake: names and numbers of frames."""
    places = tuple(range(references))
    return Trial(
        protocol=FILES,
        task=FILES,
        setting=setting,
        source_clip=name,
        sources={0: ()},
        target_clip=name,
        target_frames=tuple(range(count)),
        truth_frames=places if setting == SELF else None,
        real_frames=None if setting == SELF else places,
    )


@dataclass(frozen=True)
class ProtocolTrials:
    """The trials of a protocol in one setting, by :attr:`Trial.folder`."""

    protocol: Protocol
    dataset: Dataset
    trials: Mapping[str, Trial]
    sn: int

    @staticmethod
    def of(
        name: str, *, protocol: str | None, setting: str, data_root: str | None, size: int | None, sn: int
    ) -> ProtocolTrials:
        """Raises UserError for unknown names, an sn that the protocol does not have, a setting without
        trials, two trials of one name.
        """
        _require_setting(setting)
        DATASETS.get_entry(name)
        rules = load_edition(protocol or f"{name}-imitation")
        if sn not in rules.source_counts:
            raise UserError(
                f"no sources for sn={sn}",
                where=f"protocol '{rules.name}'",
                expected=f"--sn among {', '.join(map(str, rules.source_counts))}",
            )
        opened = DATASETS.get(name)(root=data_root, size=size if size is not None else rules.image_size)
        trials = [trial for trial in build_trials(rules, opened) if trial.setting == setting]
        where = f"protocol '{rules.name}', setting {setting}"
        if not trials:
            raise UserError("no trial", where=where, expected="a setting with trials", hint="--setting")
        found: dict[str, Trial] = {}
        for trial in trials:
            if trial.folder in found:
                raise UserError(
                    f"two trials of '{printable(trial.folder)}'",
                    where=where,
                    expected="one per name, by which predictions are found",
                )
            found[trial.folder] = trial
        return ProtocolTrials(rules, opened, found, sn)


def compare_with_trials(handed: Handed, trials: ProtocolTrials) -> tuple[int, Iterator[Comparison]]:
    """How many comparisons, and these one by one; body boxes come from the tracks of the dataset.

    Predictions are found by :attr:`Trial.folder` and paired by the target frames. Everything is
    checked before the first comparison is given. Raises UserError for what is not understood or not complete.
    """
    names = _chosen(handed.clips, list(trials.trials))
    places = {name: place for place, name in enumerate(trials.trials)}
    found = handed.opened(names)
    boxes, reference_boxes = handed.given_boxes(names)
    waiting: list[tuple[Trial, Lineup, Lineup]] = []
    for name in names:
        trial = trials.trials[name]
        expected = expectation_of(trial, trials.dataset)
        order = handed.ordered(found.get(name), expected.motion)
        theirs = expected.motion if expected.colours is None else expected.colours
        single = len(names) == 1
        mine = boxes_given(boxes, name, expected.motion.ids, "boxes", single=single)
        its = boxes_given(reference_boxes, name, theirs.ids, "reference_boxes", single=single)
        ours = found.get(name, expected.motion)
        waiting.append((trial, Lineup(ours, order, mine), Lineup(theirs, all_in_order(theirs), its)))
    return len(waiting), (_of_trial(trials, *one, handed, places[one[0].folder]) for one in waiting)


def _of_trial(
    trials: ProtocolTrials,
    trial: Trial,
    ours: Lineup,
    theirs: Lineup,
    handed: Handed,
    place: int,
) -> Comparison:
    """The comparison with the boxes that were not given taken from the tracks."""
    material = Material(trials.dataset, trial, trials.sn)
    size = material.source_clip.size
    if ours.boxes is None:
        ours = Lineup(ours.frames, ours.order, material.prediction_boxes, size)
    if theirs.boxes is None:
        own = trial.setting == SELF
        boxes = material.truth_boxes if own else material.real_boxes
        theirs = Lineup(theirs.frames, theirs.order, boxes, material.target_clip.size if own else size)
    data = trials.dataset
    unit = Unit(
        *(handed.method, _identity(handed.method), trial, trials.sn, 0, 0, data.fingerprint, data.image_size)
    )
    return Comparison(
        unit,
        ours,
        theirs,
        tuple(trial.target_frames),
        actor=material.source_clip.subject,
        place=place,
    )


def _require_setting(setting: str) -> None:
    if setting not in SETTINGS:
        raise unknown_name("setting", str(setting), SETTINGS)


def _chosen(clips: Sequence[str], names: Sequence[str]) -> list[str]:
    for name in clips:
        if name not in names:
            raise unknown_name("clip", printable(name), names, where="--clip (clips)")
    return [name for name in names if not clips or name in clips]


def _name_of(predictions: Any) -> str:
    """What the only clip is called: by its folder or file."""
    if not isinstance(predictions, str | os.PathLike):
        return UNNAMED
    path = Path(predictions).resolve()
    return printable(path.name if path.is_dir() else path.stem) or UNNAMED


def _identity(method: str) -> str:
    """Of predictions about whose making nothing is known but a name."""
    return content_hash({"predictions": method})
