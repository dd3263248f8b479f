"""``score_folder``: predictions that somebody else made, measured against references or under a protocol;
``score_run``: those of a run, by other profiles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from iper_bench.atomic import write_json
from iper_bench.data.frame_name import printable
from iper_bench.errors import UserError
from iper_bench.metrics.metric import Setting
from iper_bench.progress import track
from iper_bench.protocol.load import list_protocols
from iper_bench.run.clip_scores import ClipScores, Measures, score_clips
from iper_bench.run.comparison import Comparison
from iper_bench.run.comparisons import (
    FILES,
    Handed,
    ProtocolTrials,
    compare_with_references,
    compare_with_trials,
)
from iper_bench.run.distance_curves import distance_curves, require_distances
from iper_bench.run.environment import environment, provenance
from iper_bench.run.request import DEFAULT_PROFILES, DEFAULT_SN, RunReport, RunRequest
from iper_bench.run.result_folder import require_free, write_result
from iper_bench.run.score import score
from iper_bench.store.plan_file import PLAN_FILE
from iper_bench.store.run_folder import RunFolder


@dataclass(frozen=True)
class ScoreRequest:
    """One command.

    Attributes
    ----------
    predictions: frames of one clip, a video, a folder with one of these per clip; or a run folder.
    references: what they are compared with, in the same form; or ``None`` and
    dataset, protocol, setting, sn, data_root, size: as in ``iper-bench run``; ``None`` where nothing was
        typed.
    measures: metrics and how frames are read. Without profiles they are the default, of a run its own.
    boxes, reference_boxes: files (``box_file.py``). clips: only these; empty means all.
    numbering: ``"frames"``, ``"positions"``, or ``None`` to find out. partial: measure what is there.
    name: of the method in rows; ``None`` takes the folder's.
    out: where the result is written. curve: file of the Frechet distances by number of frames.
    """

    predictions: Path
    measures: Measures
    references: Path | None = None
    dataset: str | None = None
    protocol: str | None = None
    setting: str | None = None
    sn: int | None = None
    data_root: str | None = None
    size: int | None = None
    boxes: Path | None = None
    reference_boxes: Path | None = None
    clips: tuple[str, ...] = ()
    numbering: str | None = None
    partial: bool = False
    name: str | None = None
    out: Path | None = None
    curve: Path | None = None

    @property
    def of_run(self) -> bool:
        """Whether the predictions are those of a run folder."""
        return (self.predictions / PLAN_FILE).is_file()

    def chosen_setting(self) -> Setting:
        """The one that was typed, else ``self``."""
        return cast(Setting, self.setting or "self")


def score_folder(request: ScoreRequest) -> ClipScores:
    """Measure, and write what was asked for.

    Raises
    ------
    UserError for what is not understood, not complete (unless ``partial``), or cannot be written. A frame
    that cannot be read raises nothing: it is left out and named beside the values.
    """
    if (request.references is None) == (request.dataset is None):
        raise UserError(
            "both --references and --dataset" if request.dataset else "neither --references nor --dataset",
            where="score",
            expected="one of them: what the predictions are compared with",
        )
    setting = request.chosen_setting()
    if not request.measures.profiles:
        request = replace(request, measures=replace(request.measures, profiles=DEFAULT_PROFILES))
    request.measures.suite(setting)  # unknown names are told before anything is read
    if request.curve is not None:
        require_distances(request.measures, setting)
    if request.out is not None:
        require_free(request.out)
    comparisons, dataset, facts = _comparisons(request, setting)
    scores = score_clips(comparisons, request.measures, setting, dataset, facts)
    if request.out is not None:
        write_result(request.out, scores.rows, scores.definitions, scores.entries)
    if request.curve is not None:
        write_json(request.curve, distance_curves(request.measures, setting, scores.features))
    return scores


def _comparisons(request: ScoreRequest, setting: Setting) -> tuple[Iterable[Comparison], str, dict[str, str]]:
    """What is compared, the name of the dataset, and what every row carries."""
    handed = Handed(
        predictions=request.predictions,
        method=printable(request.name or request.predictions.resolve().name),
        setting=setting,
        boxes=request.boxes,
        reference_boxes=request.reference_boxes,
        clips=request.clips,
        numbering=request.numbering,
        partial=request.partial,
    )
    here = environment(request.measures.device, (0,))
    if request.references is not None:
        for typed, option in (
            (request.protocol, "--protocol"),
            (request.sn, "--sn"),
            (request.size, "--size"),
        ):
            if typed is not None:
                raise UserError("given with --references", where=option, expected="it with --dataset only")
        listed = compare_with_references(handed, request.references)
        tracked = track(listed, "measuring clips")
        return tracked, printable(request.references.resolve().name), provenance(here, FILES, FILES)
    trials = ProtocolTrials.of(
        request.dataset or "",
        protocol=request.protocol,
        setting=setting,
        data_root=request.data_root,
        size=request.size,
        sn=DEFAULT_SN[0] if request.sn is None else request.sn,
    )
    count, found = compare_with_trials(handed, trials)
    facts = provenance(here, trials.protocol.hash, trials.dataset.fingerprint)
    return track(found, "measuring clips", total=count), trials.dataset.name, facts


def score_run(request: ScoreRequest) -> RunReport:
    """Measure the predictions of a run again; its rows are replaced.

    The request of the run is read from its plan; metrics, person detector, weights and device are those of
    ``request``, and so are the profiles where any is named. With neither profile nor metric named it is
    measured by the very metrics of its plan.

    Raises
    ------
    UserError for an option that a run answers itself, a protocol that is not in the package and not named,
    and as ``run.score.score``.
    """
    for given, option in (
        *(
            (request.references, "--references"),
            (request.dataset, "--dataset"),
            (request.setting, "--setting"),
        ),
        *((request.sn, "--sn"), (request.size, "--size"), (request.boxes, "--boxes"), (request.out, "--out")),
        *((request.reference_boxes, "--reference-boxes"), (request.numbering, "--numbering")),
        *((request.name, "--method-name"), (request.curve, "--fd-curve"), (request.clips or None, "--clip")),
        *((request.partial or None, "--partial"), (request.measures.resize, "--resize")),
    ):
        if given is not None:
            raise UserError(
                f"given, but {printable(str(request.predictions))} is a run, whose plan says it",
                where=option,
                expected="--profile, --metrics, --person-detector, --weights-dir, --device, --protocol or "
                "--data-root alone",
            )
    own = not request.measures.profiles and request.measures.metrics is None
    return score(run_request(request), own=own)


def run_request(request: ScoreRequest) -> RunRequest:
    """The request of the run in ``request.predictions``, with the metrics of ``request``."""
    plan = RunFolder.open(request.predictions).plan
    protocol = str(plan["protocol"]["name"])
    if request.protocol is None and protocol not in list_protocols():
        raise UserError(
            f"protocol '{printable(protocol)}' does not come with the package",
            where=printable(str(request.predictions)),
            expected="its file",
            hint="--protocol FILE.yaml",
        )
    measures = request.measures
    return RunRequest(
        methods=[str(method["name"]) for method in plan["methods"]],
        dataset=str(plan["dataset"]["name"]),
        out=request.predictions,
        protocol=request.protocol or protocol,
        as_published=bool(plan["protocol"].get("published", False)),
        data_root=request.data_root,
        sn=tuple(plan["sn"]),
        steps=tuple(plan["steps"]),
        settings=tuple(plan["settings"]),
        seeds=tuple(plan["seeds"]),
        limit=plan["limit"],
        profiles=measures.profiles or tuple(plan["profiles"]),
        metrics=measures.metrics,
        person_detector=measures.person_detector,
        size=int(plan["dataset"]["image_size"]),
        weights_dir=measures.weights_dir,
        device=measures.device,
    )
