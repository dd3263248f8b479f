"""Which clips there are and which split each belongs to.

Split by actor and by outfit as the paper splits iPER (arXiv 2011.09055, section 5.1): ``test_actor`` shows
people who are not in training, ``test_outfit`` people who are, in clothes, rooms and motions that are not;
``test`` is both.
"""

from __future__ import annotations

from dataclasses import dataclass

from iper_bench.data.synthetic.config import SyntheticConfig

TRAIN, TEST, TEST_ACTOR, TEST_OUTFIT, ACTION = "train", "test", "test_actor", "test_outfit", "action"


@dataclass(frozen=True, order=True)
class Part:
    """One clip to be filmed.

    Attributes
    ----------
    name: of the clip, for example ``"actor003/outfit1"``.
    actor: number; ``subject`` is his name.
    outfit: for example ``"outfit1"``, or ``"unseen0"`` for a held-out one.
    take: what motion, room, camera and light are drawn from; ``"action0"``, ... have no turn.
    """

    name: str
    actor: int
    outfit: str
    take: str

    @property
    def subject(self) -> str:
        """Who is seen."""
        return subject_name(self.actor)


def subject_name(actor: int) -> str:
    """``actor003`` for 3."""
    return f"actor{actor:03d}"


def _part(actor: int, outfit: str, take: str) -> Part:
    return Part(f"{subject_name(actor)}/{take}", actor, outfit, take)


def cast(config: SyntheticConfig) -> dict[str, list[Part]]:
    """Sorted parts of every split. Held-out actors have the first numbers; see :class:`SyntheticConfig`."""
    held_out = range(config.test_actors)
    trained = range(config.test_actors, config.test_actors + config.train_actors)
    outfits = [f"outfit{number}" for number in range(config.outfits)]
    unseen = [f"unseen{number}" for number in range(config.unseen_outfits)]
    splits = {
        TRAIN: [_part(actor, outfit, outfit) for actor in trained for outfit in outfits],
        TEST_ACTOR: [_part(actor, outfit, outfit) for actor in held_out for outfit in outfits],
        TEST_OUTFIT: [
            _part(actor, outfit, outfit) for actor in trained[: config.outfit_actors] for outfit in unseen
        ],
    }
    splits[TEST] = splits[TEST_ACTOR] + splits[TEST_OUTFIT]
    if config.action_clips:
        splits[ACTION] = [
            _part(actor, outfits[number % config.outfits], f"action{number}")
            for actor in (*held_out, *trained)
            for number in range(config.action_clips)
        ]
    return {split: sorted(parts) for split, parts in splits.items()}
