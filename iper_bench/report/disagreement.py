"""The metric-disagreement browser: for two methods and two metrics, the frames on which one metric says the
first method is better and the other metric says the second is; ``contradictions.py`` says how it is measured.

What is embedded is bounded: the first :data:`MOST_METRICS` metrics, without variants (``X/how``, which agree
with ``X`` by construction) where there are two others, the first :data:`MOST_METHODS` methods, and pictures
of at most :data:`MOST_SHOWN` frames per setting, those that disagree most.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from iper_bench.report.contradictions import Answer, answers
from iper_bench.report.frame_index import FrameIndex, Missing, Shown, player_anchor
from iper_bench.report.frame_values import Cohort, Metric, Values, cohorts, shown_name
from iper_bench.report.panel import Panel, ReportContext
from iper_bench.report.thumbnails import STYLE as PICTURES
from iper_bench.report.thumbnails import Thumbnails, figure_html, hatched_html
from iper_bench.report.worst_frames import LINKS, minus, number_text

ANCHOR = "disagreement"
MOST_METRICS, MOST_METHODS, MOST_SHOWN = 6, 20, 2000
SIDE = 96
MARKDOWN_ROWS = 10

OWN_STYLE = """
.disagreement .choose { display: flex; flex-wrap: wrap; gap: 0.4rem 1rem; margin: 0.5rem 0; }
.disagreement .choose[hidden] { display: none; }
.disagreement select { font: inherit; max-width: 100%; }
.disagreement .cards { display: grid; gap: 0.6rem 1.4rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26.5rem), 1fr)); }
.disagreement .card { min-width: 0; border-top: 1px solid var(--rule); padding-top: 0.3rem; }
.disagreement .card p { margin: 0; font-size: 0.78rem; line-height: 1.45; color: var(--soft);
  overflow-wrap: anywhere; }
.disagreement .card b { color: var(--ink); font-weight: 650; }
.disagreement .scroll { margin-top: 1rem; }
.disagreement tr.chosen th, .disagreement tr.chosen td { background: var(--band); }
"""


@dataclass(frozen=True)
class Board:
    """A cohort with the metrics of its browser, their directions and (metrics, methods, frames) values."""

    cohort: Cohort
    metrics: tuple[Metric, ...]
    higher: tuple[bool, ...]
    values: Values
    answers: tuple[Answer, ...]


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` when no setting has two methods and two metrics with values on the same frames."""
    thumbnails = Thumbnails(FrameIndex(context.runs))
    boards = [
        board
        for cohort in cohorts(context)
        if (board := board_of(cohort, context.evidence.higher_is_better, context.options.worst)) is not None
    ]
    if not boards:
        return None
    intro = (
        '<p class="remark">Frames on which one metric prefers one method and another metric the other. The '
        "disagreement of a frame is the smaller of the two standardised differences: the rank of the "
        "difference among all frames, as a share 0 to 1. Rank correlation and share are over all frames "
        f"that have all four values. At most {MOST_METRICS} metrics, variants left out, "
        f"{MOST_METHODS} methods and {MOST_SHOWN} frames with pictures per setting, those that disagree "
        "most.</p>"
    )
    return Panel(
        ANCHOR,
        "Where metrics disagree",
        intro + "".join(_part(board, thumbnails) for board in boards),
        "\n\n".join(_markdown(board) for board in boards),
        thumbnails.assets(),
        resources.files("iper_bench.report").joinpath("templates/disagreement.js").read_text("utf-8"),
        PICTURES + LINKS + OWN_STYLE,
    )


