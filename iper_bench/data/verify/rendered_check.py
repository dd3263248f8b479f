"""``check_rendered``: a data set that says itself what it holds, by the interface of every data set."""

from __future__ import annotations

from collections.abc import Iterator

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import Dataset
from iper_bench.data.verify.finding import Finding
from iper_bench.data.verify.report import Count, Report
from iper_bench.errors import UserError
from iper_bench.progress import track

BATCH = 16  # frames decoded at a time


def check_rendered(dataset: Dataset, report: Report) -> None:
    """Count clips and frames into ``report``; read tracks where the report is deep, and decode all frames."""
    frames, clips = 0, 0
    for split in dataset.splits():
        names = dataset.clip_names(split)
        report.counts.append(Count(f"split {split}", len(names)))
    for name in track(dataset.clip_names(), f"verify {dataset.name}"):
        try:
            clip = dataset.clip(name)
            frames, clips = frames + len(clip), clips + 1
            if report.deep:
                report.findings += _deep(clip)
        except UserError as error:
            report.findings.append(_finding("missing_clip", name, error))
    report.counts.insert(0, Count("clips", clips, len(dataset.clip_names())))
    report.counts.append(Count("frames", frames))


def _deep(clip: Clip) -> Iterator[Finding]:
    if clip.has_track:
        try:
            bodies = len(clip.track)
            if bodies != len(clip):
                text = f"{bodies} bodies for {len(clip)} frames"
                yield Finding("broken_track", text, clip.name)
        except UserError as error:
            yield _finding("broken_track", clip.name, error)
    for first in range(0, len(clip), BATCH):
        try:
            clip.frames(range(first, min(first + BATCH, len(clip))))
        except UserError as error:
            yield _finding("broken_picture", clip.name, error)


def _finding(kind: str, clip: str, error: UserError) -> Finding:
    text = f"{error.where}: {error.what}" if error.where else error.what
    return Finding(kind, text, clip, hint=error.hint or "")
