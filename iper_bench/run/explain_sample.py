"""``Sample``: frames on which two definitions are compared, from files or from a run that kept its
predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.data.dataset import DATASETS
from iper_bench.data.frame_list import FrameError, FrameList, open_frames
from iper_bench.data.frame_name import printable
from iper_bench.data.frame_pairing import pair
from iper_bench.data.prediction_folder import find_clips, holds_frames
from iper_bench.errors import UserError
from iper_bench.metrics.metric import Setting
from iper_bench.protocol.trial import SELF, Trial
from iper_bench.report import plan_reading
from iper_bench.run.attribution import Batch, Boxes, Frames
from iper_bench.run.material import BATCH, Material
from iper_bench.run.preflight_expected import ONE, Expectation, chosen, expect_references
from iper_bench.store.pictures import StoredFrames
from iper_bench.store.row import Row
from iper_bench.store.rows import WHOLE_SET, unit_rows
from iper_bench.store.run_folder import RunFolder


@dataclass(frozen=True)
class Sample:
    """Frames of one clip.

    Attributes
    ----------
    words: where they come from and how many they are.
    batches: reads them, once per call.
    notes: what was left out; complete when the batches have been read.
    """

    words: str
    batches: Callable[[], Iterator[Batch]]
    notes: list[str] = field(default_factory=list)


# ---------------------------------------------------------------------------------- files


def sample_of_files(
    predictions: Path,
    references: Path,
    setting: Setting,
    *,
    limit: int,
    clip: str | None = None,
    numbering: str | None = None,
) -> Sample:
    """The first ``limit`` frames of one clip of predictions and of what they are compared with.

    Parameters
    ----------
    predictions, references: a folder of pictures, a video, or a folder with one of these per clip.
    setting: ``self`` pairs them by id, ``cross`` takes both as they are.
    clip: which; ``None`` takes the first one that is there. numbering: as in ``pair``.

    Raises UserError when nothing is there or nothing can be paired. A frame that cannot be read is left out,
    and its partner with it.
    """
    expected = expect_references(references)
    one, place, root = _clip(predictions, expected, clip)
    ours, theirs = open_frames(place, root), one.motion
    called = f"{printable(str(place))} and {theirs.source}"
    if setting == SELF:
        pairing = pair(ours, theirs, numbering=numbering)
        matched = pairing.matched[:limit]
        if not matched:
            raise UserError(
                f"none of the {len(theirs)} expected frames is here",
                where=printable(str(place)),
                expected="frames numbered as the references are",
                hint=f"iper-bench check {predictions} --references {references}",
            )
        notes = [f"{len(pairing.missing)} expected frames without a prediction"] if pairing.missing else []
        places = [(match.prediction, match.reference) for match in matched]
        words = f"{called}: the first {len(matched)} of {len(theirs)} pairs; {pairing.sentence}"
        return Sample(words, lambda: _pairs(ours, theirs, places, notes), notes)
    sides: list[str] = []
    counts = (
        f"the first {min(limit, len(ours))} of {len(ours)} and {min(limit, len(theirs))} of {len(theirs)}"
    )
    return Sample(f"{called}: {counts} frames", lambda: _two_sides(ours, theirs, limit, sides), sides)


def _clip(
    predictions: Path, expected: Mapping[str, Expectation], name: str | None
) -> tuple[Expectation, Path, Path | None]:
    """What is expected, where its predictions lie, and the folder that links may not leave."""
    wanted = chosen(dict(expected), () if name is None else (name,))
    if holds_frames(predictions):
        if len(wanted) > 1:
            names = ", ".join(printable(one) for one in list(wanted)[:6])
            raise UserError(
                f"the frames of one clip, but the references hold {len(wanted)}: {names}",
                where=printable(str(predictions)),
                expected="to be told which clip it is",
                hint=f"--clip {printable(next(iter(wanted)))}",
            )
        return next(iter(wanted.values())), predictions, None
    if ONE in wanted:
        raise UserError(
            "several clips, but the references are the frames of one",
            where=printable(str(predictions)),
            expected="a folder of pictures or a video",
            hint="the folder of one clip, or --references with one folder per clip",
        )
    places = find_clips(predictions, list(wanted))
    first = next(iter(places))
    return wanted[first], places[first], predictions


def _pairs(
    ours: FrameList, theirs: FrameList, places: Sequence[tuple[int, int]], notes: list[str]
) -> Iterator[Batch]:
    waiting: list[tuple[Frames, Frames]] = []
    shape: tuple[int, ...] | None = None
    for mine, its in places:
        try:
            prediction, reference = ours.read(mine), theirs.read(its)
        except FrameError as error:
            notes.append(f"left out: {error}")
            continue
        _require_size(prediction, reference.shape, ours.name_of(mine), "as its reference")
        _require_size(prediction, shape or prediction.shape, ours.name_of(mine), "as the frames before")
        shape = prediction.shape
        waiting.append((prediction, reference))
        if len(waiting) == BATCH:
            yield _paired(waiting)
            waiting = []
    if shape is None:
        raise UserError(f"none of {len(places)} pairs can be read; {notes[-1]}", where=ours.source)
    if waiting:
        yield _paired(waiting)


def _paired(frames: Sequence[tuple[Frames, Frames]]) -> Batch:
    ours, theirs = zip(*frames, strict=True)
    return Batch(np.stack(ours), np.stack(theirs))


def _two_sides(ours: FrameList, theirs: FrameList, limit: int, notes: list[str]) -> Iterator[Batch]:
    for batch in _side(ours, limit, notes):
        yield Batch(predictions=batch)
    for batch in _side(theirs, limit, notes):
        yield Batch(references=batch)


def _side(frames: FrameList, limit: int, notes: list[str]) -> Iterator[Frames]:
    waiting: list[Frames] = []
    shape: tuple[int, ...] | None = None
    for index in range(min(limit, len(frames))):
        try:
            frame = frames.read(index)
        except FrameError as error:
            notes.append(f"left out: {error}")
            continue
        _require_size(frame, shape or frame.shape, frames.name_of(index), "as the frames before")
        shape = frame.shape
        waiting.append(frame)
        if len(waiting) == BATCH:
            yield np.stack(waiting)
            waiting = []
    if shape is None:
        raise UserError(f"no frame can be read; {notes[-1]}", where=frames.source)
    if waiting:
        yield np.stack(waiting)


def _require_size(frame: Frames, shape: tuple[int, ...], name: str, what: str) -> None:
    if frame.shape != shape:
        raise UserError(
            f"{frame.shape[0]}x{frame.shape[1]} pixels (height x width)",
            where=name,
            expected=f"{shape[0]}x{shape[1]} {what}",
        )


# ---------------------------------------------------------------------------------- a run


def sample_of_run(
    path: Path, setting: Setting, *, limit: int, data_root: str | None = None, boxes: bool = True
) -> Sample:
    """The first ``limit`` frames of the run's first trial in ``setting``, with the boxes of the bodies.

    Parameters
    ----------
    boxes: false leaves out the boxes, as for frames of which no body is known.

    Raises UserError when the run kept no predictions, or its dataset is not here or is another one.
    """
    folder = RunFolder.open(path)
    first = _first_unit(folder, setting)
    trial = _trial(folder, first)
    data = folder.plan["dataset"]
    name = str(data["name"])
    DATASETS.get_entry(name)
    dataset = DATASETS.get(name)(root=data_root, size=int(data["image_size"]))
    if dataset.fingerprint != data["fingerprint"]:
        raise UserError(
            f"dataset '{name}' here has the fingerprint {dataset.fingerprint}, the run saw"
            f" {data['fingerprint']}",
            where=str(path),
            expected="the dataset of the run",
            hint="--data-root FOLDER, or --predictions and --references",
        )
    material = Material(dataset, trial, first.sn)
    predictions = folder.predictions(first.unit)
    shown = f"{min(limit, len(trial.target_frames))} of {len(trial.target_frames)}"
    words = f"run {printable(str(path))}, {first.method} {first.trial} sn={first.sn} T={first.steps}"
    return Sample(
        f"{words}: the first {shown} frames", lambda: _of_trial(material, predictions, limit, boxes)
    )


def _first_unit(folder: RunFolder, setting: Setting) -> Row:
    """A row of the first finished unit with predictions, in the order of the protocol; of a reference only
    where no method has any.
    """
    kinds = plan_reading.references(folder.plan)
    units = {row.unit: row for row in unit_rows(folder) if row.setting == setting and row.trial != WHOLE_SET}
    ordered = sorted(
        units.values(),
        key=lambda row: (row.method in kinds, row.place, row.method, row.sn, row.steps, row.unit),
    )
    for row in ordered:
        if folder.predictions(row.unit).files():
            return row
    raise UserError(
        f"no predictions of setting {setting}",
        where=str(folder.path),
        expected="a finished run that kept its predictions",
        hint="--predictions and --references",
    )


def _trial(folder: RunFolder, row: Row) -> Trial:
    """The trial as the plan holds it. Raises UserError when the plan does not tell it."""
    held = plan_reading.exhibits(folder.plan).get(row.trial)
    if held is None:
        raise UserError(
            f"the plan does not tell the frames of {row.trial}",
            where=str(folder.path),
            expected="a run of this version",
            hint="--predictions and --references",
        )
    content = held[1]
    return Trial(
        protocol=row.protocol,
        task=row.task,
        setting=row.setting,
        source_clip=str(content["source_clip"]),
        sources={int(sn): tuple(frames) for sn, frames in content["sources"].items()},
        target_clip=str(content["target_clip"]),
        target_frames=_frames(content["target_frames"]) or (),
        truth_frames=_frames(content["truth_frames"]),
        real_frames=_frames(content["real_frames"]),
    )


def _frames(runs: Any) -> tuple[int, ...] | None:
    """The inverse of ``run.unit.ranges``."""
    if runs is None:
        return None
    return tuple(index for first, last in runs for index in range(first, last + 1))


def _of_trial(material: Material, predictions: StoredFrames, limit: int, boxed: bool) -> Iterator[Batch]:
    """Predictions with their truths, or predictions and then the real frames."""
    trial = material.trial
    count = min(limit, len(trial.target_frames))
    ours = material.prediction_boxes if boxed else None
    if trial.truth_frames is not None:
        theirs = material.truth_boxes if boxed else None
        for rows in _slices(count):
            truths = material.target_clip.frames(trial.truth_frames[rows])
            mine = predictions.read(range(rows.start, rows.stop))
            yield Batch(mine, truths, _rows(ours, rows), _rows(theirs, rows))
        return
    for rows in _slices(count):
        mine = predictions.read(range(rows.start, rows.stop))
        yield Batch(predictions=mine, prediction_boxes=_rows(ours, rows))
    reals = trial.real_frames or ()
    theirs = material.real_boxes if boxed else None
    for rows in _slices(min(limit, len(reals))):
        yield Batch(references=material.source_clip.frames(reals[rows]), reference_boxes=_rows(theirs, rows))


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, BATCH):
        yield slice(start, min(start + BATCH, count))


def _rows(boxes: Boxes | None, rows: slice) -> Boxes | None:
    return None if boxes is None else boxes[rows]
