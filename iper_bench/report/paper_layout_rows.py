"""What the runs hold of each of the paper's layouts: ``fillings`` finds the rows, and computes no mark.

Other datasets fill the same layouts and are named for what they are. Where several datasets of Table 1 were
run its numbers are averaged over them as the paper's are (``paper_layout_average.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from iper_bench.report.evidence import Bench, Evidence, Measurement
from iper_bench.report.paper_layout import (
    IMITATION,
    LAYOUTS,
    LOSSES,
    WITH,
    WITHOUT,
    Block,
    Layout,
    Place,
    paper_name,
)
from iper_bench.report.paper_layout_average import AVERAGE_NOTE, averaged_over

PERSONALIZED = 100  # T of Table 5
FID = "FID"
FID_NOTE = "FID was measured in cross-imitation; the paper prints it beside the metrics of self-imitation."


@dataclass(frozen=True)
class Entry:
    """One row: ``key`` tells it from all others of its table, ``name`` is shown, ``method`` is our label of
    it.

    ``family``: only rows of one family are compared with each other.
    """

    key: str
    name: str
    method: str
    values: Mapping[Place, Measurement]
    family: str = ""


@dataclass(frozen=True)
class Filling:
    """One table to be: a layout with what the runs hold for it, by one profile.

    ``dataset``, ``protocol``: names, several joined by ``+``. ``sn``, ``steps``: as measured; ``steps`` is
    the largest T.
    """

    layout: Layout
    dataset: str
    protocol: str
    profile: str
    sn: int
    steps: int
    blocks: tuple[Block, ...]
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """Stem of its files, unique in a report: protocols are mostly called after their dataset."""
        places = zip(self.dataset.split("+"), self.protocol.split("+"), strict=False)
        words = [p if p.startswith(d) else f"{d}-{p}" for d, p in places]
        return file_stem(f"table{self.layout.number}-{'+'.join(words)}-{self.profile}")


def file_stem(name: str) -> str:
    """``name`` with only letters, digits, dots, plus, dash and underscore: fit for a file on every system."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-.") or "unnamed"


def fillings(evidence: Evidence) -> list[Filling]:
    """Every table that the runs hold something for, in the order of the paper, then by profile and
    protocol.
    """
    makers = {"1": _table_1, "4": _table_4, "5": _table_5, "6": _table_6}
    found: list[Filling] = []
    for layout in LAYOUTS:
        for profile in sorted({m.profile for m in evidence.measurements}):
            benches = [b for b in evidence.benches() if (b.task, b.profile) == (layout.task, profile)]
            found += makers.get(layout.number, _by_bench)(evidence, layout, benches)
    return [one for one in found if any(entry.values for entry in one.entries)]


def _table_1(evidence: Evidence, layout: Layout, benches: Sequence[Bench]) -> Iterator[Filling]:
    """The average over the paper's datasets where two or more were run, and every other bench by itself."""
    own = [b for b in benches if b.dataset in layout.ours and b.protocol == f"{b.dataset}-imitation"]
    own = [b for b in own if evidence.select(b, sn=layout.sn)]
    own.sort(key=lambda bench: layout.ours.index(bench.dataset))
    if len(own) > 1:
        chosen = {b.dataset: _chosen(evidence, b, layout.sn or 1) for b in own}
        steps = max(_largest(evidence, values) for values in chosen.values())
        methods = list(dict.fromkeys(m.method for values in chosen.values() for m in values))
        entries = []
        for method in _ordered(layout, evidence, methods):
            parts = {
                d: {(m.setting, m.metric): m for m in values if m.method == method}
                for d, values in chosen.items()
            }
            everyone = {d: {(m.method, m.setting, m.metric): m for m in v} for d, v in chosen.items()}
            entries.append(_entry(evidence, method, averaged_over(parts, everyone), steps))
        names = "+".join(b.dataset for b in own)
        missing = [d for d in layout.ours if d not in {b.dataset for b in own}]
        lacking = f" Not run: {', '.join(missing)}." if missing else ""
        yield Filling(
            *(layout, names, "+".join(b.protocol for b in own), own[0].profile, layout.sn or 1, steps),
            *(layout.blocks, tuple(entries), (AVERAGE_NOTE + lacking,)),
        )
    yield from _by_bench(evidence, layout, [b for b in benches if not (len(own) > 1 and b in own)])


