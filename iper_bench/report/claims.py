"""The paper's findings as data (``results/claims.yaml``): ``Claim``, read and checked, with what the paper
prints.

No verdict stands there; ``claims_verdict.py`` computes it from runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from iper_bench.errors import UserError, unknown_name
from iper_bench.report import paper
from iper_bench.report.claims_fields import Fields

FILE = "results/claims.yaml"
BETTER, NOT_BETTER, EQUIVALENT = "better", "not_better", "equivalent"
KINDS = (BETTER, NOT_BETTER, EQUIVALENT)
DEFAULT_METHOD = "AttLWB"  # whom a claim without a method is about
GROUPS: Mapping[str, str] = {
    "attention": "Attention against adding",
    "baselines": "Our two methods against those of others",
    "personalization": "Personalization",
    "sources": "Numbers of sources and steps",
    "losses": "Loss functions",
    "strategies": "Ways to bring sources to the target",
}


@dataclass(frozen=True)
class Condition:
    """One side of a comparison.

    Attributes
    ----------
    method: the paper's name. ours: our name of it, where it is not the one that the name stands for.
    sn: number of sources; ``None`` = the largest that both sides have.
    steps: T. least: any T from here on, the largest that both sides have. Neither: each side's own largest.
    row: the paper's word for the row, where its table tells rows by more than the method.
    """

    method: str
    ours: str
    sn: int | None = None
    steps: int | None = None
    least: int | None = None
    row: str = ""

    @property
    def title(self) -> str:
        """Readable name."""
        parts = [f"sn={self.sn}" if self.sn is not None else "", self.row]
        parts.append(f"T={self.steps}" if self.steps is not None else "")
        return " ".join([self.method, *(part for part in parts if part)])


@dataclass(frozen=True)
class Place:
    """A metric in a setting. ``sign``: 1 where the paper prints the first side as the better one, -1 where
    the second.
    """

    setting: str
    metric: str
    sign: int


@dataclass(frozen=True)
class Margin:
    """The least difference that counts, in the metric's unit, and why."""

    most: float
    reason: str


@dataclass(frozen=True)
class Claim:
    """One finding.

    Attributes
    ----------
    id: unique. group: key of :data:`GROUPS`. sentence: the finding in our own words.
    where: table or figure of the paper. file: stem of its CSV. dataset: as the CSV names it, empty for any.
    task, datasets: what it was found on; our names.
    kind: ``better``: the first of a pair is; ``not_better``: it is not, by as much as counts; ``equivalent``:
        neither is.
    pairs: the two sides of every comparison. places: metrics that the finding is about. tied: settings and
        metrics that the paper prints as equal, about which nothing is claimed.
    margins: metric -> least difference that counts. fixed: whether they stand for themselves and are not
        halved to what the paper prints (``relevant``).
    command: what to type to run it. note: what a reader must know.
    """

    id: str
    group: str
    sentence: str
    where: str
    file: str
    dataset: str
    task: str
    datasets: tuple[str, ...]
    kind: str
    pairs: tuple[tuple[Condition, Condition], ...]
    places: tuple[Place, ...]
    tied: tuple[tuple[str, str], ...]
    margins: Mapping[str, Margin]
    fixed: bool
    command: str
    note: str = ""

    def printed(self, pair: tuple[Condition, Condition], place: Place) -> float | None:
        """First minus second of the paper, in the metric's unit; ``None`` where it does not print both."""
        values = [self._quoted(condition, place) for condition in pair]
        return None if None in values else float(values[0]) - float(values[1])  # type: ignore[arg-type]

    def _quoted(self, condition: Condition, place: Place) -> float | None:
        found = [
            quote
            for quote in paper.quotes(self.file)
            if (quote.method, quote.metric) == (condition.method, place.metric)
            and (not self.dataset or quote.dataset == self.dataset)
            and condition.row in ("", quote.setting.rpartition(",")[2].removeprefix("loss="))
            and ("sn" not in quote.extra or _same(quote.extra["sn"], condition.sn))
            and ("T" not in quote.extra or _same(quote.extra["T"], condition.steps))
        ]
        if len({quote.setting for quote in found}) > 1:
            found = [quote for quote in found if quote.trial_setting == place.setting]
        return found[0].value if len(found) == 1 else None

    def relevant(self, pair: tuple[Condition, Condition], place: Place) -> float:
        """The least difference that counts: the margin of the metric, or half of what the paper prints where
        that is less.
        """
        margin, printed = self.margins[place.metric].most, self.printed(pair, place)
        return margin if self.fixed or not printed else min(margin, abs(printed) / 2)


def _same(text: str, number: int | None) -> bool:
    return number is not None and text == str(number)


@dataclass(frozen=True)
class Claims:
    """All findings, and our names of the paper's methods: ``names`` of the ways to bring sources to the
    target and of the baselines, whose cards say which rows of the paper are theirs.
    """

    names: Mapping[str, str]
    claims: tuple[Claim, ...] = field(default=())

    def select(self, ids: tuple[str, ...]) -> Claims:
        """The claims of those ids, all for none. Raises UserError with the nearest id for an unknown one."""
        known = [claim.id for claim in self.claims]
        for one in ids:
            if one not in known:
                raise unknown_name("claim", one, known, where="--only")
        return Claims(self.names, tuple(claim for claim in self.claims if not ids or claim.id in ids))