def board_of(cohort: Cohort, directions: Mapping[str, bool], count: int) -> Board | None:
    """The board of a cohort; ``None`` when there is nothing to compare. ``count``: frames per question."""
    known = [metric for metric in cohort.metrics if metric[1] in directions]
    plain = [metric for metric in known if "/" not in metric[1]]
    metrics = (plain if len(plain) > 1 else known)[:MOST_METRICS]
    kept = replace(cohort, methods=cohort.methods[:MOST_METHODS])
    higher = tuple(directions[metric[1]] for metric in metrics)
    if len(metrics) < 2 or len(kept.methods) < 2:
        return None
    values = np.stack([kept.values(metric) for metric in metrics])
    questions = math.comb(len(metrics), 2) * math.comb(len(kept.methods), 2)
    count = min(count, MOST_SHOWN // questions + 1)
    found = bounded(list(answers(kept, values, higher, count=count)), MOST_SHOWN)
    return Board(kept, tuple(metrics), higher, values, tuple(found)) if found else None


def bounded(found: Sequence[Answer], most: int) -> list[Answer]:
    """The same answers with at most ``most`` frames in all: one more frame to every question as long as there
    is room, and where there is room for one only in part, to those that disagree most.
    """
    wanted = sorted(
        (place, -answer.strengths[place], number)
        for number, answer in enumerate(found)
        for place in range(len(answer.columns))
    )
    kept = [0] * len(found)
    for _, _, number in wanted[:most]:
        kept[number] += 1
    return [
        replace(answer, columns=answer.columns[:count], strengths=answer.strengths[:count])
        for answer, count in zip(found, kept, strict=True)
    ]


def data_of(board: Board, thumbnails: Thumbnails) -> dict[str, Any]:
    """What the page's script shows, as plain JSON values; numbers of frames as text, so that infinite ones
    survive.
    """
    gallery = _Gallery(board, thumbnails)
    listed = []
    for answer in board.answers:
        entries = [
            gallery.entry(answer, column, strength)
            for column, strength in zip(answer.columns, answer.strengths, strict=True)
        ]
        q = answer.question
        correlation = None if answer.correlation is None else round(answer.correlation, 3)
        listed.append(
            [q.a, q.b, q.first, q.second, answer.frames, correlation, round(answer.opposed, 4), entries]
        )
    names = _names(board)
    return {
        "side": SIDE,
        "methods": list(board.cohort.methods),
        "metrics": [
            {"name": name, "higher": up, "definition": _definition(board.cohort, metric)}
            for name, up, metric in zip(names, board.higher, board.metrics, strict=True)
        ],
        "answers": listed,
        "frames": gallery.frames,
        "pictures": gallery.pictures,
    }


class _Gallery:
    """Frames and pictures that are mentioned, each once."""

    def __init__(self, board: Board, thumbnails: Thumbnails) -> None:
        self.board, self.thumbnails = board, thumbnails
        self.frames: list[dict[str, Any]] = []
        self.pictures: list[Any] = []
        self._frames: dict[int, int] = {}
        self._pictures: dict[Shown, int] = {}

    def entry(self, answer: Answer, column: int, strength: float) -> list[Any]:
        """Place of the frame, values of A and B by the first and by the second metric, the disagreement."""
        question, values = answer.question, self.board.values
        place = self._frame(column, (question.a, question.b))
        numbers = [
            f"{values[metric, method, column]:.4g}"
            for metric in (question.first, question.second)
            for method in (question.a, question.b)
        ]
        return [place, *numbers, round(strength, 2)]

    def _frame(self, column: int, methods: tuple[int, int]) -> int:
        cohort, index = self.board.cohort, self.thumbnails.index
        trial, number = cohort.place(column)
        units = {method: cohort.units[cohort.methods[method], trial] for method in methods}
        if column not in self._frames:
            self._frames[column] = len(self.frames)
            beside = index.beside(units[methods[0]].run, trial, cohort.sn, number)
            self.frames.append(
                {
                    "trial": trial,
                    "number": number,
                    "player": player_anchor(cohort.dataset, cohort.protocol, cohort.task, trial),
                    "beside": [[label, self._picture(shown)] for label, shown in beside.items()],
                    "predictions": {},
                }
            )
        shown = self.frames[self._frames[column]]["predictions"]
        for method, unit in units.items():
            if str(method) not in shown:
                shown[str(method)] = self._picture(index.prediction(unit.run, unit.unit, number))
        return self._frames[column]

    def _picture(self, shown: Shown) -> int:
        if shown not in self._pictures:
            self._pictures[shown] = len(self.pictures)
            self.pictures.append(self._described(shown))
        return self._pictures[shown]

    def _described(self, shown: Shown) -> Any:
        if isinstance(shown, Missing):
            return shown.reason
        named = self.thumbnails.name(shown)
        return [named, *self.thumbnails.size(shown, SIDE), int(self.thumbnails.small(shown, SIDE))]


def _part(board: Board, thumbnails: Thumbnails) -> str:
    data = data_of(board, thumbnails)
    first = next((answer for answer in data["answers"] if answer[7]), data["answers"][0])
    a, b, one, other = first[:4]
    selects = "".join(
        _select(label, names, chosen)
        for label, names, chosen in (
            ("Method A", data["methods"], a),
            ("Method B", data["methods"], b),
            ("One metric", [m["name"] for m in data["metrics"]], one),
            ("Other metric", [m["name"] for m in data["metrics"]], other),
        )
    )
    rows = "".join(_row(answer, data, answer is first) for answer in data["answers"] if answer[:2] == [a, b])
    cards = "".join(_card(entry, first, data) for entry in first[7])
    embedded = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for mark, code in (("<", "\\u003c"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        embedded = embedded.replace(mark, code)
    said = "" if first[7] else "The two metrics agree on every frame."
    return (
        f'<div class="disagreement"><h3>{escape(board.cohort.title)}</h3>'
        f'<div class="choose" hidden>{selects}</div>'
        f'<p class="remark said">{said}</p><div class="cards">{cards}</div>'
        '<div class="scroll"><table data-sortable><thead><tr><th data-sort="text">metrics</th>'
        '<th data-sort="number">frames</th><th data-sort="number">rank correlation</th>'
        f'<th data-sort="number">frames that disagree</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f'<script type="application/json">{embedded}</script></div>'
    )


def _select(label: str, names: Sequence[str], chosen: int) -> str:
    options = "".join(
        f'<option value="{place}"{" selected" if place == chosen else ""}>{escape(name)}</option>'
        for place, name in enumerate(names)
    )
    return f"<label>{label} <select>{options}</select></label>"


def _row(answer: Sequence[Any], data: Mapping[str, Any], chosen: bool) -> str:
    names = escape(f"{data['metrics'][answer[2]]['name']}, {data['metrics'][answer[3]]['name']}")
    frames, correlation, share = answer[4:7]
    related = "<td>–</td>"
    if correlation is not None:
        related = f'<td data-value="{correlation}">{minus(f"{correlation:.2f}")}</td>'
    return (
        f'<tr{" class=chosen" if chosen else ""}><th>{names}</th><td data-value="{frames}">{frames}</td>'
        f'{related}<td data-value="{share}">{100 * share:.1f} %</td></tr>'
    )


def _card(entry: Sequence[Any], answer: Sequence[Any], data: Mapping[str, Any]) -> str:
    frame, methods = data["frames"][entry[0]], [data["methods"][place] for place in answer[:2]]
    words = f"{frame['trial']}, frame {frame['number']}"
    labelled = [*frame["beside"]]
    labelled += [[data["methods"][place], frame["predictions"][str(place)]] for place in answer[:2]]
    pictures = "".join(
        figure_html(_picture_html(data["pictures"][place], f"{label} of {words}"), label)
        for label, place in labelled
    )
    lines = [
        _verdict(data["metrics"][answer[2]], entry[1:3], methods),
        _verdict(data["metrics"][answer[3]], entry[3:5], methods),
        f"{escape(words)}, disagreement {entry[5]} "
        f'<a class="to-player" href="#{frame["player"]}" hidden>play</a>',
    ]
    return f'<div class="card"><div class="shots">{pictures}</div><p>{"<br>".join(lines)}</p></div>'


def _verdict(metric: Mapping[str, Any], values: Sequence[str], methods: Sequence[str]) -> str:
    better = (float(values[0]) > float(values[1])) == metric["higher"]
    arrow = "↑" if metric["higher"] else "↓"
    name = escape(f"{metric['name']} {arrow} prefers {methods[0 if better else 1]}")
    numbers = " and ".join(number_text(float(value)) for value in values)
    return f'<b>{name}</b> <span data-passport="{escape(metric["definition"])}">{numbers}</span>'


def _picture_html(picture: Any, words: str) -> str:
    if isinstance(picture, str):
        return hatched_html(picture, words, SIDE)
    name, width, height, small = picture
    return (
        f'<img class="shot{" small" if small else ""}" loading="lazy" width="{width}" height="{height}" '
        f'src="{name}" alt="{escape(words)}">'
    )


def _names(board: Board) -> list[str]:
    profiles = len({profile for profile, _ in board.metrics})
    return [shown_name(metric, profiles) for metric in board.metrics]


def _definition(cohort: Cohort, metric: Metric) -> str:
    rows = (unit.rows[metric] for unit in cohort.units.values() if metric in unit.rows)
    return next((row.definition for row in rows), "")


def _markdown(board: Board) -> str:
    """The questions with the largest share of disagreeing frames."""
    names, methods = _names(board), board.cohort.methods
    lines = [f"**{_cell(board.cohort.title)}**, where metrics disagree most often", ""]
    lines += ["| methods | metrics | frames | rank correlation | disagree |", "|---|---|---:|---:|---:|"]
    for answer in sorted(board.answers, key=lambda one: -one.opposed)[:MARKDOWN_ROWS]:
        q = answer.question
        related = "–" if answer.correlation is None else minus(f"{answer.correlation:.2f}")
        cells = [
            f"{methods[q.a]}, {methods[q.b]}",
            f"{names[q.first]}, {names[q.second]}",
            str(answer.frames),
        ]
        lines.append(f"| {' | '.join(map(_cell, [*cells, related, f'{100 * answer.opposed:.1f} %']))} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return escape(text, quote=False).replace("|", "\\|").replace("\n", " ")