def _by_bench(evidence: Evidence, layout: Layout, benches: Sequence[Bench]) -> Iterator[Filling]:
    """One table per bench, with the layout's sn, or the largest where the paper does not say."""
    for bench in benches:
        counts = {m.sn for m in evidence.select(bench)}
        sn = layout.sn or max(counts)
        if sn in counts:
            yield _filling(evidence, layout, [(layout.blocks, bench)], sn)


def _table_4(evidence: Evidence, layout: Layout, benches: Sequence[Bench]) -> Iterator[Filling]:
    """The paper's datasets side by side, and every other bench by itself."""
    columns = dict(zip(layout.ours, layout.blocks, strict=True))
    own = [b for b in benches if b.dataset in columns and b.protocol == f"{b.dataset}-novel-view"]
    if own:
        counts = [{m.sn for m in evidence.select(b)} for b in own]
        shared = set.intersection(*counts) or set.union(*counts)
        parts = [((columns[name],), bench) for name in columns for bench in own if bench.dataset == name]
        yield _filling(evidence, layout, parts, max(shared))
    for bench in benches:
        if bench not in own:
            block = Block("self", bench.dataset, layout.blocks[0].metrics)
            sn = max(m.sn for m in evidence.select(bench))
            yield _filling(evidence, layout, [((block,), bench)], sn)


def _filling(
    evidence: Evidence, layout: Layout, parts: Sequence[tuple[Sequence[Block], Bench]], sn: int
) -> Filling:
    """A table whose rows are methods; ``parts``: columns and the bench that they are measured on."""
    values: dict[str, dict[Place, Measurement]] = {}
    steps = 0
    for blocks, bench in parts:
        chosen = _chosen(evidence, bench, sn)
        steps = max(steps, _largest(evidence, chosen))
        settings = {block.key for block in blocks}
        alone = blocks[0].key if len(blocks) == 1 and settings != {"self"} else None
        for m in chosen:
            values.setdefault(m.method, {})[alone or m.setting, m.metric] = m
    benches = [bench for _, bench in parts]
    methods = _ordered(layout, evidence, list(values))
    return Filling(
        layout,
        "+".join(bench.dataset for bench in benches),
        "+".join(bench.protocol for bench in benches),
        benches[0].profile,
        sn,
        steps,
        tuple(block for blocks, _ in parts for block in blocks),
        tuple(_entry(evidence, name, values[name], steps) for name in methods),
    )


def _table_5(evidence: Evidence, layout: Layout, benches: Sequence[Bench]) -> Iterator[Filling]:
    """Each method at T = 0 and at T = 100, or the largest T where 100 was not run."""
    for bench in benches:
        by_sn: dict[int, list[Entry]] = {}
        for sn in sorted({m.sn for m in evidence.select(bench)}):
            by_sn[sn] = list(_pairs(evidence, bench, sn))
        held = [sn for sn, entries in by_sn.items() if entries]
        if not held:
            continue
        sn = layout.sn if layout.sn in held else max(held)
        steps = max(m.steps for entry in by_sn[sn] for m in entry.values.values())
        notes = (FID_NOTE,) if any(place == ("self", FID) for e in by_sn[sn] for place in e.values) else ()
        yield Filling(
            *(layout, bench.dataset, bench.protocol, bench.profile, sn, steps),
            *(layout.blocks, tuple(by_sn[sn]), notes),
        )


def _pairs(evidence: Evidence, bench: Bench, sn: int) -> Iterator[Entry]:
    measured = evidence.select(bench, sn=sn)
    for method in sorted({m.method for m in measured}):
        own = [m for m in measured if m.method == method]
        trained = {m.steps for m in own if m.steps}
        if not trained or not any(m.steps == 0 for m in own):
            continue
        largest = PERSONALIZED if PERSONALIZED in trained else max(trained)
        for steps, words in ((0, WITHOUT), (largest, WITH)):
            values = {}
            for m in own:
                if m.steps == steps and (m.setting == "self" or m.metric == FID):
                    values["self", m.metric] = m
            name = f"{paper_name(method) or method}, {words} (T\u00a0=\u00a0{steps})"
            yield Entry(f"{method}, {words}", name, method, values, family=method)


