"""Golden pairs through the metrics: every definition by the same scorer that runs use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from iper_bench.metrics.bench import Bench
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.detectors import GIVEN, PERSON_DETECTORS, detector
from iper_bench.metrics.frame_rules import RULES
from iper_bench.metrics.golden.pairs import GoldenPairs
from iper_bench.metrics.golden.seeded_bench import PipBench, SeededBench
from iper_bench.metrics.golden.stored_value import PIP
from iper_bench.metrics.metric import SETTINGS, Setting
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.profiles.profile import with_person_detector
from iper_bench.metrics.reading import Reading
from iper_bench.metrics.scorer import ProfileScorer, pooled_values
from iper_bench.metrics.scores import MetricValue
from iper_bench.metrics.weights import MissingWeightsError

#: detectors whose boxes are checked with seeded weights: profile, detector, frame rule
SEEDED_DETECTORS = (("standard", "fasterrcnn", "native"), ("paper", "yolov3-spp", "linear-512"))
BOX_PAIR = 4  # the pair whose truth they search
BOX_SIDES = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True)
class Case:
    """One definition to measure, by profile and setting."""

    profile: str
    setting: Setting
    definition: Definition

    @property
    def key(self) -> tuple[str, str, str]:
        """Profile, setting, metric."""
        return self.profile, self.setting, self.definition.metric


def cases(profiles: Iterable[str], weights: str) -> Iterator[Case]:
    """All definitions of the profiles.

    With seeded weights a searched person box becomes the given one: seeded detectors find nothing sensible
    and take minutes; :func:`box_values` checks them by themselves. Definitions that need no network, or only
    one from pip, are left out there.
    """
    for name in profiles:
        profile = PROFILES.get(name)
        for setting in SETTINGS:
            for definition in profile.every(setting):
                if weights == PIP:
                    yield Case(name, setting, definition)
                elif definition.kind.name not in ("psnr", "ssim", "rate") and name != "offline":
                    yield Case(name, setting, _with_given_box(definition))


def _with_given_box(definition: Definition) -> Definition:
    searched = definition.get("detector", "") in PERSON_DETECTORS
    return with_person_detector(definition, GIVEN) if searched else definition


def bench_of(weights: str, device: str) -> PipBench | SeededBench:
    """Where networks come from."""
    return PipBench(device) if weights == PIP else SeededBench(device)


def measured(wanted: Sequence[Case], pairs: GoldenPairs, bench: Bench) -> list[tuple[Case, MetricValue]]:
    """What each case gives; cross takes the truths in reverse order as the real set."""
    found: dict[tuple[str, str, str], MetricValue] = {}
    for selection, chosen in _SELECTIONS.items():
        held = [one for one in wanted if selection_of(one.definition) == selection]
        if not held:
            continue
        few = chosen(pairs)
        mine = Reading(few.predictions, few.prediction_boxes, bench.cache, keep=False)
        references = {
            "self": Reading(few.truths, few.truth_boxes, bench.cache, keep=False),
            "cross": Reading(few.truths[::-1], few.truth_boxes[::-1], bench.cache, keep=False),
        }
        for name, setting in dict.fromkeys((one.profile, one.setting) for one in held):
            group = [one for one in held if (one.profile, one.setting) == (name, setting)]
            definitions = [one.definition for one in group]
            scores = _scores(name, definitions, setting, mine, references[setting], bench)
            by_name = {value.metric: value for value in scores}
            found.update((one.key, by_name[one.definition.metric]) for one in group)
    return [(one, found[one.key]) for one in wanted]


def selection_of(definition: Definition) -> str:
    """Which pairs a definition is measured on, a key of ``_SELECTIONS``: all, those that differ where an
    identical one would make the value infinite, or all with their mirror images where eight are too few.
    """
    if definition.get("identical", "") == "infinite":
        return "different"
    many = definition.get("statistic", "") in ("frechet-infinity", "logits, 10 splits")
    return "mirrored" if many else "all"


def _different(pairs: GoldenPairs) -> GoldenPairs:
    """Without the first pair, which is identical."""
    return GoldenPairs(
        pairs.predictions[1:], pairs.truths[1:], pairs.prediction_boxes[1:], pairs.truth_boxes[1:]
    )


def _mirrored(pairs: GoldenPairs) -> GoldenPairs:
    """Every frame and its mirror image; their boxes are not mirrored, only whole frames are asked for."""
    return GoldenPairs(
        np.concatenate([pairs.predictions, pairs.predictions[:, :, ::-1]]),
        np.concatenate([pairs.truths, pairs.truths[:, :, ::-1]]),
        np.tile(pairs.prediction_boxes, (2, 1)),
        np.tile(pairs.truth_boxes, (2, 1)),
    )


_SELECTIONS: Mapping[str, Callable[[GoldenPairs], GoldenPairs]] = {
    "all": lambda pairs: pairs,
    "different": _different,
    "mirrored": _mirrored,
}


def _scores(
    profile: str,
    definitions: Sequence[Definition],
    setting: Setting,
    mine: Reading,
    theirs: Reading,
    bench: Bench,
) -> list[MetricValue]:
    scorer = ProfileScorer(PROFILES.get(profile), definitions, bench, setting)
    if setting == "self":
        scorer.pairs(mine, theirs)
    scorer.side("prediction", mine)
    scorer.side("reference", theirs)
    pooled, _ = pooled_values(PROFILES.get(profile), definitions, bench, [scorer.features()], setting)
    return [*scorer.values(), *pooled]


def box_values(
    profiles: Iterable[str], pairs: GoldenPairs, bench: Bench
) -> dict[tuple[str, str], float | None]:
    """Corners of the box that each detector finds with seeded weights in one true frame, in pixels, by
    profile and name; ``None`` where it finds nothing.
    """
    found: dict[tuple[str, str], float | None] = {}
    for profile, name, rule in SEEDED_DETECTORS:
        if profile not in profiles:
            continue
        try:
            searcher = detector(name, bench)
        except MissingWeightsError:
            continue
        if searcher is None:
            raise ValueError(f"{name} is no detector")
        spot = searcher.find(np.ascontiguousarray(RULES[rule](pairs.truths[BOX_PAIR])), None)
        for place, side in enumerate(BOX_SIDES):
            found[profile, f"{name} box {side}"] = None if spot is None else float(spot.box[place])
    return found
