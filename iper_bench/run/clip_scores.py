"""From comparisons to rows: every clip measured, set metrics over all of them, and the definitions behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from iper_bench.errors import UserError, unknown_name
from iper_bench.hashing import content_hash
from iper_bench.metrics.frames import FrameSet
from iper_bench.metrics.metric import SETTINGS, Setting
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.profiles.profile import chosen
from iper_bench.metrics.scores import SetFeatures
from iper_bench.metrics.suite import BATCH_SIZE, MetricSuite
from iper_bench.run.comparison import Comparison
from iper_bench.run.frame_streams import FrameStreams, Size, words
from iper_bench.run.gaps import Gaps
from iper_bench.run.scoring import known_device, rows_of_group, rows_of_unit
from iper_bench.run.unit import Unit
from iper_bench.store.aggregate import Group, aggregate
from iper_bench.store.row import Row

#: keys of a stored definition that its passport is the hash of
_IDENTITY = ("profile", "metric", "setting", "kind", "version", "choices", "weights")
RESIZED = "resized"
NO_PREDICTIONS = "no predictions of this clip"


@dataclass(frozen=True)
class Measures:
    """What is measured and how.

    Attributes
    ----------
    profiles, metrics, person_detector, weights_dir, device, batch_size: of ``MetricSuite``.
    resize: (height, width) that all frames are brought to, or ``None``. workers: threads that decode.
    """

    profiles: tuple[str, ...]
    metrics: tuple[str, ...] | None = None
    person_detector: str | None = None
    weights_dir: Path | None = None
    device: str = "cpu"
    batch_size: int = BATCH_SIZE
    resize: Size | None = None
    workers: int = 0

    def suite(self, setting: Setting) -> MetricSuite:
        """The metrics, with the features of earlier runs. Raises UserError for unknown names, an unknown
        setting, an absent device, and when nothing of what is named is measured in ``setting``.
        """
        if setting not in SETTINGS:
            raise unknown_name("setting", str(setting), SETTINGS)
        from iper_bench.metrics.disk_cache import open_cache
        from iper_bench.metrics.feature_cache import FeatureCache

        suite = MetricSuite(
            self.profiles,
            metrics=self.metrics,
            person_detector=self.person_detector,
            weights_dir=self.weights_dir,
            device=known_device(self.device),
            batch_size=self.batch_size,
            cache=FeatureCache(disk=open_cache()),
        )
        profiles = [PROFILES.get(name) for name in self.profiles]
        found = chosen(profiles, self.metrics, self.person_detector)
        if not any(found[name][setting] for name in self.profiles):
            named = "nothing" if self.metrics is None else ", ".join(self.metrics)
            known = sorted({one.metric for profile in profiles for one in profile.every(setting)})
            raise UserError(
                f"{named} is not measured in the setting {setting}",
                where=f"profile {', '.join(self.profiles)}",
                expected=f"a metric among {', '.join(known)}" if known else "another profile",
            )
        return suite


@dataclass(frozen=True)
class ClipScores:
    """What was measured.

    Attributes
    ----------
    rows: of every clip in the order of the comparisons, then of the set metrics.
    definitions: the complete ones by passport.
    features: of each clip, for set metrics.
    entries: means over clips, as ``store.aggregate`` gives them.
    """

    rows: list[Row]
    definitions: dict[str, dict[str, Any]]
    features: list[dict[str, SetFeatures]]
    entries: list[dict[str, Any]]


def score_clips(
    comparisons: Iterable[Comparison],
    measures: Measures,
    setting: Setting,
    dataset: str,
    provenance: Mapping[str, str],
) -> ClipScores:
    """Measure clip after clip.

    Raises UserError as ``Measures.suite``, and for frames of different sizes. A frame that cannot be read is
    left out and named in what stands beside the values; the values of a clip without any prediction are
    missing, and coverage counts it.
    """
    suite = measures.suite(setting)
    facts = {**provenance, **({} if measures.resize is None else {RESIZED: words(measures.resize)})}
    rows: list[Row] = []
    features: list[dict[str, SetFeatures]] = []
    units: list[Unit] = []
    gone = [0, 0, 0]  # clips without predictions, clips with frames left out, those frames
    for one in comparisons:
        streams = FrameStreams(one, resize=measures.resize, workers=measures.workers)
        scores = suite.measure(streams.frame_set() if one.handed_in else _nothing(), setting)
        note = streams.note() if one.handed_in else NO_PREDICTIONS
        ours, theirs = streams.kept
        gaps = Gaps(ours, theirs, len(one.predictions), len(one.references), note)
        stored = suite.definitions()
        values = [gaps.applied(value, stored[value.definition]) for value in scores.values]
        rows += rows_of_unit(one.unit, dataset, values, facts, actor=one.actor, place=one.place)
        features.append({key: gaps.counted(pair) for key, pair in scores.features.items()})
        units.append(one.unit)
        if not one.handed_in:
            gone[0] += 1
        elif streams.left_out:
            gone[1:] = gone[1] + 1, gone[2] + len(streams.left_out)
    if features:
        pooled = rows_of_group(units, dataset, suite.pool(features, setting), facts)
        rows += [_noted(row, gone, len(units)) for row in pooled]
    definitions = suite.definitions()
    if measures.resize is not None:
        rows, definitions = _resized(rows, definitions, measures.resize)
    return ClipScores(rows, definitions, features, _aggregated(rows, units, dataset))


def _nothing() -> FrameSet:
    return FrameSet(iter(()), truths=iter(()), reals=iter(()))


def _noted(row: Row, gone: Sequence[int], clips: int) -> Row:
    parts = [row.reason] if row.reason else []
    if gone[0]:
        parts.append(f"{gone[0]} of {clips} clips without predictions")
    if gone[1]:
        parts.append(f"{gone[2]} frames of {gone[1]} clips left out")
    return replace(row, reason="; ".join(parts) or None)


def _aggregated(rows: Sequence[Row], units: Sequence[Unit], dataset: str) -> list[dict[str, Any]]:
    clips: dict[Group, int] = {}
    for unit in units:
        trial = unit.trial
        place = (dataset, trial.protocol, trial.task, trial.setting, unit.method)
        group: Group = (*place, unit.sn, unit.steps, unit.seed)
        clips[group] = clips.get(group, 0) + 1
    return aggregate(rows, clips, clips)


def _resized(
    rows: Sequence[Row], definitions: Mapping[str, Mapping[str, Any]], size: Size
) -> tuple[list[Row], dict[str, dict[str, Any]]]:
    """Rows and definitions that say that all frames were brought to one size first: other passports."""
    renamed: dict[str, str] = {}
    found: dict[str, dict[str, Any]] = {}
    said = f"all frames brought to {words(size)} (height x width) by PIL bicubic (antialiased) first"
    for passport, definition in definitions.items():
        stated = {
            **definition,
            "choices": {**cast(Mapping[str, str], definition["choices"]), RESIZED: f"bicubic {words(size)}"},
            "words": {**cast(Mapping[str, str], definition["words"]), RESIZED: said},
        }
        renamed[passport] = content_hash({name: stated[name] for name in _IDENTITY})
        found[renamed[passport]] = stated
    return [replace(row, definition=renamed[row.definition]) for row in rows], found
