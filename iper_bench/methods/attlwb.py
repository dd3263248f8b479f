"""AttLWB: the Liquid Warping GAN with attention (Impersonator++), with the weights of the package or from a
path.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.lwg.generator import LiquidWarpingGenerator
from iper_bench.lwg.packaged import TrainedGenerator, load_trained, settings_json
from iper_bench.lwg.personalization import personalization_batches, personalize
from iper_bench.lwg.variant import EFFICIENTNET_LITE0, perceptual_network
from iper_bench.methods.liquid_warping_subject import LiquidWarpingSubject
from iper_bench.methods.method import Sources, Subject
from iper_bench.methods.source_person import SourcePerson, prepare_person

VERSION = 1  # raised whenever the same weights would draw other frames


class AttLWB:
    """The full method: personalize on the sources, then render.

    Parameters
    ----------
    trained: generator with its settings.
    """

    name = "attlwb"
    trains = True

    def __init__(self, trained: TrainedGenerator) -> None:
        self._trained = trained
        own = trained.losses.perceptual > 0 and trained.perceptual == EFFICIENTNET_LITE0
        self._perceptual = perceptual_network(trained.perceptual, None) if own else None
        self.identity = content_hash({"method": self.name, "version": VERSION, **settings_json(trained)})

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        """The subject after ``steps`` steps; 0 = the weights as they are."""
        return next(subject for _, subject in self.checkpoints(sources, steps=(steps,), seed=seed))

    def checkpoints(
        self, sources: Sources, *, steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, Subject]]:
        """Subjects at every T of ``steps`` along one personalization."""
        if any(steps) and self._trained.losses.perceptual > 0 and self._perceptual is None:
            raise UserError(
                f"these weights were trained with perceptual network '{self._trained.perceptual}', with "
                "which personalization is not offered yet",
                where=self.name,
                expected="0 personalization steps",
                hint="--steps 0",
            )
        person = prepare_person(sources, self._trained.inputs)
        batches = personalization_batches(
            person.builder, person.inputs, person.maps, person.images, person.masks, seed
        )
        generator = self._trained.generator
        losses, kinds = self._trained.losses, self._trained.kinds
        for done, tuned in personalize(generator, batches, steps, losses, self._perceptual, kinds):
            yield done, self._subject(cast(LiquidWarpingGenerator, tuned), person, sources)

    def _subject(self, generator: LiquidWarpingGenerator, person: SourcePerson, sources: Sources) -> Subject:
        return LiquidWarpingSubject(generator, person.builder, person.inputs, sources.track)


def create(weights: Path | None = None) -> AttLWB:
    """AttLWB with the weights of the package, or those at ``weights`` (written by ``iper-bench train``)."""
    return AttLWB(load_trained(weights))