@cache
def load_claims() -> Claims:
    """The findings that come with the package. Raises UserError as :func:`read_claims`."""
    text = files("iper_bench.results").joinpath("claims.yaml").read_text(encoding="utf-8")
    return read_claims(text, FILE, published_names())


@cache
def published_names() -> dict[str, str]:
    """The paper's name of a baseline -> ours, from the ``published`` rows of ``baselines/*/card.yaml``."""
    names: dict[str, str] = {}
    for folder in sorted(files("iper_bench.baselines").iterdir(), key=lambda one: one.name):
        card = folder.joinpath("card.yaml")
        if card.is_file():
            held = yaml.safe_load(card.read_text(encoding="utf-8"))
            names |= {row["method"]: held["name"] for row in held.get("published") or []}
    return names


def read_claims(text: str, where: str, published: Mapping[str, str]) -> Claims:
    """Findings from YAML.

    ``published``: names of baselines, beside those that the file itself lists. Raises UserError naming
    ``where``, the claim and the field for what is missing, unknown or of another form.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(
            f"cannot read it ({' '.join(str(error).split())})", where=where, expected="a YAML file"
        ) from error
    top = Fields.of(document, where)
    top.only("format", "methods", "margins", "claims")
    if top.get("format", int) != 1:
        raise UserError(f"format {top.get('format', int)}", where=where, expected="format 1")
    names = {**published, **top.texts("methods")}
    margins = {}
    for metric, one in top.get("margins", dict).items():
        fields = Fields.of(one, f"{where}, margin of {metric}")
        margins[metric] = Margin(fields.number("most"), fields.get("reason", str))
    claims = tuple(_claim(one, where, names, margins) for one in top.get("claims", list))
    ids = [claim.id for claim in claims]
    repeated = next((one for one in ids if ids.count(one) > 1), None)
    if repeated is not None:
        raise UserError(f"claim '{repeated}' stands there twice", where=where, expected="each id once")
    return Claims(names, claims)


def _claim(one: Any, where: str, names: Mapping[str, str], margins: Mapping[str, Margin]) -> Claim:
    name = one.get("id", "without id") if isinstance(one, Mapping) else "without id"
    fields = Fields.of(one, f"{where}, claim {name}")
    fields.only(
        *("id", "group", "sentence", "paper", "task", "datasets", "kind", "sn", "pairs", "metrics"),
        *("opposite", "tied", "margin", "margin_reason", "command", "note"),
    )
    source = Fields.of(fields.get("paper", dict), fields.where)
    places = (*_places(fields, "metrics", 1), *_places(fields, "opposite", -1))
    own = {
        metric: Margin(float(most), fields.get("margin_reason", str))
        for metric, most in fields.get("margin", dict, {}).items()
    }
    held = {**margins, **own}
    for place in places:
        if place.metric not in held:
            raise unknown_name("metric", place.metric, held, where=f"{fields.where}: no margin for it")
    return Claim(
        id=fields.get("id", str),
        group=fields.choice("group", GROUPS),
        sentence=fields.get("sentence", str),
        where=source.get("where", str),
        file=source.get("file", str),
        dataset=source.get("dataset", str, ""),
        task=fields.get("task", str),
        datasets=tuple(fields.get("datasets", list)),
        kind=fields.choice("kind", KINDS),
        pairs=tuple(_pair(pair, fields, names) for pair in fields.get("pairs", list)),
        places=places,
        tied=tuple((place.setting, place.metric) for place in _places(fields, "tied", 1)),
        margins=held,
        fixed=bool(own),
        command=fields.get("command", str),
        note=fields.get("note", str, ""),
    )


def _places(fields: Fields, name: str, sign: int) -> tuple[Place, ...]:
    listed = fields.get(name, dict, {})
    return tuple(Place(setting, metric, sign) for setting, metrics in listed.items() for metric in metrics)


def _pair(pair: Any, claim: Fields, names: Mapping[str, str]) -> tuple[Condition, Condition]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise UserError("a pair of one side or many", where=claim.where, expected="pairs of two sides")
    first, second = (_condition(side, claim, names) for side in pair)
    return first, second


def _condition(side: Any, claim: Fields, names: Mapping[str, str]) -> Condition:
    fields = Fields.of(side, f"{claim.where}, pairs")
    fields.only("method", "ours", "sn", "T", "row")
    method = fields.get("method", str, DEFAULT_METHOD)
    ours = fields.get("ours", str, names.get(method, ""))
    if not ours:
        raise unknown_name("method", method, names, where=fields.where)
    steps = fields.get("T", (int, dict), None)
    least = Fields.of(steps, fields.where).get("least", int) if isinstance(steps, dict) else None
    return Condition(
        method,
        ours,
        sn=fields.get("sn", int, claim.get("sn", int, None)),
        steps=None if least is not None else steps,
        least=least,
        row=fields.get("row", str, ""),
    )


def all_pairs(claim: Claim) -> Iterator[tuple[tuple[Condition, Condition], Place]]:
    """Every comparison of a claim: a pair by a metric."""
    return ((pair, place) for pair in claim.pairs for place in claim.places)
