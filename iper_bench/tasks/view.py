"""Novel view synthesis: a person seen from where no camera stood (section 3.4 of arXiv 2011.09055)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from iper_bench.body import load_body
from iper_bench.tasks.engine import Engine, Job, Scene, method_facts
from iper_bench.tasks.imitate import TargetSpec, load_driver
from iper_bench.tasks.kept import steps_taken
from iper_bench.tasks.motion import MotionOptions, ViewOptions, look_around
from iper_bench.tasks.person import PersonSpec, Setting, load_person

DEFAULT_VIEWS = 60  # a turn in 2.4 s at 25 fps; the released viewer draws 180


@dataclass(frozen=True)
class ViewRequest:
    """One command.

    Attributes
    ----------
    person: who is seen. view: from where.
    stops: bullet time in the person's own video, (frame, views) each, instead of a still person.
    """

    person: PersonSpec
    job: Job
    view: ViewOptions = field(default_factory=lambda: ViewOptions(DEFAULT_VIEWS))
    stops: tuple[tuple[int, int], ...] = ()
    setting: Setting = field(default_factory=Setting)


def view(request: ViewRequest) -> Path:
    """Draw the person from all around, or his own video with stops, and return the path of the result.

    Raises
    ------
    UserError and Interrupted as :func:`iper_bench.tasks.imitate.imitate`.
    """
    engine = Engine(request.job)
    choice, method = engine.open_method()
    person = engine.used(method, load_person(request.person, request.setting, engine.notes))
    name = person.sources.body
    facts: dict[str, Any]
    found = None
    if request.stops:
        # The person's own motion under his own cameras: nothing has to be carried over.
        spec = TargetSpec(request.person.reel)
        own = load_driver(spec, request.setting, name, engine.notes, "--bullet-time")
        options = MotionOptions(camera="copy", smooth=False, stops=request.stops)
        scene = Scene([person], own.onto(person, options, name), own.reel)
        facts, found = {**own.to_json(), **options.to_json(len(own.frames))}, own.found
    else:
        scene = Scene([person], look_around(load_body(name), person.sources.track, request.view))
        facts = asdict(request.view)
    engine.check(scene)
    steps, made = engine.subject(method, person)
    out = engine.deliver(
        scene,
        steps,
        made,
        {
            "task": "view",
            "method": method_facts(choice, method, steps_taken(person.reel, steps), request.job.seed),
            "view": facts,
        },
    )
    engine.save_found({"source": person.found or found})
    return out
