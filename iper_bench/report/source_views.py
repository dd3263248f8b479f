"""Clips whose sources do not show the views that were asked for, from the plans of the runs.

The yaw rule (protocols/README.md) takes a candidate from another bin when a clip lacks a view, and a protocol
may list sources without saying what they show. Sources of such a clip are not spread as those of the others,
so every table that stands on one says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from iper_bench.report.evidence import Bench, Evidence, RunFacts

UNSTATED = "the protocol does not state which views its sources show"
NOT_RECORDED = "some view comes from another bin (an older plan, which does not say which)"
ODD_MARK = "¶"  # beside a table with sources of unknown or out-of-bin views


@dataclass(frozen=True)
class OddViews:
    """A clip with a candidate of an unknown or another view.

    Attributes
    ----------
    dataset, protocol, clip: names.
    sn: those whose sources hold such a candidate; empty when only unused candidates are concerned.
    text: which views, in words.
    """

    dataset: str
    protocol: str
    clip: str
    sn: tuple[int, ...]
    text: str


def odd_views(evidence: Evidence) -> list[OddViews]:
    """All such clips of all runs, sorted by dataset, protocol and clip; the sn of all trials of a clip."""
    found: dict[tuple[str, str, str], OddViews] = {}
    for one in (one for facts in evidence.runs for one in _of_run(facts)):
        key = (one.dataset, one.protocol, one.clip)
        before = found.setdefault(key, one)
        found[key] = replace(before, sn=tuple(sorted({*before.sn, *one.sn})))
    return [found[key] for key in sorted(found)]


def odd_sources(evidence: Evidence, bench: Bench, sn: int) -> list[str]:
    """Names of the clips whose sources, for ``sn``, hold an unknown or another view."""
    place = (bench.dataset, bench.protocol)
    return [one.clip for one in odd_views(evidence) if (one.dataset, one.protocol) == place and sn in one.sn]


def views_note(evidence: Evidence, bench: Bench, sn: int) -> str | None:
    """The line below a table that stands on such clips, or ``None``."""
    clips = odd_sources(evidence, bench, sn)
    if not clips:
        return None
    return (
        f"{ODD_MARK} sources of unknown or out-of-bin views (see Coverage): {len(clips)} "
        f"{'clip' if len(clips) == 1 else 'clips'}: {', '.join(clips)}"
    )


def _of_run(facts: RunFacts) -> Iterable[OddViews]:
    dataset = _mapping(facts.plan.get("dataset")).get("name", "")
    protocol = _mapping(facts.plan.get("protocol")).get("name", "")
    for trial in _mapping(facts.plan.get("trials")).values():
        if not isinstance(trial, Mapping) or "source_clip" not in trial:
            continue
        counts = sorted((int(sn), frames) for sn, frames in _mapping(trial.get("sources")).items())
        views = _views(trial.get("views"))
        if views is None:
            known, text = bool(trial.get("views_known", True)), NOT_RECORDED
            sn = () if known else tuple(number for number, _ in counts)
        else:
            sn = tuple(number for number, frames in counts if _any_odd(frames, views))
            known, text = not sn and not any(view.odd for view in views), _words(views)
        if not known:
            place = (str(dataset), str(trial.get("protocol", protocol)), str(trial["source_clip"]))
            yield OddViews(*place, sn, text)


@dataclass(frozen=True)
class _View:
    angle: int | None
    frame: int
    heading: float | None
    own_bin: bool | None

    @property
    def odd(self) -> bool:
        return self.angle is None if self.own_bin is None else not self.own_bin


def _views(content: Any) -> list[_View] | None:
    """The candidates, which the plan holds as one list per fact; ``None`` where an older plan has none."""
    if not isinstance(content, Mapping):
        return None
    facts = [content.get(name) or [] for name in ("angles", "frames", "headings", "own_bin")]
    return [_View(*one) for one in zip(*facts, strict=True)]


def _any_odd(frames: Sequence[int], views: Sequence[_View]) -> bool:
    """Whether some source takes an odd candidate, or none at all. A frame that stands for several views
    (clips of fewer than eight frames) shows its own one first.
    """
    left = sorted(views, key=lambda view: view.odd)
    for frame in frames:
        taken = next((view for view in left if view.frame == frame), None)
        if taken is None or taken.odd:
            return True
        left.remove(taken)
    return False


def _words(views: Sequence[_View]) -> str:
    """Which candidates are odd; without one, it is sources that are no candidates."""
    measured = [view for view in views if view.odd and view.heading is not None]
    if not measured:
        return UNSTATED
    words = (f"view {view.angle}: frame {view.frame}, heading {view.heading:.1f}" for view in measured)
    return f"outside its bin of 45 degrees: {'; '.join(words)}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
