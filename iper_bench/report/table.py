"""The main table in the layout of the paper's Table 1: methods down, metrics across, self- beside
cross-imitation.

A :class:`Table` is plain text in cells with marks; ``render.py`` turns it into terminal, Markdown and
HTML. The rows of the paper stand in a separate block of the same columns, always marked as quoted. A value
is the best (bold) only when its paired difference to every other method is told from noise
(``statistics.separable``); otherwise nobody is. References (``Table.references``) stand below the methods and
are never bold; those made from the sources must be beaten like methods, because every method could do as they
do, those made from the truth or other people need not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from iper_bench.averages import OVER_ALL_TRIALS, PAPER_BATCH
from iper_bench.errors import UserError
from iper_bench.report import paper
from iper_bench.report.detections import DetectionRow, PolicyRow, detection_rows, policy_rows
from iper_bench.report.evidence import NOT_THE_PAPERS, Bench, Evidence, Measurement
from iper_bench.report.numerals import digits_for
from iper_bench.report.ranking import Standing
from iper_bench.report.source_views import ODD_MARK, views_note
from iper_bench.report.table_parts import (
    NOT_COMPARABLE_MARK,
    NOT_FOR_THIS,
    NOT_MEASURED,
    Cell,
    Column,
    TableRow,
    cell_of,
    marks,
    marks_note,
    quoted_cell,
    rank_of,
)

#: columns of the paper's Table 1, in its order
LAYOUT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("self", ("PSNR", "SSIM", "LPIPS", "Body-CS", "Face-CS")),
    ("cross", ("Face-CS", "Face-FD", "Body-CS", "Body-FD", "FID")),
)
_PAPERS = tuple((setting, metric) for setting, metrics in LAYOUT for metric in metrics)
TITLES = {"self": "Self-imitation", "cross": "Cross-imitation"}
TASK_TITLES = {"appearance_transfer": "Appearance transfer", "novel_view": "Novel view synthesis"}
PAPER_SN = 1  # Table 1 was measured with one source
#: task -> the table of the paper that is quoted beside ours, and what is said of it
QUOTED = {
    "motion_imitation": ("table1", f"Table 1 (sn={PAPER_SN})"),
    "appearance_transfer": ("table3", "Table 3"),
    "novel_view": ("table4", "Table 4"),
}
REFERENCES_NOTE = (
    "References calibrate the numbers and are never bold. Made from the sources, as any method could: "
    "copy-source, nearest-source (the source in the nearest pose), warp. Made from what no method sees: "
    "other-person (a source of the next person), truth-shift[k] (the truth k pixels to the right), "
    "truth-blur[s] (under a Gaussian of s pixels), truth-jpeg[q] (through JPEG of quality q)."
)

Shown = Mapping[tuple[str, str, str], Measurement]  # (method, setting, metric)


@dataclass(frozen=True)
class Table:
    """One table. ``references``: rows that calibrate the others, in the order from the worst to the nearest
    to the truth. ``quoted`` are the paper's rows, empty when there are none for these columns; ``why_not``:
    why it is not comparable with the paper's, ``None`` when it is; ``views_note`` names the clips whose
    sources do not show the views asked for; ``detections`` and ``policies`` stand directly below.
    """

    bench: Bench
    sn: int
    steps: int
    title: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    quoted: tuple[TableRow, ...]
    quoted_title: str
    notes: tuple[str, ...]
    why_not: str | None = None
    views_note: str | None = None
    detections: tuple[DetectionRow, ...] = ()
    policies: tuple[PolicyRow, ...] = ()
    references: tuple[TableRow, ...] = ()

    def part(self, setting: str) -> Table:
        """The same table with the columns of one setting only."""
        keep = [i for i, column in enumerate(self.columns) if column.setting == setting]

        def narrow(rows: Iterable[TableRow]) -> tuple[TableRow, ...]:
            return tuple(TableRow(row.name, tuple(row.cells[i] for i in keep)) for row in rows)

        return replace(
            self,
            columns=tuple(self.columns[i] for i in keep),
            rows=narrow(self.rows),
            quoted=narrow(self.quoted),
            references=narrow(self.references),
        )

    @property
    def reference_rows(self) -> tuple[TableRow, ...]:
        """The references that have something in any of these columns."""
        return tuple(row for row in self.references if any(cell.text for cell in row.cells))

    @property
    def quoted_rows(self) -> tuple[TableRow, ...]:
        """The quoted rows that have a number in any of these columns."""
        return tuple(row for row in self.quoted if any(cell.text for cell in row.cells))

    def heading_of(self, setting: str) -> str:
        """What stands above the columns of a setting: tasks with one setting have the name of the task."""
        return TASK_TITLES.get(self.bench.task) or TITLES.get(setting, setting)

    @property
    def settings(self) -> list[str]:
        """Settings in the order of the columns."""
        return list(dict.fromkeys(column.setting for column in self.columns))


def settings_of(evidence: Evidence) -> list[tuple[Bench, int, int]]:
    """Every (bench, sn, T) that deserves a table: T at which any method was measured; references alone have
    a table only where there is no method.
    """
    found = []
    for bench in evidence.benches():
        chosen = evidence.select(bench)
        for sn in sorted({m.sn for m in chosen}):
            mine = [m for m in chosen if m.sn == sn]
            steps = {m.steps for m in mine if m.method not in evidence.references}
            found += [(bench, sn, one) for one in sorted(steps or {m.steps for m in mine})]
    return found


def build_table(evidence: Evidence, bench: Bench, *, sn: int, steps: int) -> Table:
    """The table of one bench for ``sn`` sources and ``steps`` personalization steps, with the columns of
    the paper, and below it what was detected by all metrics of these conditions.

    Methods measured only at T = 0 (nothing in them to train) stand in the table of every T, with '(T = 0)'
    behind the name. Raises UserError when nothing was measured under these conditions.
    """
    shown = _at(evidence.select(bench, sn=sn), steps)
    if not shown:
        have = ", ".join(f"sn={s} T={t}" for b, s, t in settings_of(evidence) if b == bench)
        raise UserError(
            f"nothing was measured with sn={sn} and T={steps}",
            where=str(bench),
            expected=f"one of {have}" if have else "a run with finished units",
        )
    table = _table(evidence, bench, shown, _main_columns(shown), sn, steps)
    kinds = evidence.references
    labels = {name: name if name in kinds else _label(name, shown.values(), steps) for name, _, _ in shown}
    return replace(table, detections=detection_rows(shown, labels), policies=policy_rows(shown, labels))


def further_table(evidence: Evidence, bench: Bench, *, sn: int, steps: int) -> Table | None:
    """The metrics of the same conditions that the paper's table does not have; ``None`` when there are
    none.
    """
    shown = _at(evidence.select(bench, sn=sn), steps)
    rest = sorted(_present(shown) - set(_main_columns(shown)), key=_self_first)
    return _table(evidence, bench, shown, rest, sn, steps) if rest else None


def _table(
    evidence: Evidence, bench: Bench, shown: Shown, listed: Sequence[tuple[str, str]], sn: int, steps: int
) -> Table:
    why_not = evidence.why_not(bench.profile)
    numbered: dict[str, int] = {}  # text of a definition note -> its number
    kinds = evidence.references
    columns = []
    measured: dict[tuple[str, str], list[Measurement]] = {}
    for setting, metric in listed:
        values = [m for m in shown.values() if (m.setting, m.metric) == (setting, metric)]
        example = next((m for m in values if m.backbone), values[0])
        measured[setting, metric] = values
        columns.append(
            Column(
                setting=setting,
                metric=metric,
                higher_is_better=evidence.higher_is_better.get(metric),
                digits=digits_for([abs(m.value) for m in values if m.value is not None]),
                note=numbered.setdefault(definition_note(bench.profile, example, why_not), len(numbered) + 1),
                comparable=why_not is None,
                definition=example.definition,
            )
        )
    earned = marks(measured, {(c.setting, c.metric): c.higher_is_better for c in columns}, kinds)
    methods = sorted({m.method for m in shown.values()})
    labels = {name: name if name in kinds else _label(name, shown.values(), steps) for name in methods}
    rows: list[TableRow] = []
    references: list[TableRow] = []
    for name in sorted(methods, key=lambda name: rank_of(kinds.get(name))):
        cells = tuple(
            _cell(
                shown.get((name, c.setting, c.metric)),
                c,
                earned.of((c.setting, c.metric), name),
                name in kinds,
            )
            for c in columns
        )
        (references if name in kinds else rows).append(TableRow(labels[name], cells))
    views = views_note(evidence, bench, sn)
    return Table(
        bench=bench,
        sn=sn,
        steps=steps,
        title=_title(bench, sn, steps, why_not, shown.values()) + (f" {ODD_MARK}" if views else ""),
        columns=tuple(columns),
        rows=tuple(rows),
        quoted=_quoted(bench, columns),
        quoted_title=_quoted_title(bench),
        notes=_notes(numbered, shown.values(), kinds, earned.cautions),
        why_not=why_not,
        views_note=views,
        references=tuple(references),
    )


def _at(chosen: Sequence[Measurement], steps: int) -> Shown:
    exact = {m.method for m in chosen if m.steps == steps}
    several = {m.method for m in chosen if m.steps != 0}
    if not exact:
        return {}
    return {
        (m.method, m.setting, m.metric): m
        for m in chosen
        if (m.method in exact and m.steps == steps)
        or (m.method not in exact and m.method not in several and m.steps == 0)
    }


def _main_columns(shown: Shown) -> list[tuple[str, str]]:
    """The columns of the paper; where none of them was measured, all there are."""
    present = _present(shown)
    return [column for column in _PAPERS if column in present] or sorted(present, key=_self_first)


def _self_first(column: tuple[str, str]) -> tuple[int, str, str]:
    order = [setting for setting, _ in LAYOUT]
    return order.index(column[0]) if column[0] in order else len(order), *column


def _present(shown: Shown) -> set[tuple[str, str]]:
    return {(setting, metric) for _, setting, metric in shown}


def _label(name: str, shown: Iterable[Measurement], steps: int) -> str:
    other = steps not in {m.steps for m in shown if m.method == name}
    return f"{name} (T\u00a0=\u00a00)" if other else name


def _cell(found: Measurement | None, column: Column, standing: Standing | None, reference: bool) -> Cell:
    if found is None:
        return NOT_FOR_THIS if reference else NOT_MEASURED
    return cell_of(found, column.digits, standing)


def _quotes(bench: Bench) -> list[paper.Quote]:
    """The printed numbers beside a bench: of its dataset where the paper has it, else of the first it has."""
    if bench.task not in QUOTED:
        return []
    found = paper.quotes(QUOTED[bench.task][0])
    datasets = list(dict.fromkeys(quote.dataset for quote in found))
    own = next((name for name in datasets if name.lower() == bench.dataset.lower()), datasets[0])
    return [quote for quote in found if quote.dataset == own]


def _quoted(bench: Bench, columns: Sequence[Column]) -> tuple[TableRow, ...]:
    quotes, single = _quotes(bench), bench.task in TASK_TITLES
    printed = {(q.method, "self" if single else q.trial_setting, q.metric): q for q in quotes}
    rows = []
    for method in dict.fromkeys(q.method for q in quotes):
        cells = [quoted_cell(printed.get((method, c.setting, c.metric))) for c in columns]
        if any(cell.text for cell in cells):
            rows.append(TableRow(method, tuple(cells)))
    return tuple(rows)


def _quoted_title(bench: Bench) -> str:
    words = QUOTED.get(bench.task, ("", "no table"))[1]
    dataset = next((f", {quote.dataset}" for quote in _quotes(bench) if bench.task in TASK_TITLES), "")
    return f"quoted from {paper.SOURCE}, {words}{dataset}; {paper.NOT_COMPARABLE}"


def _title(bench: Bench, sn: int, steps: int, why_not: str | None, measured: Iterable[Measurement]) -> str:
    warning = "" if why_not is None else f" ({NOT_THE_PAPERS})"
    return f"sn = {sn}, T = {steps}: {bench.dataset}, profile {bench.profile}{seeds_words(measured)}{warning}"


def seeds_words(measured: Iterable[Measurement]) -> str:
    """``", mean over 3 seeds (0, 1, 2)"`` where any number stands on several seeds, else nothing."""
    most = max((m.seeds for m in measured), key=len, default=())
    if len(most) < 2:
        return ""
    return f", mean over {len(most)} seeds ({', '.join(map(str, most))})"


def definition_note(profile: str, example: Measurement, why_not: str | None) -> str:
    mark = "" if why_not is None else f" {NOT_COMPARABLE_MARK}"
    network = example.backbone or "none (pixels)"
    rule = f", averaged by {example.average}" if example.average in OVER_ALL_TRIALS else ""
    return (
        f"{example.metric}{mark}: definition {profile} {example.definition}, feature network {network}{rule}"
    )


def _notes(
    definitions: Iterable[str],
    measured: Iterable[Measurement],
    kinds: Mapping[str, str],
    cautions: Sequence[str],
) -> tuple[str, ...]:
    listed = list(measured)
    references = any(m.method in kinds for m in listed)
    actors = any(m.actor_low is not None and (m.actors or 0) < m.clips for m in listed)
    rules = sorted({m.average for m in listed if m.average in OVER_ALL_TRIALS})
    return (
        *(f"({number}) {text}" for number, text in enumerate(definitions, start=1)),
        "[low, high]: 95 % bootstrap interval of the mean over clips; values without one are computed over "
        "the whole set. The percentage is the share of frames that entered."
        + (" Actors: the same when actors are drawn with all their clips." if actors else ""),
        *(
            f"{rule}: the paper's evaluator, mean of means of batches of {PAPER_BATCH} frames over the "
            "frames of all trials laid end to end"
            + (", 0 for a batch in which no frame counts." if "zero" in rule else ".")
            for rule in rules
        ),
        marks_note(references),
        *cautions,
        *_seeds_notes(listed),
        *([REFERENCES_NOTE] if references else []),
    )


def _seeds_notes(measured: Sequence[Measurement]) -> list[str]:
    """What is to be said where methods stand on different numbers of seeds."""
    counts: dict[str, int] = {}
    for m in measured:
        counts[m.method] = max(counts.get(m.method, 0), len(m.seeds))
    most = max(counts.values(), default=1)
    single = sorted(name for name, count in counts.items() if count < most)
    if not single:
        return []
    return [
        f"Fewer seeds: {', '.join(f'{name} ({counts[name]})' for name in single)}; methods that do not train "
        "have one."
    ]
