"""Films of all methods side by side, played together: per setting the first trials by name, never by looks.

The behaviour (one bar for all films of a player, to the frame) is in ``templates/report.js``; without
JavaScript every film has the controls of the browser.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape

from iper_bench.report import plan_reading
from iper_bench.report.evidence import WHOLE_SET
from iper_bench.report.film_sheet import RATE, SIDE, FilmSheet
from iper_bench.report.frame_index import (
    DRIVER,
    NO_TRUTH,
    NOT_RUN,
    TRUTH,
    FrameIndex,
    Missing,
    Picture,
    player_anchor,
)
from iper_bench.report.panel import Panel, ReportContext
from iper_bench.report.thumbnails import Thumbnails
from iper_bench.store.row import Row

ANCHOR = "players"
TITLE = "Films side by side"
POSTER = 192  # CSS pixels of a film before it plays
NOTE = (
    f"Films are made for looking: VP9, at most {SIDE} pixels a side, {RATE:g} frames a second, lossy. Every "
    "number of this report was measured on the frames themselves."
)

Place = tuple[str, str, str, str]  # dataset, protocol, task, setting


@dataclass(frozen=True)
class Take:
    """One unit whose film can be shown."""

    run: int
    unit: str
    method: str
    sn: int
    steps: int
    seed: int


@dataclass
class Scene:
    """A trial and its takes by method.

    Attributes
    ----------
    run: place of the run whose real frames are shown. trial: name. setting: self or cross.
    takes: method -> its unit with the largest T at this sn.
    """

    run: int
    trial: str
    setting: str
    takes: dict[str, Take] = field(default_factory=dict)


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` when films are not wanted or no run kept a predicted frame of the chosen trials."""
    if not context.options.films or context.options.clips < 1:
        return None
    index = FrameIndex(context.runs)
    sheet, stills = FilmSheet(index), Thumbnails(index)
    parts: list[str] = []
    for place, (sn, scenes) in scenes_of(context).items():
        players = [
            _player(player_anchor(*place[:3], scene.trial), scene, sn, sheet, stills)
            for scene in scenes[: context.options.clips]
        ]
        players = [one for one in players if one]
        if players:
            left = len(scenes) - len(players)
            parts += [f'<h3 class="bench-title">{escape(_heading(place, sn))}</h3>', *players, _more(left)]
    if not parts:
        return None
    html = "\n".join([f"<p>{escape(NOTE)}</p>", *(part for part in parts if part)])
    return Panel(ANCHOR, TITLE, html, "", (*sheet.assets, *stills.assets()))


def scenes_of(context: ReportContext) -> dict[Place, tuple[int, list[Scene]]]:
    """(dataset, protocol, task, setting), self first -> its largest sn and the trials of it, by name.

    References made from the truth or from other people are left out: they are no methods.
    """
    takes: dict[Place, dict[int, dict[str, Scene]]] = {}
    for number, path in enumerate(context.runs):
        kinds = _references(context, number)
        for row in first_rows(context.rows[path]):
            if kinds.get(row.method, "sources") != "sources":
                continue
            place = (row.dataset, row.protocol, row.task, row.setting)
            scenes = takes.setdefault(place, {}).setdefault(row.sn, {})
            scene = scenes.setdefault(row.trial, Scene(number, row.trial, row.setting))
            take = Take(number, row.unit, row.method, row.sn, row.steps, row.seed)
            held = scene.takes.get(row.method)
            if held is None or (take.steps, -take.seed) > (held.steps, -held.seed):
                scene.takes[row.method] = take
    ordered = sorted(takes, key=lambda place: (*place[:3], place[3] != "self", place[3]))
    return {
        place: (sn := max(takes[place]), [takes[place][sn][name] for name in sorted(takes[place][sn])])
        for place in ordered
    }


def first_rows(rows: Iterable[Row]) -> list[Row]:
    """One row of every unit, in the order of the rows."""
    seen: dict[str, Row] = {}
    for row in rows:
        if row.trial != WHOLE_SET:
            seen.setdefault(row.unit, row)
    return list(seen.values())


