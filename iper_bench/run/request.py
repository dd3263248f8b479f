"""``RunRequest`` and ``RunReport``: what a run is asked and what it answers.

Both are plain values without behaviour of their own, so that the command line, tests and later executors
speak the same words. Importing this file imports neither torch nor numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from iper_bench.store.failure import Failure

SETTINGS = ("self", "cross")
DEFAULT_SN = (2,)  # front and back: the fewest views that show a whole person
DEFAULT_STEPS = (0,)  # no personalisation: what every method can do
DEFAULT_SEEDS = (0,)
PNG, FFV1, NOT_KEPT = "png", "ffv1", "none"
KEPT = (PNG, FFV1, NOT_KEPT)  # how predicted frames are kept
LOCAL, RAY, SLURM = "local", "ray", "slurm"
EXECUTORS = (LOCAL, RAY, SLURM)
DEFAULT_PROFILES = ("offline",)  # the profile whose weights come with pip
# exit status of a run that ended with failed units (0 ok, 1 gate, 2 user, 70 bug, 130 Ctrl-C)
UNITS_FAILED = 3

LONGEST_REASON = 240  # characters of a failed unit's reason in the summary


@dataclass(frozen=True)
class RunRequest:
    """One command: which methods are evaluated on what, and where the results go.

    Attributes
    ----------
    methods: ``[LABEL=]METHOD[@WEIGHTS]`` each (see ``methods.method_choice``); a label used twice is refused.
    references: what calibrates the numbers and is evaluated as well unless it is among ``methods``, for
        example all of ``methods.reference_names.DEFAULT_REFERENCES``, as the command line does.
    dataset: registry name, for example ``"synthetic"``.
    out: the run folder; made when absent, resumed when it holds the same plan. ``None`` means
        ``runs/<protocol>-<hash of the plan>``, so that the same request finds its run again.
    protocol: name or path of a YAML; ``None`` means ``"<dataset>-imitation"``.
    as_published: evaluate repaired entries of the protocol as they were published, where their frames exist.
    data_root: where the dataset lies; ``None`` means the cache folder or IPER_BENCH_DATA.
    sn: numbers of sources, each among the protocol's ``source_counts``.
    steps: personalisation steps T, each 0 or more; methods that do not train are evaluated once, at T = 0.
    settings: of ``"self"`` and ``"cross"``.
    seeds: of personalisation, 0 or more each; methods that do not train are evaluated with the first alone.
    only: of the plan's units those whose id begins with one of these words, or whose name holds one; the
        others stay undone.
    limit: evaluate the protocol's first N source clips only; ``None`` means all.
    profiles: metric profiles.
    metrics: what of the profiles is measured; ``None`` means their defaults, ``("all",)`` everything.
    person_detector: takes the place of the person detector of every profile but `paper`.
    size: side of the frames in pixels; ``None`` means the dataset's own.
    weights_dir: folder of metric weights that pip does not bring.
    device: torch device on which the metrics are measured.
    predictions: how predicted frames are kept: ``"png"``, ``"ffv1"`` (one lossless video per unit, smaller)
        or ``"none"``, without which the run cannot be scored again.
    measure: measure what is predicted; without it only frames are made, to be measured later.
    executor: ``"local"``, ``"ray"`` or ``"slurm"``. jobs: processes of the local one at most; 0 for as many
        as there are cores.
    executor_options: of the executor, such as ``("address", "auto")`` or ``("partition", "gpu")``.
    shard: number i and count n: only this part of the plan is done, into a folder of its own.
    trackers: where the results are logged as well.
    leave_out_unfit: evaluate only those methods that do the protocol's task, instead of refusing the others.
    retry_failed: run units again whose failure is on record; without it they are counted and left alone.
    dry_run: resolve and describe the plan; compute and write nothing.
    """

    methods: list[str]
    dataset: str
    out: Path | None = None
    protocol: str | None = None
    as_published: bool = False
    data_root: str | None = None
    sn: tuple[int, ...] = DEFAULT_SN
    steps: tuple[int, ...] = DEFAULT_STEPS
    settings: tuple[str, ...] = SETTINGS
    seeds: tuple[int, ...] = DEFAULT_SEEDS
    limit: int | None = None
    profiles: tuple[str, ...] = DEFAULT_PROFILES
    metrics: tuple[str, ...] | None = None
    person_detector: str | None = None
    size: int | None = None
    weights_dir: Path | None = None
    device: str = "cpu"
    predictions: str = PNG
    retry_failed: bool = False
    dry_run: bool = False
    references: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    measure: bool = True
    executor: str = LOCAL
    jobs: int = 1
    executor_options: tuple[tuple[str, str], ...] = ()
    shard: tuple[int, int] | None = None
    trackers: tuple[str, ...] = ()
    leave_out_unfit: bool = False


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    Attributes
    ----------
    out: the run folder (not written in a dry run).
    plan: content hash of the plan.
    description: the resolved plan in words, the text of ``--dry-run``.
    total: units of the plan.
    kept: units that were finished before this command.
    done: units finished by this command.
    left: units that were not attempted (scoring alone renders none; ``only`` and ``shard`` leave others
        alone).
    predicted: whether only frames were made.
    left_out: methods that do not do the protocol's task and were left out, with the reason.
    failures: failed units of the plan, of this command or on record.
    aggregates: the file of aggregates, or ``None`` where there is none: of a dry run, a shard, predictions
        alone.
    dry: whether it was a dry run.
    """

    out: Path
    plan: str
    description: str
    total: int
    kept: int = 0
    done: int = 0
    left: int = 0
    predicted: bool = False
    left_out: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = field(default=())
    aggregates: Path | None = None
    dry: bool = False

    @property
    def exit_status(self) -> int:
        """0 when every unit is finished, else :data:`UNITS_FAILED`."""
        return UNITS_FAILED if self.failures else 0

    @property
    def summary(self) -> str:
        """One line for the end of a command."""
        if self.dry:
            return f"dry run: {self.total} units, nothing computed"
        verb = "predicted" if self.predicted else "computed"
        line = f"{self.out}: {self.total} units, {self.done} {verb}, {self.kept} kept from before"
        if self.left:
            line += f", {self.left} left alone"
        if self.left_out:
            line += f"; left out: {', '.join(self.left_out)}"
        if self.failures:
            first = self.failures[0].reason[:LONGEST_REASON]
            line += (
                f", {len(self.failures)} failed (the first: {first}; all reasons in {self.out}/failures; "
                "try: --retry-failed)"
            )
        return line
