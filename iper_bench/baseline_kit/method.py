"""A baseline as a method of the benchmark: sizes, batches, cameras and personalization are the same for all
of them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.baseline_kit.baseline import Baseline, Batch, Need
from iper_bench.baseline_kit.card import Card
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.frame_side import resized, resized_sources
from iper_bench.body.camera import swap_camera
from iper_bench.data.clip import BodyTrack, Images
from iper_bench.device import compute_device
from iper_bench.hashing import content_hash, step_seed
from iper_bench.lwg.inputs import to_frames
from iper_bench.lwg.perceptual import FrozenModule
from iper_bench.methods.method import Sources, Subject, Targets
from iper_bench.methods.padding import square_side
from iper_bench.methods.source_person import first_sources
from iper_bench.progress import track
from iper_bench.training.finite import check_finite

BATCH = 8  # targets drawn at once; a frame does not depend on the others


class BaselineSubject:
    """One person, drawn by a baseline whose networks stay as they are."""

    def __init__(self, baseline: Baseline[Any], sources: Sources) -> None:
        self._side = square_side(sources.frames)
        self._baseline = baseline
        most = baseline.most_sources
        used = sources if most is None else first_sources(sources, most)
        self._body = used.track
        for network in baseline.networks.values():
            network.eval()
        with torch.inference_mode():
            self._person = baseline.person(resized_sources(used, baseline.settings.side))

    def render(self, targets: Targets) -> Iterator[Images]:
        """Yield batches (B, H, W, 3) uint8 in target order, at the side of the sources."""
        driven = driven_track(self._body, targets)
        for start in range(0, len(driven), BATCH):
            rows = range(start, min(start + BATCH, len(driven)))
            with torch.inference_mode():
                drawn = self._baseline.draw(self._person, driven.take(rows))
            yield resized(to_frames(drawn.clamp(-1.0, 1.0)), self._side)


class BaselineMethod:
    """See :class:`iper_bench.methods.method.Method`.

    Parameters
    ----------
    baseline: with its weights in place. card: of its folder.
    weights: what names the weights (the sha256 of their file). training: what that file tells about itself.
    """

    def __init__(
        self,
        baseline: Baseline[Any],
        card: Card,
        weights: str,
        training: Mapping[str, Any] | None = None,
    ) -> None:
        device = compute_device()
        for network in baseline.networks.values():
            network.to(device)
        self._baseline = baseline
        self.name = card.name
        self.tasks = card.tasks
        self.trains = baseline.personalizes
        self.training = dict(training or {})
        self.weights_sha256 = weights
        self.identity = content_hash(
            {
                "method": card.name,
                "version": baseline.version,
                "settings": asdict(baseline.settings),
                "weights": weights,
                # only personalization looks at it
                "perceptual": baseline.perceptual_sha256() if self.trains else None,
            }
        )

    @property
    def most_sources(self) -> int | None:
        """How many sources are used, the first ones; ``None`` = all."""
        return self._baseline.most_sources

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        """The subject after ``steps`` steps on the sources; where the original has no such training, the
        weights as they are.
        """
        return next(subject for _, subject in self.checkpoints(sources, steps=(steps,), seed=seed))

    def checkpoints(
        self, sources: Sources, *, steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, Subject]]:
        """Subjects at every T of ``steps``; along one personalization unless its schedule depends on T.

        Raises UserError when a loss network's weights are missing, or a loss is no number.
        """
        wanted = sorted(set(steps))
        if not self.trains:
            subject = BaselineSubject(self._baseline, sources)
            for count in wanted:
                yield count, subject
            return
        anew = self._baseline.tunes_anew
        small = resized_sources(sources, self._baseline.settings.side)
        tuned, done = self._baseline, 0
        for count in wanted:
            if count > 0 and (done == 0 or anew):
                tuned, done = copy.deepcopy(self._baseline), 0
                torch.manual_seed(seed)  # what start() draws, such as a fresh discriminator
                tuned.start()
            for step in track(range(done, count), "personalizing") if count > done else ():
                self._tune(tuned, small, step, count, seed)
            done = count
            if count > 0 and not anew and count != wanted[-1]:
                yield count, BaselineSubject(_as_it_is(tuned), sources)
                continue
            if tuned is not self._baseline:
                tuned.optimisers.clear()  # nothing trains this one any more
            yield count, BaselineSubject(tuned, sources)

    @staticmethod
    def _tune(baseline: Baseline[Any], sources: Sources, step: int, steps: int, seed: int) -> None:
        """One step; ``sources`` have the network's side."""
        need = baseline.tuning_need(len(sources))
        rng = np.random.default_rng([seed, step])
        examples = source_examples(sources, need, rng)
        batch = stacked([baseline.condition(one, rng) for one in examples])
        for network in baseline.networks.values():
            network.train()
        torch.manual_seed(step_seed(seed, step))
        terms = baseline.tune(to_device(batch, compute_device()), step, steps)
        check_finite(terms, step, training=False)


def _as_it_is(baseline: Baseline[Any]) -> Baseline[Any]:
    """A copy that is drawn with while ``baseline`` trains on. What only training needs is not copied: no
    optimiser, and loss networks, which never change, are shared.
    """
    shared: dict[int, Any] = {
        id(one): one for one in vars(baseline).values() if isinstance(one, FrozenModule)
    }
    return copy.deepcopy(baseline, {id(baseline.optimisers): {}, **shared})


def source_examples(sources: Sources, need: Need, rng: np.random.Generator) -> list[Example]:
    """``need`` filled from the sources in an order drawn at random, which comes round again: with 5 sources
    and 8 places three sources stand there twice and two once.
    """
    order = rng.permutation(len(sources))
    places = order[np.arange(need.people * need.frames) % len(sources)].reshape(need.people, need.frames)
    whole = Example(
        sources.frames, sources.masks, sources.track, sources.body, "sources", tuple(range(len(sources)))
    )
    return [whole.take([int(place) for place in row]) for row in places]


def stacked(conditions: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """One batch of the tensors of several examples."""
    return {name: torch.stack([one[name] for one in conditions]) for name in conditions[0]}


def to_device(batch: Batch, device: torch.device) -> dict[str, torch.Tensor]:
    """The batch on ``device``."""
    return {name: value.to(device) for name, value in batch.items()}


def driven_track(person: BodyTrack, targets: Targets) -> BodyTrack:
    """The person's shape in the driver's poses.

    In self-imitation the driver's cameras are used as they are; otherwise the camera strategy ``smooth``
    (released default of Impersonator++) carries the driver's relative motion over to the person's camera.
    """
    track = targets.track
    cams: NDArray[np.float32] = track.cams
    if not targets.same_person and len(track):
        one = torch.from_numpy(person.cams[:1]).expand(len(cams), -1)
        first = torch.from_numpy(track.cams[:1]).expand(len(cams), -1)
        cams = swap_camera("smooth", one, torch.from_numpy(cams), first).numpy()
    return BodyTrack(person.betas, track.poses, cams)