def _references(context: ReportContext, number: int) -> Mapping[str, str]:
    folder = context.runs[number]
    facts = next((one for one in context.evidence.runs if one.folder == folder), None)
    return plan_reading.references(facts.plan) if facts else {}


def _heading(place: Place, sn: int) -> str:
    dataset, protocol, task, setting = place
    words = [dataset, protocol, *([] if task == "motion_imitation" else [task.replace("_", " ")]), setting]
    return f"{', '.join(words)}, sn = {sn}"


def _more(count: int) -> str:
    if count < 1:
        return ""
    trials = "trial has" if count == 1 else "trials have"
    return f'<p class="remark">{count} more {trials} no player here: --clips N shows the first N by name.</p>'


def _player(anchor: str, scene: Scene, sn: int, sheet: FilmSheet, stills: Thumbnails) -> str:
    """Markup of one trial; empty when no method's frames were kept."""
    films = {name: sheet.predicted(take.run, take.unit) for name, take in sorted(scene.takes.items())}
    if all(isinstance(film, Missing) for film in films.values()):
        return ""
    index = sheet.index
    cells = [_still(scene, sn, stills), *_real(scene, sheet, stills)]
    for name, film in films.items():
        take = scene.takes[name]
        first = index.prediction(take.run, take.unit, 0)
        cells.append(_cell(name, film, first, stills, f"T = {take.steps}"))
    return (
        f'<article id="{anchor}">\n<h4>{escape(scene.trial)}</h4>\n'
        f'<div class="player" data-fps="{RATE:g}">\n{"".join(cells)}</div>\n</article>'
    )


def _real(scene: Scene, sheet: FilmSheet, stills: Thumbnails) -> list[str]:
    """Driver and truth, in one where the run keeps one film for both."""
    index = sheet.index
    first = index.driver(scene.run, scene.trial, 0), index.truth(scene.run, scene.trial, 0)
    driver = sheet.kept(scene.run, scene.trial, DRIVER)
    if isinstance(first[1], Missing) and first[1].reason == NO_TRUTH:
        return [_cell("driver", driver, first[0], stills), _cell("truth", first[1], first[1], stills)]
    truth = sheet.kept(scene.run, scene.trial, TRUTH)
    if driver == truth and not isinstance(driver, Missing):
        return [_cell("driver and truth", driver, first[1], stills)]
    return [_cell("driver", driver, first[0], stills), _cell("truth", truth, first[1], stills)]


def _still(scene: Scene, sn: int, stills: Thumbnails) -> str:
    sources = stills.index.sources(scene.run, scene.trial, sn)
    words = "source" if sn == 1 else f"first of {sn} sources"
    return _figure(_picture(words, sources[0] if sources else Missing(NOT_RUN), stills), words)


def _cell(
    label: str, film: str | Missing, first: Picture | Missing, stills: Thumbnails, more: str = ""
) -> str:
    """A film with its first frame until it plays; without the film that frame alone; without both the
    reason.
    """
    caption = f"{label}, {more}" if more else label
    if isinstance(film, Missing):
        if isinstance(first, Picture):
            caption += f", frame {first.number} only ({film.reason})"
        return _figure(_picture(label, first if isinstance(first, Picture) else film, stills), caption)
    still = ""
    if isinstance(first, Picture):
        width, height = stills.size(first, POSTER)
        still = f' poster="{stills.name(first)}" width="{width}" height="{height}"'
    video = (
        f'<video controls muted loop playsinline preload="none"{still} src="{film}" '
        f'aria-label="{escape(label)}"></video>'
    )
    return _figure(video, caption)


def _picture(label: str, shown: Picture | Missing, stills: Thumbnails) -> str:
    if isinstance(shown, Missing):
        words = escape(f"{label}: {shown.reason}")
        return f'<div class="absent" role="img" aria-label="{words}">{escape(shown.reason)}</div>'
    width, height = stills.size(shown, POSTER)
    source = f'src="{stills.name(shown)}" alt="{escape(label)}"'
    return f'<img loading="lazy" width="{width}" height="{height}" {source}>'


def _figure(content: str, caption: str) -> str:
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>\n"
