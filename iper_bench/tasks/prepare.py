"""``prepare``: a data set as published, or a folder of videos, into frames, crops, bodies and boxes.

Clip by clip, resumable: what is finished with the same settings from the same files is kept. A clip that
cannot be prepared does not end the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from iper_bench.body.open_body import open_body_names
from iper_bench.data.crop import CROP_SIDE, SOURCE_FACTOR, WHOLE_FRAME
from iper_bench.data.frame_name import printable
from iper_bench.data.prepared_folder import PreparedFolder, PreparedSettings
from iper_bench.data.worker_process import usable_cores
from iper_bench.errors import UserError, nearest
from iper_bench.hashing import file_sha256
from iper_bench.progress import track as progress
from iper_bench.tasks.prepare_clip import ClipOptions, ClipOutcome
from iper_bench.tasks.prepare_source import RawDataset, open_raw
from iper_bench.tasks.prepare_workers import ClipJob, outcomes_elsewhere, outcomes_here

#: data sets whose released preparation takes the whole frame
UNCROPPED = ("iper", "fashionvideo", "motionsynthetic")
LICENSED_BODY = "smpl"  # how records call a licensed file, wherever it lies
PREPARED = "prepared"  # folder in the root of the data set
CLIPS_FAILED = 3  # exit status, as of a run with failed units


@dataclass(frozen=True)
class PrepareRequest:
    """What is prepared and how.

    Attributes
    ----------
    dataset: registry name. data_root: where it lies, as in ``iper-bench run``.
    out: folder of the prepared copy; ``None`` = ``prepared`` in the root.
    size: side of the square frames, pixels.
    factor: height of the crop per height of the person, 0 = the whole frame; ``None`` = 0 for the data sets
        of :data:`UNCROPPED`, as released, else 1.3.
    weights: of a body estimator, for clips without a track.
    keypoints, boxes: a file where one clip is prepared, else a folder with ``CLIP.npz`` (or .json, .pkl, or a
        folder ``CLIP``) for every clip.
    fps: rate to which videos are brought, the frame nearest in time; ``None`` keeps theirs.
    smooth: low-pass recovered tracks.
    clips: names; empty = all. split: only its clips. limit: at most so many, in the order of names.
    workers: processes that share the clips; ``None`` = one per usable core, one with ``weights``.
    unpack: unpack the archives in the root first.
    overwrite: make clips anew that were prepared with other settings or from other files.
    """

    dataset: str
    data_root: str | None = None
    out: Path | None = None
    size: int = CROP_SIDE
    factor: float | None = None
    weights: Path | None = None
    keypoints: Path | None = None
    boxes: Path | None = None
    fps: float | None = None
    smooth: bool = True
    clips: tuple[str, ...] = ()
    split: str | None = None
    limit: int | None = None
    workers: int | None = None
    unpack: bool = False
    overwrite: bool = False


@dataclass
class PrepareReport:
    """What was done.

    Attributes
    ----------
    folder: of the prepared copy. splits: clips listed per split file.
    kept: clips that were there already. prepared: what became of the others.
    seconds: of the whole.
    """

    folder: Path
    kept: int = 0
    prepared: list[ClipOutcome] = field(default_factory=list)
    splits: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def frames(self) -> int:
        """Frames that were written."""
        return sum(outcome.frames for outcome in self.prepared)

    @property
    def failures(self) -> list[str]:
        """A line for every clip that could not be prepared."""
        return [outcome.error for outcome in self.prepared if outcome.error is not None]

    @property
    def without_track(self) -> list[str]:
        """Names of the clips that were prepared and have no track."""
        return [each.name for each in self.prepared if each.error is None and not each.tracked]

    @property
    def notes(self) -> list[str]:
        """What is odd about the clips that were prepared."""
        return [note for outcome in self.prepared for note in outcome.notes]

    @property
    def exit_status(self) -> int:
        """0, or :data:`CLIPS_FAILED`."""
        return CLIPS_FAILED if self.failures else 0

    def lines(self) -> list[tuple[str, str]]:
        """The summary, as pairs of words."""
        done = len(self.prepared) - len(self.failures)
        rate = f", {self.frames / self.seconds:.1f} a second" if self.frames and self.seconds > 0 else ""
        lines = [
            ("prepared", f"{_clips(done)}, {self.frames} frames in {self.seconds:.1f} s{rate}"),
            ("kept", f"{_clips(self.kept)} that {'was' if self.kept == 1 else 'were'} finished"),
        ]
        if self.failures:
            lines.append(("failed", f"{_clips(len(self.failures))}, see above"))
        if self.without_track:
            names = self.without_track
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            shown = ", ".join(printable(name) for name in names[:3])
            lines.append(("no track", f"{_clips(len(names))}: {shown}{more}; --body-weights FILE finds one"))
        lines += [(f"split {split}", _clips(count)) for split, count in self.splits.items()]
        lines.append(("folder", str(self.folder)))
        return lines


def prepare(request: PrepareRequest) -> PrepareReport:
    """Prepare clips; the summary lists those that could not be.

    Raises
    ------
    UserError for a request that cannot be met as a whole: an unknown data set, split or clip, a root without
    its marks, weights that are not there, a folder that holds something else, another size or factor than a
    former run, a full disk. Finished clips stay.
    """
    begun = time.monotonic()
    _require_sense(request)
    source = open_raw(request.dataset, request.data_root, request.size, unpack=request.unpack)
    names = _chosen(request, source)
    folder_path = request.out if request.out is not None else source.root / PREPARED
    factor = request.factor
    if factor is None:
        factor = WHOLE_FRAME if request.dataset in UNCROPPED else SOURCE_FACTOR
    body = source.body if source.body in open_body_names() else LICENSED_BODY
    options = ClipOptions(
        request.size,
        factor,
        body,
        source.body,
        request.fps,
        request.weights,
        request.smooth,
        estimator=None if request.weights is None else file_sha256(request.weights)[:16],
    )
    report = PrepareReport(folder_path)
    with PreparedFolder(folder_path, _settings(request, options), overwrite=request.overwrite) as folder:
        try:
            _work(request, source, names, folder, options, report)
        finally:
            report.splits = folder.write_splits(source.splits())
    report.seconds = time.monotonic() - begun
    return report


def _work(
    request: PrepareRequest,
    source: RawDataset,
    names: Sequence[str],
    folder: PreparedFolder,
    options: ClipOptions,
    report: PrepareReport,
) -> None:
    jobs = _jobs(request, source, names, folder, options, report)
    workers = request.workers or (1 if request.weights is not None else usable_cores())
    workers = min(workers, len(names))
    outcomes = outcomes_here(jobs) if workers <= 1 else outcomes_elsewhere(jobs, workers)
    words = f"preparing {request.dataset}"
    # bodies are found under bars of their own, and there may be one at a time
    shown = outcomes if request.weights is not None and workers <= 1 else progress(outcomes, words)
    with closing(outcomes):
        for outcome in shown:
            if outcome.ends:
                raise UserError(outcome.error or "no space left on the disk")
            report.prepared.append(outcome)


def _jobs(
    request: PrepareRequest,
    source: RawDataset,
    names: Sequence[str],
    folder: PreparedFolder,
    options: ClipOptions,
    report: PrepareReport,
) -> Iterator[ClipJob]:
    """What is left to do; a clip that cannot even be begun is a failure in the report."""
    for name in names:
        try:
            clip = source.clip(name, keypoints=request.keypoints, boxes=request.boxes, alone=len(names) == 1)
            if folder.is_finished(name, clip.inputs, options.estimator if clip.track is None else None):
                report.kept += 1
                continue
            yield ClipJob(clip, folder.clip_folder(name), options)
        except UserError as error:
            report.prepared.append(ClipOutcome(name, error=f"clip {printable(name)}: {error}"))


def _chosen(request: PrepareRequest, source: RawDataset) -> list[str]:
    names = source.clip_names(request.split)
    if request.clips:
        wanted = dict.fromkeys(request.clips)
        known = set(names)
        for name in wanted:
            if name not in known:
                where = "--clips" if request.split is None else f"--clips, split {request.split}"
                raise unknown_clip(name, names, where)
        names = list(wanted)
    names = names[: request.limit]
    if not names:
        raise UserError("no clip to prepare", where=f"dataset {request.dataset}", expected="one or more")
    return names


def unknown_clip(name: str, names: Sequence[str], where: str) -> UserError:
    """The nearest names, and not all of them: there may be hundreds."""
    close = [printable(one) for one in nearest(name, names) or names[:1]]
    expected = f"a name such as {' or '.join(close)}" if close else None
    return UserError(f"unknown clip '{printable(name)}'", where=where, expected=expected)


def _settings(request: PrepareRequest, options: ClipOptions) -> PreparedSettings:
    return PreparedSettings(
        dataset=request.dataset,
        size=options.size,
        body=options.body,
        factor=float(options.factor),
        fps=options.fps,
        smooth=options.smooth,
    )


def _require_sense(request: PrepareRequest) -> None:
    if request.size < 1:
        raise ValueError(f"size {request.size}")
    for path, option in (
        (request.weights, "--body-weights"),
        (request.keypoints, "--keypoints"),
        (request.boxes, "--boxes"),
    ):
        if path is not None and not path.exists():
            raise UserError(f"no such file: {path}", where=option)
    if request.weights is not None and not request.weights.is_file():
        kind = "a folder" if request.weights.is_dir() else "no regular file"
        raise UserError(f"{request.weights} is {kind}", where="--body-weights", expected="a file")
    for value, option, least in (
        (request.factor, "--factor", "0 or more"),
        (request.fps, "--fps", "above 0"),
    ):
        good = value is None or (0 <= value < float("inf") and (value > 0 or option == "--factor"))
        if not good:
            raise UserError(f"{value}", where=option, expected=f"a number {least}")


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"
