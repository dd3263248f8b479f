"""What a unit takes from the dataset: sources and targets for the method, true and real frames for the
metrics.

Frames of truth and real sets come as streams of small batches: memory does not grow with the length of a
clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from iper_bench.body import load_body
from iper_bench.body.silhouette import silhouettes
from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.dataset import Dataset
from iper_bench.data.decoding import frame_stream
from iper_bench.methods.method import Sources, Targets
from iper_bench.methods.predicted_track import predicted_track
from iper_bench.protocol.trial import SELF, Trial
from iper_bench.run.boxes import Boxes, person_boxes
from iper_bench.run.part_maps import PartMaps, shared_part_maps
from iper_bench.store.exhibit import Exhibit

BATCH = 16  # frames decoded at once; the official loader's batch
DATASETS_OWN, SILHOUETTE = "the dataset", "silhouette of the body"
SHOWN_FRAMES = 8  # reference and truth frames that an exhibit keeps, evenly spaced over the targets


def stream(clip: Clip, indices: Sequence[int]) -> Iterator[Images]:
    """Frames of a clip in batches (B, H, W, 3) uint8, decoded ahead where the clip has files."""
    return frame_stream(clip, indices, batch=BATCH)


@dataclass(frozen=True)
class Material:
    """Everything that one trial with one number of sources asks of its dataset; computed when first used.

    Attributes
    ----------
    dataset: where clips and body come from.
    trial: what is imitated. sn: number of sources.
    """

    dataset: Dataset
    trial: Trial
    sn: int

    @cached_property
    def source_clip(self) -> Clip:
        """The clip whose person is synthesised."""
        return self.dataset.clip(self.trial.source_clip)

    @cached_property
    def target_clip(self) -> Clip:
        """The clip whose motion drives."""
        return self.dataset.clip(self.trial.target_clip)

    @cached_property
    def sources(self) -> Sources:
        """The sn source frames with mattes and bodies."""
        return self._sources(self.source_clip, self.trial.sources[self.sn])

    @cached_property
    def people(self) -> list[Sources]:
        """The source and the reference of an appearance transfer. ValueError for another trial."""
        reference = self.trial.reference
        if reference is None:
            raise ValueError(f"trial '{self.trial.name}' has no reference")
        clothes = self._sources(self.dataset.clip(reference.clip), reference.sources[self.sn])
        return [self.sources, clothes]

    def _sources(self, clip: Clip, frames: Sequence[int]) -> Sources:
        track, masks = clip.track.take(frames), clip.masks(frames)
        if masks is None:  # the plan says so: see masks_origin
            body = load_body(self.dataset.body)
            masks = silhouettes(body, track.betas, track.poses, track.cams, clip.size[0])
        return Sources(clip.frames(frames), masks, track, self.dataset.body)

    @cached_property
    def targets(self) -> Targets:
        """The driving bodies, without pixels."""
        track = self.target_clip.track.take(self.trial.target_frames)
        return Targets(track, same_person=self.trial.setting == SELF)

    def truths(self) -> Iterator[Images] | None:
        """The paired truth as a stream, or ``None``."""
        frames = self.trial.truth_frames
        return None if frames is None else stream(self.target_clip, frames)

    def reals(self) -> Iterator[Images] | None:
        """The real set as a stream, or ``None``."""
        frames = self.trial.real_frames
        return None if frames is None else stream(self.source_clip, frames)

    @cached_property
    def prediction_boxes(self) -> Boxes:
        """Where the person should be in every prediction, (N, 4) pixels."""
        return self._boxes_of_track(predicted_track(self.sources, self.targets), self.source_clip)

    @cached_property
    def truth_boxes(self) -> Boxes | None:
        """Where the person is in every true frame, or ``None``."""
        return self._boxes(self.target_clip, self.trial.truth_frames)

    @cached_property
    def real_boxes(self) -> Boxes | None:
        """Where the person is in every real frame, or ``None``."""
        return self._boxes(self.source_clip, self.trial.real_frames)

    def _boxes(self, clip: Clip, frames: Sequence[int] | None) -> Boxes | None:
        return None if frames is None else self._boxes_of_track(clip.track.take(frames), clip)

    def _boxes_of_track(self, track: BodyTrack, clip: Clip) -> Boxes:
        return person_boxes(load_body(self.dataset.body), track, clip.size)

    @cached_property
    def truth_parts(self) -> PartMaps | None:
        """Which part of the body every pixel of every true frame shows, or ``None`` without paired truth;
        drawn when first asked for and kept compressed.
        """
        frames = self.trial.truth_frames
        if frames is None:
            return None
        clip = self.target_clip
        return shared_part_maps(load_body(self.dataset.body), clip.track.take(frames), clip.size)

    def show(self, exhibit: Exhibit) -> None:
        """Write the sources of every sn, some reference and truth frames, and films of all target frames and
        of the truth where it is another, unless they are there.
        """
        if exhibit.complete():
            return
        sources = sorted({frame for frames in self.trial.sources.values() for frame in frames})
        shown = shown_positions(len(self.trial.target_frames))

        def at_shown(frames: Sequence[int]) -> dict[int, Images]:
            return dict(
                zip(shown, self.target_clip.frames([frames[position] for position in shown]), strict=True)
            )

        pictures = {
            "source": dict(zip(sources, self.source_clip.frames(sources), strict=True)),
            "reference": at_shown(self.trial.target_frames),
        }
        if self.trial.truth_frames is not None:
            pictures["truth"] = at_shown(self.trial.truth_frames)
        reference = self.trial.reference
        if reference is not None:
            clothes = sorted({frame for frames in reference.sources.values() for frame in frames})
            worn = self.dataset.clip(reference.clip).frames(clothes)
            pictures["clothes"] = dict(zip(clothes, worn, strict=True))
        exhibit.write(pictures, self._films())

    def _films(self) -> dict[str, Iterator[Images]]:
        """Films of an exhibit; one is enough where the truth is what drives."""
        films = {}
        if self.trial.truth_frames is not None:
            films["truth"] = stream(self.target_clip, self.trial.truth_frames)
        if self.trial.truth_frames != self.trial.target_frames:
            films["reference"] = stream(self.target_clip, self.trial.target_frames)
        return films


def masks_origin(dataset: Dataset, trials: Sequence[Trial]) -> str:
    """Where the mattes of the source frames come from, in words: the first clip is asked for no frame."""
    masks = dataset.clip(trials[0].source_clip).masks(())
    return DATASETS_OWN if masks is not None else SILHOUETTE


def shown_positions(count: int) -> list[int]:
    """Up to :data:`SHOWN_FRAMES` positions, evenly spaced, first and last included."""
    spaced = np.linspace(0, count - 1, min(count, SHOWN_FRAMES))
    return sorted({round(float(position)) for position in spaced})
