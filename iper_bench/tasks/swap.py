"""Appearance transfer: a person with the head or the clothes of others (section 3.4 of arXiv 2011.09055)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError, unknown_name
from iper_bench.flow.transfer import PART_GROUPS
from iper_bench.methods.appearance_subject import several_people
from iper_bench.tasks.engine import Engine, Job, Scene, method_facts
from iper_bench.tasks.imitate import TargetSpec, load_driver
from iper_bench.tasks.kept import SUFFIX, KeptReel, refuse_kept
from iper_bench.tasks.motion import Motion, MotionOptions
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.person import Person, PersonSpec, Setting, load_person


@dataclass(frozen=True)
class Gift:
    """What one of the others gives.

    Attributes
    ----------
    person: who. parts: names of part groups, keys of :data:`iper_bench.flow.transfer.PART_GROUPS`.
    """

    person: PersonSpec
    parts: tuple[str, ...]


@dataclass(frozen=True)
class SwapRequest:
    """One command.

    Attributes
    ----------
    person: the primary: he gives shape, camera, background, and every part that nobody else gives.
    gifts: of the others.
    target: motion; ``None`` = the primary's own pose in his first source.
    selected_flows: whether the flows into a person's sources show the parts that he gives alone.
    """

    person: PersonSpec
    gifts: Sequence[Gift]
    job: Job
    target: TargetSpec | None = None
    options: MotionOptions = field(default_factory=MotionOptions)
    setting: Setting = field(default_factory=Setting)
    selected_flows: bool = False


def require_parts(parts: Sequence[str], where: str) -> None:
    """Raise UserError for none, or an unknown part group."""
    for part in parts:
        if part not in PART_GROUPS:
            raise unknown_name("part", part, PART_GROUPS, where=where)
    if not parts:
        raise UserError("no part", where=where, expected=f"some of {', '.join(PART_GROUPS)}")


def swap(request: SwapRequest) -> Path:
    """Draw the primary with the parts of the others and return the path of the result.

    Raises
    ------
    UserError and Interrupted as :func:`iper_bench.tasks.imitate.imitate`; UserError for a method that cannot
    take people apart.
    """
    for gift in request.gifts:
        require_parts(gift.parts, "--take")
    if not request.gifts:
        raise UserError("nobody to take from", where="--take", expected="--take PARTS=SOURCE at least once")
    engine = Engine(request.job)
    choice, method = engine.open_method()
    taking_apart = several_people(method, choice.method)
    people = _people(request, engine.notes)
    primary = people[0]
    motion, driver, facts = _motion(request, primary, engine.notes)
    parts = [(), *(gift.parts for gift in request.gifts)]
    scene = Scene(people, motion, None if driver is None else driver.reel, parts)
    engine.check(scene)
    steps, seed = engine.steps(method), request.job.seed
    out = engine.deliver(
        scene,
        steps,
        lambda: taking_apart.appearance(
            [person.sources for person in people],
            parts,
            steps=steps,
            seed=seed,
            selected_flows=request.selected_flows,
        ),
        {
            "task": "swap",
            "method": method_facts(choice, method, steps, seed),
            "parts": [list(given) for given in parts],
            "selected_flows": request.selected_flows,
            "motion": facts,
        },
    )
    names = ["source", *(f"take{number}" for number in range(1, len(people)))]
    found = {name: person.found for name, person in zip(names, people, strict=True)}
    engine.save_found({**found, "target": None if driver is None else driver.found})
    return out


def _people(request: SwapRequest, notes: Notes) -> list[Person]:
    """The primary and the others, all at his frame size and on his body."""
    primary = load_person(request.person, request.setting, notes)
    refuse_kept(primary.reel)
    same = replace(request.setting, size=primary.size, body=primary.sources.body)
    gifts = [gift.person for gift in request.gifts]
    for gift in gifts:
        if gift.reel.text is not None and gift.reel.text.endswith(SUFFIX):
            refuse_kept(KeptReel(Path(gift.reel.text)))
    return [primary, *(load_person(gift, same, notes) for gift in gifts)]


def _motion(request: SwapRequest, primary: Person, notes: Notes) -> tuple[Motion, Any, dict[str, Any]]:
    if request.target is None:
        track = primary.sources.track.take([0])
        return Motion(track, (0,)), None, {"target": "own pose"}
    driver = load_driver(request.target, request.setting, primary.sources.body, notes)
    facts = {**driver.to_json(), **request.options.to_json(len(driver.frames))}
    return driver.onto(primary, request.options, primary.sources.body), driver, facts
