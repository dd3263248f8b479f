"""What the three tasks share: the method, the drawing of a motion, and what is written about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from iper_bench.body import load_body
from iper_bench.body.model import BodyModel
from iper_bench.data.clip import Images
from iper_bench.data.track_file import TrackFile, write_track
from iper_bench.errors import UserError
from iper_bench.flow.transfer import selected_faces
from iper_bench.hashing import file_sha256
from iper_bench.methods.method import Method, Subject, Targets
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.methods.source_person import first_sources
from iper_bench.progress import track as progress
from iper_bench.tasks.checks import check_targets, shown_faces
from iper_bench.tasks.delivery import DEFAULT_FPS, Delivery, Destination
from iper_bench.tasks.kept import KeptReel, check_path, keep, taken_up
from iper_bench.tasks.memory import sparing
from iper_bench.tasks.motion import Motion
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.person import Person
from iper_bench.tasks.reel import Reel
from iper_bench.tasks.square import Square

DEFAULT_METHOD = "attlwb"
DEFAULT_STEPS = 20  # half a decibel on the embedded dataset; few seconds at 128 px
DEFAULT_SEED = 0


@dataclass(frozen=True)
class Job:
    """What every task is told.

    Attributes
    ----------
    destination: where the result goes.
    method: ``NAME`` or ``NAME@WEIGHTS``.
    steps: personalisation steps per person; 0 = the weights as they are, ``None`` = :data:`DEFAULT_STEPS` for
        a method that trains. seed: of these.
    fps: of the video; ``None`` = the driver's, else 25.
    side_by_side: sources and driver stand to the left of the result in the video.
    crop: cut the result back to the shape of the first source.
    save_subject: file in which the personalized person is kept, ``None`` = nowhere.
    """

    destination: Destination
    method: str = DEFAULT_METHOD
    steps: int | None = None
    seed: int = DEFAULT_SEED
    fps: float | None = None
    side_by_side: bool = False
    crop: bool = True
    save_subject: Path | None = None


@dataclass(frozen=True)
class Scene:
    """What is to be drawn.

    Attributes
    ----------
    people: person 0 gives shape, camera and background.
    motion: of person 0's body. driver: where the motion comes from, if from pictures.
    parts: the part groups that each person gives; empty = person 0 alone gives everything.
    """

    people: Sequence[Person]
    motion: Motion
    driver: Reel | None = None
    parts: Sequence[Sequence[str]] = ()

    @property
    def first(self) -> Person:
        """Person 0."""
        return self.people[0]

    @property
    def body(self) -> BodyModel:
        """The body on which everything is drawn."""
        return load_body(self.first.sources.body)


@dataclass
class Engine:
    """One job from the method to the record.

    Attributes
    ----------
    job: what was asked. notes: where decisions are said.
    """

    job: Job
    notes: Notes = field(default_factory=Notes)

    def open_method(self) -> tuple[MethodChoice, Method]:
        """The method of the job. Raises UserError for an unknown one or weights that do not fit."""
        choice = MethodChoice.parse(self.job.method)
        method = choice.open()
        if self.job.steps and not method.trains:
            self.notes.say(f"method '{choice.method}' does not train; --steps {self.job.steps} has no effect")
        return choice, method

    def used(self, method: Method, person: Person) -> Person:
        """The person with the sources that the method uses, which is said when it is not all of them."""
        most = getattr(method, "most_sources", None)
        if not isinstance(most, int) or len(person.sources) <= most:
            return person
        self.notes.say(
            f"method '{method.name}' uses {most} source{'s' if most > 1 else ''}, so "
            f"{', '.join(person.reel.label(frame) for frame in person.frames[most:])} shows it nothing"
        )
        return replace(person, sources=first_sources(person.sources, most), frames=person.frames[:most])

    def steps(self, method: Method) -> int:
        """Personalisation steps of a method."""
        if not method.trains:
            return 0
        return DEFAULT_STEPS if self.job.steps is None else self.job.steps

    def subject(self, method: Method, person: Person) -> tuple[int, Callable[[], Subject]]:
        """Steps of personalisation still to be done, and what makes the subject: from the sources, or taken
        up where he was kept.

        Raises
        ------
        UserError for options that a kept person leaves nothing to, and for a file name that will not do.
        """
        job, reel = self.job, person.reel
        if job.save_subject is not None:
            check_path(job.save_subject)
        if isinstance(reel, KeptReel):
            if job.steps is not None or job.save_subject is not None:
                option = "--steps" if job.steps is not None else "--save-subject"
                raise UserError(
                    f"{option} with a kept person, who is personalized already ({reel.record.steps} steps)",
                    where=reel.name,
                    expected=f"no {option}, or his pictures as --source",
                )
            return 0, lambda: taken_up(method, reel)
        steps = self.steps(method)

        def made() -> Subject:
            subject = method.personalize(person.sources, steps=steps, seed=job.seed)
            if job.save_subject is not None:
                keep(subject, job.save_subject, method)
                self.notes.say(f"the person is kept in {job.save_subject}")
            return subject

        return steps, made

    def check(self, scene: Scene) -> None:
        """Look at motion and sources together; see :func:`iper_bench.tasks.checks.check_targets`."""
        body = scene.body
        parts = scene.parts or [()] * len(scene.people)
        given = selected_faces(parts, body.parts, body.face_count)
        shown = [shown_faces(body, person.sources.track) for person in scene.people]
        check_targets(body, (torch.stack(shown) & given).any(0), scene.motion.track, self.notes)

    def deliver(
        self, scene: Scene, steps: int, subject_of: Callable[[], Subject], facts: dict[str, Any]
    ) -> Path:
        """Draw the scene and write it.

        Parameters
        ----------
        steps: personalisation steps that ``subject_of`` takes.
        subject_of: called without arguments once the destination is known to be writable; gives the subject.
        facts: what the task adds to the record.

        Returns
        -------
        The path of the result.

        Raises
        ------
        UserError for a destination that cannot be written or holds what is read, and for lack of memory;
        frames drawn before are kept, also on :class:`iper_bench.tasks.delivery.Interrupted`.
        """
        motion, job = scene.motion, self.job
        reels = [*(person.reel for person in scene.people), *([] if scene.driver is None else [scene.driver])]
        job.destination.spare([path for reel in reels for path in reel.paths], len(motion))
        if job.side_by_side and job.destination.is_folder and job.destination.video(len(motion)) is None:
            self.notes.say("--side-by-side has no effect on one frame in a folder; --out NAME.png shows it")
        fps = job.fps or (scene.driver.fps if scene.driver is not None else None) or DEFAULT_FPS
        with (
            Delivery(job.destination, len(motion), fps, self.notes) as delivery,
            sparing(scene.first.size, sum(len(person.sources) for person in scene.people)),
        ):
            subject = _made(subject_of, steps)
            beside = self._beside(scene)
            # The cameras are those of the picture already.
            frames = _singly(subject, Targets(motion.track, same_person=True))
            for frame in progress(frames, "drawing frames", total=len(motion)):
                delivery.write(self._cut(frame, scene.first.square), next(beside))
        delivery.record({**facts, "fps": fps, **self._facts(scene)})
        return job.destination.out

    def _cut(self, frame: Images, square: Square) -> Images:
        return square.crop(frame) if self.job.crop else frame

    def _beside(self, scene: Scene) -> Iterator[list[Images]]:
        """For every frame of the result the pictures to its left."""
        if not self.job.side_by_side:
            while True:
                yield []
        sources = [self._cut(person.sources.frames[0], person.square) for person in scene.people]
        driver, size = scene.driver, scene.first.size
        if driver is None or not driver.pictures:
            while True:
                yield sources
        first: Square | None = None
        for frame in driver.frames(scene.motion.frames):
            square = Square.around(frame)
            first = first or square  # images may differ in shape, frames of one video may not
            yield [*sources, self._cut(square.bring(frame, size), first)]

    def _facts(self, scene: Scene) -> dict[str, Any]:
        return {
            "people": [person.to_json() for person in scene.people],
            "size": scene.first.size,
            "body": {"name": scene.first.sources.body, "sha256": scene.body.sha256},
        }

    def save_found(self, tracks: Mapping[str, TrackFile | None]) -> None:
        """Write bodies that had to be found beside the result, so that they can be given the next time.

        ``tracks``: by the name that goes into the file's name, ``None`` = nothing to keep.
        """
        record = self.job.destination.record
        for name, content in tracks.items():
            if content is not None:
                path = record.with_name(f"{record.stem}.{name}-track.npz")
                write_track(path, content)
                self.notes.say(f"the bodies found in the {name} are kept in {path}")


def _made(subject_of: Callable[[], Subject], steps: int) -> Subject:
    said = f"personalising, {steps} steps" if steps else "preparing the sources"
    # one item: methods do not tell how far they are
    (subject,) = (subject_of() for _ in progress([None], said))
    return subject


def method_facts(choice: MethodChoice, method: Method, steps: int, seed: int) -> dict[str, Any]:
    """For the record: which method with which weights."""
    return {
        "name": choice.method,
        "options": dict(choice.options),
        "identity": method.identity,
        "weights": None if choice.weights is None else str(choice.weights),
        "weights_sha256": _weights_sha256(choice, method),
        "steps": steps,
        "seed": seed,
    }


def _weights_sha256(choice: MethodChoice, method: Method) -> str | None:
    """Of the file that was given, or that the method says it took from the package."""
    if choice.weights is not None:
        return file_sha256(choice.weights)
    own = getattr(method, "weights_sha256", None)
    return own if isinstance(own, str) else None


def _singly(subject: Subject, targets: Targets) -> Iterator[Images]:
    for batch in subject.render(targets):
        yield from batch
