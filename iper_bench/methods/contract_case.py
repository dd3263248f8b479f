"""The tiny clips on which a method's contract is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from iper_bench.body import load_body
from iper_bench.body.silhouette import silhouettes
from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS
from iper_bench.methods.method import Sources, Targets

SIZE = 64  # pixels: small enough for a minute, large enough for every network of the package
CLIPS = 3
SOURCES = (0, 8)  # of the embedded dataset's turn of 16 frames: front and back
TARGETS = (3, 11, 26, 38)  # two of the turn, seen from front and back, and two of the action behind it


@dataclass(frozen=True)
class Case:
    """Sources and what is asked of them.

    Attributes
    ----------
    name: for messages. sources: of one person. targets: of the same person, in self-imitation.
    others: of another person, in cross-imitation.
    """

    name: str
    sources: Sources
    targets: Targets
    others: Targets


def embedded_cases(size: int = SIZE) -> list[Case]:
    """Of three people of the embedded dataset, which are rendered when they are not in the cache yet."""
    dataset = DATASETS.get("synthetic")(root=None, size=size)
    first: dict[str, Clip] = {}
    for clip in dataset.clips("test"):
        first.setdefault(clip.subject, clip)
    return cases_of(list(first.values())[:CLIPS], dataset.body, SOURCES, TARGETS)


def cases_of(clips: Sequence[Clip], body: str, sources: Sequence[int], targets: Sequence[int]) -> list[Case]:
    """One case per clip; each is driven by itself and by the next clip."""
    return [
        Case(
            clip.name,
            _sources(clip, body, sources),
            Targets(clip.track.take(targets), same_person=True),
            Targets(clips[(place + 1) % len(clips)].track.take(targets), same_person=False),
        )
        for place, clip in enumerate(clips)
    ]


def _sources(clip: Clip, body: str, frames: Sequence[int]) -> Sources:
    track, masks = clip.track.take(frames), clip.masks(frames)
    if masks is None:
        masks = silhouettes(load_body(body), track.betas, track.poses, track.cams, clip.size[0])
    return Sources(clip.frames(frames), masks, track, body)


def chosen(targets: Targets, rows: Sequence[int]) -> Targets:
    """The targets ``rows``, in that order."""
    return replace(targets, track=targets.track.take(rows))
