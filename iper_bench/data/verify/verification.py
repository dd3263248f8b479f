"""``verify``: everything that is wrong with a local copy of a data set, in one report.

A refusal that would end any other command is one finding here, and the next clip is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.data.frame_name import printable
from iper_bench.data.layouts import youtube_dancer
from iper_bench.data.layouts.prepared import PreparedLayout
from iper_bench.data.layouts.tree_dataset import TreeDataset
from iper_bench.data.synthetic.export_readme import MANIFEST
from iper_bench.data.verify.counting import count_clips, count_findings
from iper_bench.data.verify.deep_decode import decode_all
from iper_bench.data.verify.facts import Facts, published_facts
from iper_bench.data.verify.file_manifest import (
    manifest_findings,
    read_manifest,
    require_free,
    write_manifest,
)
from iper_bench.data.verify.finding import Finding
from iper_bench.data.verify.pictures import Seen
from iper_bench.data.verify.place import refusal, relative
from iper_bench.data.verify.prepared_clip import record_findings
from iper_bench.data.verify.rendered_check import check_rendered
from iper_bench.data.verify.report import Report
from iper_bench.data.verify.split_check import check_splits, distinct
from iper_bench.data.verify.tree_clip_check import ClipCheck, check_clip, decoded_findings, size_findings
from iper_bench.data.worker_process import usable_cores
from iper_bench.errors import UserError
from iper_bench.progress import track


@dataclass(frozen=True)
class VerifyRequest:
    """What is asked for.

    Attributes
    ----------
    dataset: registry name. data_root: its folder, ``None`` takes ``IPER_BENCH_DATA``.
    manifest: compare every file with this manifest as well.
    write_manifest: write one there.
    published: look at the data as published, also where a prepared copy lies beside it.
    deep: decode every picture and video. jobs: processes for that, ``None``: the cores.
    """

    dataset: str
    data_root: str | None = None
    manifest: Path | None = None
    write_manifest: Path | None = None
    deep: bool = False
    jobs: int | None = None
    published: bool = False


def verify(request: VerifyRequest) -> Report:
    """Look at a local copy.

    Raises
    ------
    UserError when there is none, when it holds no layout of the data set, when a manifest cannot be read or
    written. Whatever else is wrong is in the report.
    """
    dataset = _opened(request)
    root = _root(dataset, request)
    if request.write_manifest is not None:  # before hours of decoding
        _folder(root, request)
        require_free(request.write_manifest)
    listed = None if request.manifest is None else read_manifest(request.manifest, _folder(root, request))
    report = Report(dataset.name, None if root is None else str(root), deep=request.deep)
    if isinstance(dataset, TreeDataset):
        report.layout = dataset.layout.words
        _verify_tree(dataset, report, request)
    else:
        check_rendered(dataset, report)
    if listed is not None and request.manifest is not None:
        report.findings += manifest_findings(listed, _folder(root, request), request.manifest)
    if request.write_manifest is not None:
        count = write_manifest(request.write_manifest, _folder(root, request), dataset.name)
        report.notes.append(f"wrote {request.write_manifest}: {count} files")
    return report


def _opened(request: VerifyRequest) -> Dataset:
    factory = DATASETS.get(request.dataset)
    dataset = factory(root=request.data_root, size=None)
    if request.published and isinstance(dataset, TreeDataset) and isinstance(dataset.layout, PreparedLayout):
        # all factories of trees have the parameter, those of other data sets need not
        return factory(root=request.data_root, size=None, prepared=False)  # type: ignore[call-arg]
    return dataset


def _root(dataset: Dataset, request: VerifyRequest) -> Path | None:
    if isinstance(dataset, TreeDataset):
        return dataset.root
    return None if request.data_root is None else Path(request.data_root).expanduser()


def _folder(root: Path | None, request: VerifyRequest) -> Path:
    if root is None:
        raise UserError(
            f"dataset '{request.dataset}' lies in no folder that was named",
            where="--manifest, --write-manifest",
            expected="files",
            hint="--data-root FOLDER",
        )
    return root


def _verify_tree(dataset: TreeDataset, report: Report, request: VerifyRequest) -> None:
    facts = _facts(dataset)
    lists, findings = check_splits(dataset, dataset.root, facts)
    report.findings += findings
    found = _found_names(dataset, report)
    names = [name for name in distinct(lists) if _is_here(dataset, name, report)]
    lacking = set(distinct(lists)) - set(names)  # whose finding is there
    if set(dataset.splits()) <= {*lists, "test"}:  # else a list that cannot be used may hold the others
        for name in sorted(set(found) - set(distinct(lists))):
            file = relative(dataset.layout.place(name), dataset.root)
            report.findings.append(Finding("unlisted_clip", "no split lists it", name, file))
    checks = _checks(dataset, sorted({*names, *found} - lacking), report)
    if isinstance(dataset.layout, PreparedLayout):
        if dataset.layout.prepared.folder != dataset.root:
            report.notes.append("this is the prepared copy; --published looks at the data it was made from")
        for check in checks:
            if check.frames:
                report.findings += record_findings(
                    check.name,
                    dataset.layout.place(check.name),
                    dataset.root,
                    deep=request.deep,
                    prepare=dataset.prepare_command,
                )
    if request.deep:
        report.findings += _decoded(checks, dataset.root, request)
    _count(report, checks, lists, facts, dataset)


def _facts(dataset: TreeDataset) -> Facts | None:
    """What is published of the data set. Of the cut of MetaPix, which is of other videos, nothing is, nor of
    the embedded dataset in the layout of another.
    """
    if (dataset.root / MANIFEST).is_file():
        return None
    if dataset.name == youtube_dancer.KIND.name:
        try:
            names = dataset.found_names()
        except UserError:  # said where the clips are looked for
            names = []
        if names and all(youtube_dancer.METAPIX.fullmatch(name) for name in names):
            return None
    return published_facts(dataset.name)


def _found_names(dataset: TreeDataset, report: Report) -> list[str]:
    try:
        return dataset.found_names()
    except UserError as error:
        report.findings.append(refusal("stray_file", error, dataset.root))
        return []


def _is_here(dataset: TreeDataset, name: str, report: Report) -> bool:
    try:
        here = dataset.layout.has(name)
        place = dataset.layout.place(name)
    except UserError as error:
        report.findings.append(refusal("missing_clip", error, dataset.root, clip=name))
        return False
    except OSError as error:  # a folder on the way that may not be searched
        text = f"cannot be read: {error.strerror}"
        report.findings.append(Finding("missing_clip", text, name, printable(str(error.filename))))
        return False
    if not here:
        hint = "get it from the release of the data set"
        file = relative(place, dataset.root)
        report.findings.append(Finding("missing_clip", "is listed and not there", name, file, hint))
    return here


def _checks(dataset: TreeDataset, names: Sequence[str], report: Report) -> list[ClipCheck]:
    checks = []
    for name in track(names, f"verify {dataset.name}"):
        try:
            check = check_clip(name, dataset.layout, dataset.root, dataset.prepare_command)
        except UserError as error:
            report.findings.append(refusal("missing_frames", error, dataset.root, clip=name))
            continue
        except OSError as error:
            text = f"cannot be read: {error.strerror}"
            report.findings.append(Finding("missing_frames", text, name, printable(str(error.filename))))
            continue
        report.findings += check.findings
        checks.append(check)
    return checks


def _decoded(checks: Sequence[ClipCheck], root: Path, request: VerifyRequest) -> list[Finding]:
    """What decoding shows that the headers did not."""
    pieces = [piece for check in checks for piece in check.pieces]
    known = {(one.kind, one.clip, one.file) for check in checks for one in check.findings}
    jobs = min(request.jobs or usable_cores(), max(len(pieces), 1))
    found: list[Finding] = []
    seen: dict[tuple[str, Path], list[Seen]] = {}
    for piece, result in track(decode_all(pieces, jobs), "decode", total=len(pieces)):
        found += decoded_findings(piece, result, root)
        seen.setdefault((piece.clip, piece.place), []).extend(result)
    for (clip, place), result in seen.items():
        found += size_findings(clip, relative(place, root), result)
    return [one for one in found if (one.kind, one.clip, one.file) not in known]


def _count(
    report: Report,
    checks: Sequence[ClipCheck],
    lists: dict[str, list[str]],
    facts: Facts | None,
    dataset: TreeDataset,
) -> None:
    report.counts += count_clips(checks, lists, facts)
    if facts is not None:
        report.findings += count_findings(report.counts)
    else:
        report.notes.append(f"no numbers are published of '{dataset.name}' ({report.layout}) to compare with")
