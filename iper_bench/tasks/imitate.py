"""Motion imitation: a person in the poses of another one's video (section 3.4 of arXiv 2011.09055)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from iper_bench.data.clip import BodyTrack
from iper_bench.data.track_file import TrackFile
from iper_bench.errors import UserError
from iper_bench.tasks.engine import Engine, Job, Scene, method_facts
from iper_bench.tasks.kept import refuse_as_motion, steps_taken
from iper_bench.tasks.motion import Motion, MotionOptions, drive
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.person import Person, PersonSpec, Setting, load_person
from iper_bench.tasks.recovery import recover
from iper_bench.tasks.reel import Reel, ReelSpec, open_reel, selected


@dataclass(frozen=True)
class TargetSpec:
    """What was typed about the motion.

    Attributes
    ----------
    reel: the driver's video, or his track alone.
    frames: which of his frames, in this order; ``None`` = all.
    """

    reel: ReelSpec
    frames: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ImitateRequest:
    """One command.

    Attributes
    ----------
    person: who is drawn. target: whose motion he makes. options: how it is carried over.
    """

    person: PersonSpec
    target: TargetSpec
    job: Job
    options: MotionOptions = field(default_factory=MotionOptions)
    setting: Setting = field(default_factory=Setting)


@dataclass(frozen=True)
class Driver:
    """The motion before it is carried over.

    Attributes
    ----------
    reel: where it comes from. frames: of it. track: the bodies of these.
    found: to be kept, when the bodies of the whole reel had to be found. estimated: whether they had to.
    """

    reel: Reel
    frames: tuple[int, ...]
    track: BodyTrack
    estimated: bool
    found: TrackFile | None

    def onto(self, person: Person, options: MotionOptions, scene_body: str) -> Motion:
        """The motion on a person; see :func:`iper_bench.tasks.motion.drive`."""
        from iper_bench.body import load_body

        return drive(load_body(scene_body), person.sources.track, self.track, options, self.frames)

    def to_json(self) -> dict[str, object]:
        """For the record."""
        return {
            "target": self.reel.name,
            "frames": len(self.frames),
            "first": self.frames[0],
            "last": self.frames[-1],
            "track": "estimated" if self.estimated else "given",
        }


def load_driver(
    spec: TargetSpec, setting: Setting, body: str, notes: Notes, option: str = "--target"
) -> Driver:
    """Open the driver and find his bodies where nobody gives them.

    ``body``: name that goes into a file of found bodies. ``option``: what asked for the motion. Raises
    UserError for a kept person, and as the reel and the estimator do.
    """
    refuse_as_motion(spec.reel.text, option)
    reel = open_reel(spec.reel, size=None, data_root=setting.data_root)
    if reel.warning is not None:
        notes.say(reel.warning)
    total = range(len(reel))
    frames = tuple(total) if spec.frames is None else selected(spec.frames, reel, "--target-frames")
    if not frames:
        raise UserError("no frame", where=reel.name, expected="at least one frame")
    if reel.track is not None:
        return Driver(reel, frames, reel.track.take(frames), False, None)
    recovered = recover(reel, frames, setting.body_weights, "--target-track")
    return Driver(reel, frames, recovered.track, True, recovered.whole(len(total), body))


def imitate(request: ImitateRequest) -> Path:
    """Draw a person in a driver's motion and return the path of the result.

    Raises
    ------
    UserError, one line, for everything the user can mend; ``iper_bench.tasks.delivery.Interrupted`` on Ctrl-C
    while frames are drawn, with what was kept.
    """
    engine = Engine(request.job)
    choice, method = engine.open_method()
    person = engine.used(method, load_person(request.person, request.setting, engine.notes))
    body = person.sources.body
    driver = load_driver(request.target, request.setting, body, engine.notes)
    motion = driver.onto(person, request.options, body)
    scene = Scene([person], motion, driver.reel)
    engine.check(scene)
    steps, made = engine.subject(method, person)
    out = engine.deliver(
        scene,
        steps,
        made,
        {
            "task": "imitate",
            "method": method_facts(choice, method, steps_taken(person.reel, steps), request.job.seed),
            "motion": {**driver.to_json(), **request.options.to_json(len(driver.frames))},
        },
    )
    engine.save_found({"source": person.found, "target": driver.found})
    return out
