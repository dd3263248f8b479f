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
    seed: of personalisation, 0 or more.
    limit: evaluate the protocol's first N source clips only; ``None`` means all.
    profiles: metric profiles.
    metrics: what of the profiles is measured; ``None`` means their defaults, ``("all",)`` everything.
    person_detector: takes the place of the person detector of every profile but `paper`.
    size: side of the frames in pixels; ``None`` means the dataset's own.
    weights_dir: folder of metric weights that pip does not bring.
    device: torch device on which the metrics are measured.
    keep_predictions: keep every predicted frame as PNG; without them the run cannot be scored again.
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
    seed: int = 0
    limit: int | None = None
    profiles: tuple[str, ...] = DEFAULT_PROFILES
    metrics: tuple[str, ...] | None = None
    person_detector: str | None = None
    size: int | None = None
    weights_dir: Path | None = None
    device: str = "cpu"
    keep_predictions: bool = True
    retry_failed: bool = False
    dry_run: bool = False
    references: tuple[str, ...] = ()


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
    left: units that were not attempted (scoring alone renders none).
    failures: failed units of the plan, of this command or on record.
    aggregates: the file of aggregates, or ``None`` in a dry run.
    """

    out: Path
    plan: str
    description: str
    total: int
    kept: int = 0
    done: int = 0
    left: int = 0
    failures: tuple[Failure, ...] = field(default=())
    aggregates: Path | None = None

    @property
    def exit_status(self) -> int:
        """0 when every unit is finished, else :data:`UNITS_FAILED`."""
        return UNITS_FAILED if self.failures else 0

    @property
    def summary(self) -> str:
        """One line for the end of a command."""
        if self.aggregates is None:
            return f"dry run: {self.total} units, nothing computed"
        line = f"{self.out}: {self.total} units, {self.done} computed, {self.kept} kept from before"
        if self.left:
            line += f", {self.left} without predictions left alone"
        if self.failures:
            first = self.failures[0].reason[:LONGEST_REASON]
            line += (
                f", {len(self.failures)} failed (the first: {first}; all reasons in {self.out}/failures; "
                "try: --retry-failed)"
            )
        return line