def _table_6(evidence: Evidence, layout: Layout, benches: Sequence[Bench]) -> Iterator[Filling]:
    """Methods that were run with weights of several losses: ``attlwb[loss=lp]`` and so on."""
    for bench in benches:
        measured = evidence.select(bench)
        losses = {m.method: found for m in measured if (found := loss_of(m.method)) is not None}
        counts: dict[int, set[str]] = {}
        for m in measured:
            if m.method in losses:
                counts.setdefault(m.sn, set()).add(m.method)
        if not counts or max(map(len, counts.values())) < 2:
            continue
        sn = max(counts, key=lambda one: (len(counts[one]), one))
        chosen = [m for m in _chosen(evidence, bench, sn) if m.method in losses and m.setting == "self"]
        steps = _largest(evidence, chosen)
        order = list(LOSSES)
        entries = []
        for method in sorted(counts[sn], key=lambda m: (losses[m][0], order.index(losses[m][1]))):
            base, loss = losses[method]
            values = {("self", m.metric): m for m in chosen if m.method == method}
            shown = f"{paper_name(base) or base}, loss={LOSSES[loss]}"
            entries.append(replace(_entry(evidence, method, values, steps), name=shown, family=base))
        yield Filling(
            *(layout, bench.dataset, bench.protocol, bench.profile, sn, steps), layout.blocks, tuple(entries)
        )


def loss_of(method: str) -> tuple[str, str] | None:
    """``"attlwb[loss=lp]"``: method and loss; ``None`` for anything else."""
    base, _, options = method.partition("[")
    key, _, value = options.removesuffix("]").partition("=")
    return (base, value) if key == "loss" and value in LOSSES else None


def _chosen(evidence: Evidence, bench: Bench, sn: int) -> list[Measurement]:
    """Measurements with sn sources, of every method at its own largest T."""
    measured = evidence.select(bench, sn=sn)
    last: dict[str, int] = {}
    for m in measured:
        last[m.method] = max(last.get(m.method, 0), m.steps)
    return [m for m in measured if m.steps == last[m.method]]


def _largest(evidence: Evidence, measured: Sequence[Measurement]) -> int:
    return max((m.steps for m in measured if m.method not in evidence.references), default=0)


def _entry(evidence: Evidence, method: str, values: Mapping[Place, Measurement], steps: int) -> Entry:
    own = {m.steps for m in values.values()}
    reference = method in evidence.references
    name = method if reference else paper_name(method) or method
    other = f" (T\u00a0=\u00a0{max(own)})" if own and steps not in own and not reference else ""
    return Entry(method, name + other, method, values)


def _ordered(layout: Layout, evidence: Evidence, methods: Sequence[str]) -> list[str]:
    """In the order of the paper's rows, then by name."""
    order = list(dict.fromkeys(quote.method for quote in layout.quotes))
    return sorted(
        methods,
        key=lambda m: (order.index(paper_name(m) or "") if paper_name(m) in order else len(order), m),
    )


def not_filled(evidence: Evidence, found: Sequence[Filling]) -> list[str]:
    """One line for each of the paper's tables that these runs hold nothing for, with what to type for it."""
    tasks = {m.task for m in evidence.measurements}
    lines = []
    for layout in LAYOUTS:
        if any(one.layout is layout for one in found):
            continue
        if layout.task not in tasks:
            why = f"no run of {layout.task.replace('_', ' ')}"
        elif layout.number == "5":
            why = "no method was run with T = 0 and with a larger T"
        elif layout.number == "6":
            why = "no method was run with weights of two losses"
        else:
            why = f"nothing was run with sn = {layout.sn}" if layout.task == IMITATION else "nothing was run"
        lines.append(f"Table {layout.number} ({layout.caption}): {why}; for example: {layout.command}")
    return lines
