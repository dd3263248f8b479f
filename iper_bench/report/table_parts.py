"""``Cell``, ``Column`` and ``TableRow``: what every table of a report is made of, and the marks that a cell
may bear.

A mark is earned: the best value is bold and the second best underlined only where ``ranking.standings`` tells
them from the methods behind them; a dagger says that a value is not told from the best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from iper_bench.report.evidence import Measurement
from iper_bench.report.numerals import MISSING, number, percent, span
from iper_bench.report.paper import CERTAIN, Quote
from iper_bench.report.ranking import Standing, standings_of_table, without_actors
from iper_bench.report.statistics import FEWEST_ACTORS, actors_needed

NOT_COMPARABLE_MARK = "‡"  # beside everything that was not measured by the definitions of the paper
DAGGER = "†"  # not told from the best
UNSURE_MARK = "?"  # a quoted number whose place in the paper is not certain
REFERENCES_TITLE = "references"
Key = TypeVar("Key")
SOURCES = "sources"  # references made from what every method sees


@dataclass(frozen=True)
class Column:
    """One metric in one setting. ``note`` is the number of its footnote; ``comparable``: whether it may stand
    beside the paper's values; ``definition``: its passport, empty when nothing was measured.
    """

    setting: str
    metric: str
    higher_is_better: bool | None
    digits: int
    note: int
    comparable: bool
    definition: str = ""

    @property
    def arrow(self) -> str:
        """Direction of improvement, empty when unknown."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]


@dataclass(frozen=True)
class Cell:
    """What stands in one place.

    Attributes
    ----------
    text: the number as shown. interval, actors: its 95 % interval over clips and over actors. coverage:
        share of frames that entered. reason: why the number, or a part of it, is missing.
    best, second: told from all behind it. unclear: the difference to the best is not told from 0.
    p: of the difference to the best, after Holm over the table. found: the measurement behind it, ``None``
        for what was not measured. quote: the printed number that it repeats.
    """

    text: str
    interval: str = ""
    coverage: str = ""
    best: bool = False
    reason: str | None = None
    actors: str = ""
    second: bool = False
    unclear: bool = False
    p: float | None = None
    found: Measurement | None = None
    quote: Quote | None = None

    @property
    def value(self) -> float | None:
        """The number in full, measured or quoted."""
        return self.quote.value if self.quote else self.found.value if self.found else None

    @property
    def definition(self) -> str:
        """The passport of a measured number, else empty."""
        return self.found.definition if self.found else ""

    @property
    def note(self) -> str:
        """What is uncertain about a quoted number, else empty."""
        if self.quote is None or self.quote.certainty == CERTAIN:
            return ""
        others = self.quote.extra.get("alternatives", "").replace("|", ", ")
        return f"place in the paper: {self.quote.certainty.replace('_', ' ')}" + (
            f"; could be {others}" if others else ""
        )

    @property
    def shown(self) -> str:
        """The number with its marks."""
        return self.text + (DAGGER if self.unclear else "") + (UNSURE_MARK if self.note else "")


@dataclass(frozen=True)
class TableRow:
    """A method and its cells, one per column of the table. ``title``: what more is to be said of the name."""

    name: str
    cells: tuple[Cell, ...]
    title: str = ""


NOT_MEASURED = Cell(MISSING, reason="not measured")
NOT_FOR_THIS = Cell("")  # a reference where there is nothing to make it from


def cell_of(found: Measurement, digits: int, standing: Standing | None) -> Cell:
    """The cell of a measurement; ``standing``: its place among its rivals, ``None`` for what has no
    rivals.
    """
    coverage = "" if found.coverage is None else percent(found.coverage)
    if found.value is None:
        return Cell(MISSING, coverage=coverage, reason=found.reason or "no reason on record", found=found)
    actors = span(found.actor_low, found.actor_high, digits)
    interval = span(found.low, found.high, digits)
    if not interval and len(found.clip_values) == 1:
        interval = "1 clip"
    return Cell(
        number(found.value, digits),
        interval,
        coverage,
        bool(standing and standing.best),
        found.reason,
        # one clip per actor: the interval over clips says it already
        f"{found.actors} actors {actors}" if actors and (found.actors or 0) < found.clips else "",
        second=bool(standing and standing.second),
        unclear=bool(standing and standing.told_from_best is False),
        p=standing.p if standing else None,
        found=found,
    )


def quoted_cell(quote: Quote | None) -> Cell:
    """The cell of a printed number; empty where the paper prints none."""
    return Cell("") if quote is None else Cell(quote.printed, quote=quote)


@dataclass(frozen=True)
class Marks(Generic[Key]):
    """Standings of a whole table: column -> method -> standing.

    ``comparisons``: differences to a best that were tested together. ``actors``: the most behind one of them.
    ``unknown``: what is to be said of clips whose actor no row names.
    """

    standings: Mapping[Key, Mapping[str, Standing]]
    comparisons: int
    actors: int
    unknown: str | None = None

    def of(self, key: Key, method: str) -> Standing | None:
        """The standing of a method in a column; ``None`` for references and where nothing is compared."""
        return self.standings.get(key, {}).get(method)

    @property
    def cautions(self) -> tuple[str, ...]:
        """Why marks are missing or doubtful: too few actors to mark anything, clips of unknown actors."""
        needed = actors_needed(self.comparisons) if self.comparisons else 0
        found = []
        if self.actors < needed:
            who = f"{self.actors} actor{'s' * (self.actors != 1)} with {self.comparisons} comparisons"
            found.append(
                f"{who}: whatever the differences, none can be told from 0 here; {needed} actors are needed."
            )
        if self.comparisons and self.unknown:
            found.append(f"{self.unknown}.")
        return tuple(found)


def marks(
    columns: Mapping[Key, Sequence[Measurement]],
    higher_is_better: Mapping[Key, bool | None],
    kinds: Mapping[str, str],
) -> Marks[Key]:
    """The standings of all columns with Holm's correction over the table, of the methods alone: references
    bear no mark, but those made from the sources, which every method could equal, must be beaten.

    ``kinds``: reference -> what it is made from. A column without a direction has no standings.
    """
    rivals = {
        key: [m for m in measured if m.value is not None and kinds.get(m.method, SOURCES) == SOURCES]
        for key, measured in columns.items()
    }
    directions = {key: up for key, up in higher_is_better.items() if up is not None and len(rivals[key]) > 1}
    found = standings_of_table(rivals, directions)
    tested = [one for column in found.values() for one in column.values() if one.p is not None]
    return Marks(
        {key: {name: one for name, one in own.items() if name not in kinds} for key, own in found.items()},
        len(tested),
        max((one.actors for one in tested), default=0),
        without_actors(one for column in rivals.values() for one in column),
    )


def rank_of(kind: str | None) -> int:
    """Methods first, then references from the worst to the nearest to the truth."""
    return ("others", SOURCES, "truth").index(kind) + 1 if kind in ("others", SOURCES, "truth") else 0


def marks_note(references: bool) -> str:
    """What the marks of a table say. ``references``: whether it holds any."""
    beaten = " and than the references made from the sources" if references else ""
    best = ", be it a method or a reference made from the sources," if references else ""
    return (
        f"Bold: better than every other method{beaten}; underlined: second best. Both only where the paired "
        "difference to all behind it is told from 0: bootstrap and sign-flip test over actors with all their "
        f"clips, at least {FEWEST_ACTORS} actors, Holm's correction over the table. {DAGGER}: the "
        f"difference to "
        f"the best{best} is not told from 0. Values over a whole set have no clips, hence no marks. Where "
        "nothing is bold, nothing is proven best."
    )
