"""Whom the reference ``other-person`` shows: the next person in the order of the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError
from iper_bench.protocol.schema import Protocol
from iper_bench.protocol.trial import Trial
from iper_bench.protocol.trials import build_trials


@dataclass(frozen=True)
class OtherPeople:
    """The source clips of a protocol in its order, one trial of each.

    Attributes
    ----------
    trials: one per clip. subjects: clip -> who is seen in it.
    lacking: why there are none, in words; empty when there are some.
    """

    trials: tuple[Trial, ...]
    subjects: dict[str, str]
    lacking: str = ""

    @staticmethod
    def of(protocol: Protocol, dataset: Dataset, trials: Sequence[Trial], limit: int | None) -> OtherPeople:
        """Of the whole protocol, so that a limit changes nobody's other person.

        ``trials``: those of the limited protocol, in all settings. Where the clips that the limit leaves out
        are not there, nobody has another person, and ``lacking`` says so.
        """
        try:
            everyone = trials if limit is None else build_trials(protocol, dataset)
            first = {trial.source_clip: trial for trial in reversed(everyone)}
            ordered = tuple(first[clip] for clip in dict.fromkeys(trial.source_clip for trial in everyone))
            named = {clip for trial in everyone for clip in trial.clips}
            return OtherPeople(ordered, {clip: dataset.clip(clip).subject for clip in sorted(named)})
        except UserError as error:
            return OtherPeople((), {}, f"the other clips of the protocol cannot be opened ({error.what})")

    def beside(self, trial: Trial, sn: int) -> tuple[str, int] | None:
        """Clip and frame: the first of ``sn`` sources of the next clip, round about, of a person who is
        neither the one imitated nor the one whose clothes he wears; ``None`` when there is nobody.
        """
        clips = [one.source_clip for one in self.trials]
        if trial.source_clip not in clips:
            return None
        start = clips.index(trial.source_clip) + 1
        reference = () if trial.reference is None else (trial.reference.clip,)
        own = {self.subjects[clip] for clip in (trial.source_clip, *reference)}
        for one in (*self.trials[start:], *self.trials[:start]):
            if self.subjects[one.source_clip] not in own:
                return one.source_clip, one.sources[sn][0]
        return None
