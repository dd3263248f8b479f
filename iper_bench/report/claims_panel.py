"""The panel of the paper's findings: a verdict each, with the evidence behind it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from iper_bench.report.claims import GROUPS, load_claims
from iper_bench.report.claims_text import (
    COLUMNS,
    INTRODUCTION,
    NUMBERS,
    cells,
    markdown,
    place_of,
    summary,
)
from iper_bench.report.claims_verdict import NOT_RUN, VERDICTS, Finding, Judged, judge
from iper_bench.report.panel import Panel, ReportContext

ANCHOR = "claims"
TITLE = "The paper's findings"
STYLE = """
.verdict { white-space: nowrap; font-weight: 600; }
.verdict-reproduced { color: var(--good, var(--ink)); }
.verdict-contradicted { color: var(--bad, var(--ink)); }
.verdict-underpowered, .verdict-not-run { color: var(--soft); }
.claim { border-top: 1px solid var(--rule); padding: 0.6em 0; }
.claim > p { margin: 0.2em 0; }
.claim .facts td, .claim .facts th { overflow-wrap: normal; min-width: 4rem; }
.claim .facts td.verdict { white-space: nowrap; }
"""


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` where no finding of the paper was run."""
    judged = judge(load_claims(), context.evidence)
    if all(one.bench is None for one in judged):
        return None
    html = "\n".join(
        (
            f"<p>{escape(INTRODUCTION)}</p>",
            f"<p><strong>{escape(summary(judged))}.</strong></p>",
            _legend(),
            *(
                _group(title, [one for one in judged if one.claim.group == key])
                for key, title in GROUPS.items()
            ),
        )
    )
    return Panel(ANCHOR, TITLE, html, markdown(judged), style=STYLE)


def _legend() -> str:
    lines = "".join(
        f'<dt class="{_class(word)}">{escape(word)}</dt><dd>{escape(means)}</dd>'
        for word, means in VERDICTS.items()
    )
    return f"<details><summary>What the verdicts mean</summary><dl>{lines}</dl></details>"


def _class(verdict: str) -> str:
    return f"verdict verdict-{verdict.replace(' ', '-')}"


def _group(title: str, judged: Sequence[Judged]) -> str:
    run = [one for one in judged if one.bench is not None]
    absent = [one for one in judged if one.bench is None]
    parts = [f"<h3>{escape(title)}</h3>", *map(_claim, run)]
    if absent:
        items = "".join(
            f"<li>{escape(one.claim.sentence)} ({escape(one.claim.where)}): {escape(one.why)}. "
            f"<code>{escape(one.claim.command)}</code></li>"
            for one in absent
        )
        parts.append(f"<details><summary>{len(absent)} not run</summary><ul>{items}</ul></details>")
    return "\n".join(parts)


def _claim(one: Judged) -> str:
    command = f"<p>To run it: <code>{escape(one.claim.command)}</code></p>" if one.verdict == NOT_RUN else ""
    note = f'<p class="remark">{escape(one.claim.note)}</p>' if one.claim.note else ""
    heads = "".join(
        f'<th scope="col" data-sort="{"number" if place in NUMBERS else "text"}">{escape(head)}</th>'
        for place, head in enumerate(COLUMNS)
    )
    rows = "\n".join(_row(finding, one.claim.kind) for finding in one.findings)
    return (
        f'<div class="claim"><p><span class="{_class(one.verdict)}">{escape(one.verdict)}</span> '
        f"{escape(one.claim.sentence)} ({escape(one.claim.where)})</p>\n"
        f"<p>{escape(place_of(one))}: {escape(one.note)}. {escape(one.why)}.</p>{note}{command}\n"
        "<details><summary>evidence</summary>"
        '<div class="scroll" tabindex="0"><table class="facts" data-sortable>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div></details></div>"
    )


def _row(finding: Finding, kind: str) -> str:
    effect = finding.effect
    seen = (effect.mean, effect.low, finding.p, finding.relevant) if effect else (None,) * 4
    numbers = (*seen, finding.detectable, finding.printed)
    texts = cells(finding, kind)
    passport = finding.found.first.definition if finding.found.first else ""
    held = f' data-passport="{escape(passport)}"' if passport else ""
    middle = "".join(
        _number(value, text, held if place == 0 else "")
        for place, (value, text) in enumerate(zip(numbers, texts[3:9], strict=True))
    )
    return (
        f'<tr><th scope="row">{escape(texts[0])}</th><td>{escape(texts[1])}</td>'
        f'<td class="{_class(finding.verdict)}">{escape(finding.verdict)}</td>{middle}'
        f"<td>{escape(texts[9])}</td></tr>"
    )


def _number(value: float | None, text: str, attributes: str) -> str:
    held = "" if value is None else repr(float(value))
    return f'<td data-value="{held}"{attributes}>{escape(text)}</td>'
