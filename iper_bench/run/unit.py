"""``Unit``: method x trial x sn x T x seed, the atom of work, of resume and of distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from iper_bench.hashing import canonical_json, content_hash
from iper_bench.protocol.trial import Trial
from iper_bench.protocol.view import View
from iper_bench.store.unit_id import unit_id, unit_name

# Headings in a plan are for people and end up in its hash: tenths of a degree, which machines that round
# differently agree on.
HEADING_DECIMALS = 1


def ranges(frames: Sequence[int] | None) -> list[list[int]] | None:
    """Frame indices as runs ``[first, last]``, both inclusive: ``(3, 4, 5, 9)`` -> ``[[3, 5], [9, 9]]``."""
    if frames is None:
        return None
    found: list[list[int]] = []
    for frame in frames:
        if found and frame == found[-1][1] + 1:
            found[-1][1] = frame
        else:
            found.append([frame, frame])
    return found


def trial_content(trial: Trial) -> dict[str, Any]:
    """A trial as plain values, frames as runs, candidate views as one list per fact."""
    views = trial.views
    content: dict[str, Any] = {
        "name": trial.name,
        "protocol": trial.protocol,
        "task": trial.task,
        "setting": trial.setting,
        "source_clip": trial.source_clip,
        "sources": {str(sn): list(frames) for sn, frames in sorted(trial.sources.items())},
        "target_clip": trial.target_clip,
        "target_frames": ranges(trial.target_frames),
        "truth_frames": ranges(trial.truth_frames),
        "real_frames": ranges(trial.real_frames),
        "views_known": trial.views_known,
        "views": {
            "angles": [view.angle for view in views],
            "frames": [view.frame for view in views],
            "headings": [_heading(view) for view in views],
            "own_bin": [view.own_bin for view in views],
        },
    }
    reference = trial.reference
    if reference is not None:
        content["reference"] = {
            "clip": reference.clip,
            "sources": {str(sn): list(frames) for sn, frames in sorted(reference.sources.items())},
            "take": list(reference.take),
            "background": reference.background,
        }
    if trial.target_angles:
        content["target_angles"] = [_rounded(angle) for angle in trial.target_angles]
    return content


def _heading(view: View) -> float | None:
    return _rounded(view.heading)


def _rounded(angle: float | None) -> float | None:
    return None if angle is None else round(angle, HEADING_DECIMALS) % 360.0


def trial_id(trial: Trial) -> str:
    """Content hash of a trial with the sources of every sn. Views and angles follow from clip and protocol
    and are not in it.
    """
    content = trial_content(trial)
    del content["views"]
    content.pop("target_angles", None)
    return content_hash(content)


def trial_text(trial: Trial, sn: int) -> str:
    """What of a trial enters the id of a unit with ``sn`` sources, as canonical JSON: computed once for the
    many units of a plan that share it.
    """
    content = trial_content(trial)
    content["sources"] = list(trial.sources[sn])
    del content["views_known"], content["views"]
    content.pop("target_angles", None)
    if trial.reference is not None:
        content["reference"]["sources"] = list(trial.reference.sources[sn])
    return canonical_json(content)


@dataclass(frozen=True)
class Unit:
    """One unit of a plan.

    Attributes
    ----------
    method: label in the run. identity: content hash of what changes the method's output.
    trial: what is imitated.
    sn: number of sources. steps: personalisation steps T. seed: of personalisation.
    fingerprint: of the dataset. image_size: side of the frames in pixels.
    other_person: clip and frame that the reference ``other-person`` shows; ``None`` for everything else.
    text: ``trial_text`` of this trial and sn where it is at hand, with both, so that it serves no other unit.
    """

    method: str
    identity: str
    trial: Trial
    sn: int
    steps: int
    seed: int
    fingerprint: str
    image_size: int
    other_person: tuple[str, int] | None = None
    text: tuple[Trial, int, str] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def id(self) -> str:
        """Content hash of everything that can change a predicted frame.

        The metric definitions are not in it: the unit's file states those by which its rows were measured, so
        that new metrics can be added to predictions that are there.
        """
        trial, sn, text = self.text or (None, 0, "")
        fits = trial is self.trial and sn == self.sn
        return unit_id(
            (self.method, self.identity),
            text if fits else trial_text(self.trial, self.sn),
            (self.sn, self.steps, self.seed),
            (self.fingerprint, self.image_size),
            self.other_person,
        )

    @property
    def name(self) -> str:
        """Readable identity, for example ``"attlwb self:actor3/a sn=2 T=100"``."""
        return unit_name(self.method, self.trial.name, (self.sn, self.steps, self.seed))

    @property
    def frame_count(self) -> int:
        """Frames to predict."""
        return len(self.trial.target_frames)

    def head(self) -> dict[str, Any]:
        """The unit for people: what stands at the top of its files."""
        return {
            "name": self.name,
            "method": self.method,
            "identity": self.identity,
            "trial": self.trial.name,
            "trial_id": trial_id(self.trial),
            "setting": self.trial.setting,
            "source_clip": self.trial.source_clip,
            "target_clip": self.trial.target_clip,
            "sn": self.sn,
            "steps": self.steps,
            "seed": self.seed,
            "frames": self.frame_count,
        }

    @property
    def personalisation(self) -> tuple[object, ...]:
        """What units along one personalisation share: method, clip, source frames, seed, and in appearance
        transfer the reference.
        """
        person = (self.method, self.trial.source_clip, self.trial.sources[self.sn], self.seed)
        reference = self.trial.reference
        if reference is None:
            return person
        return (*person, reference.clip, reference.sources[self.sn], reference.take, reference.background)
