"""The generated part of ``docs/metrics.md``: every metric of every profile with its definition, and every
network.

``python -m iper_bench.metrics.definitions_table docs/metrics.md`` rewrites the part between the two markers;
a test keeps the file in step with the profiles.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from iper_bench.atomic import write_text
from iper_bench.errors import UserError
from iper_bench.metrics.backbones.identities import IDENTITIES
from iper_bench.metrics.definition import Kind
from iper_bench.metrics.kinds import KINDS
from iper_bench.metrics.metric import METRICS, SETTINGS, Metric
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.profiles.profile import Profile

BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


def markdown() -> str:
    """Tables of metrics, of their definitions per profile, of what the choices mean, and of the networks."""
    return "\n".join([*_metrics(), *_profiles(), *_choices(), *_networks()])


def inserted(document: str) -> str:
    """``document`` with the part between the markers replaced. Raises UserError without the markers."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError("the markers of the generated part are missing", expected=f"{BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{markdown()}\n{END}{after}"


def _metrics() -> Iterator[str]:
    yield "### Metrics\n"
    yield "| metric | better | range | identical images | needs | setting | file | what |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for metric in METRICS.values():
        identical = "-" if metric.identical is None else f"{metric.identical:g}"
        needs = ", ".join(sorted(metric.needs))
        yield (
            f"| {metric.name} | {metric.direction} | {_range(metric)} | {identical} | {needs} |"
            f" {', '.join(metric.settings)} | `{metric.module}.py` | {metric.summary} |"
        )
    yield ""


def _range(metric: Metric) -> str:
    low = "-inf" if metric.low is None else f"{metric.low:g}"
    high = "inf" if metric.high is None else f"{metric.high:g}"
    return f"{low} to {high}{' ' + metric.unit if metric.unit else ''}"


def _profiles() -> Iterator[str]:
    for name in PROFILES:
        profile = PROFILES.get(name)
        yield f"### Profile `{name}`\n"
        yield f"{profile.summary[0].upper()}{profile.summary[1:]}.\n"
        beside = "may stand" if profile.comparable else "may not stand"
        reason = f": {profile.why_not}" if profile.why_not else ""
        yield f"Its columns {beside} beside the paper's{reason}. An asterisk: measured on request only.\n"
        for kind in KINDS.values():
            rows = list(_rows(profile, kind))
            if rows:
                yield from _table(
                    f"{kind.name} {kind.version}", ("metric", "setting", *kind.fields, "source"), rows
                )


def _rows(profile: Profile, kind: Kind) -> Iterator[tuple[str, ...]]:
    """One row per metric; one per setting where the definitions of a metric differ."""
    held: dict[tuple[str, ...], list[str]] = {}
    for setting in SETTINGS:
        for one in profile.every(setting):
            if one.kind is not kind:
                continue
            choices = tuple(f"`{choice}`" for choice in one.choices.values())
            asked = "" if one in profile.metrics[setting] else "*"
            held.setdefault((one.metric, *choices, one.source), []).append(f"{setting}{asked}")
    for (metric, *rest), settings in held.items():
        yield metric, ", ".join(settings), *rest


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"**{title}**\n"
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _choices() -> Iterator[str]:
    """Every field with its choices, once for all kinds that share it."""
    yield "### Choices\n"
    yield "What every choice in the tables above means.\n"
    shared: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    for kind in KINDS.values():
        for name, words in kind.fields.items():
            shared.setdefault((name, tuple(words.items())), []).append(kind.name)
    rows = [
        (name if place == 0 else "", ", ".join(kinds) if place == 0 else "", f"`{choice}`", meaning)
        for (name, choices), kinds in shared.items()
        for place, (choice, meaning) in enumerate(choices)
    ]
    yield from _table("Fields", ("field", "of", "choice", "meaning"), rows)


def _networks() -> Iterator[str]:
    yield "### Networks\n"
    yield "| name | architecture | file | sha256 begins | licence | where to get it |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for identity in IDENTITIES:
        files = " or ".join(f"`{file}`" for file in identity.files)
        sha256 = f"`{identity.sha256[:12]}`" if identity.sha256 else "recorded as found"
        yield (
            f"| {identity.name} | {identity.architecture} | {files} | {sha256} | {identity.licence} |"
            f" {identity.source} |"
        )
    yield ""


def main(arguments: list[str]) -> int:
    """Rewrite the generated part of the file named in ``arguments``."""
    if len(arguments) != 1:
        raise UserError(
            "one file is needed", hint="python -m iper_bench.metrics.definitions_table docs/metrics.md"
        )
    path = Path(arguments[0])
    write_text(path, inserted(path.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
