"""``Profile``: exact metric definitions under one name, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iper_bench.errors import UserError, unknown_name
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.detectors import GIVEN, PERSON_DETECTORS
from iper_bench.metrics.metric import SETTINGS, Setting

Definitions = tuple[Definition, ...]
ALL = "all"


@dataclass(frozen=True)
class Profile:
    """One set of exact definitions.

    Attributes
    ----------
    name, summary: for rows and documentation.
    comparable: whether its columns may stand beside the paper's.
    why_not: what to say where they may not.
    metrics: definitions per setting that are measured by default, in the order of columns.
    on_request: further ones, measured when they are named.
    fixed_detector: whether its person detector is part of what the profile stands for.
    """

    name: str
    summary: str
    comparable: bool
    why_not: str
    metrics: Mapping[Setting, Definitions]
    on_request: Mapping[Setting, Definitions]
    fixed_detector: bool = False

    def every(self, setting: Setting) -> Definitions:
        """All definitions of a setting."""
        return self.metrics[setting] + self.on_request[setting]

    def names(self) -> list[str]:
        """All metrics of both settings, sorted."""
        return sorted({one.metric for setting in SETTINGS for one in self.every(setting)})

    def definition(self, metric: str, setting: Setting | None = None) -> Definition:
        """The definition of a metric in a setting, or in the first one that has it. Raises UserError with the
        nearest names.
        """
        for one in SETTINGS if setting is None else (setting,):
            for definition in self.every(one):
                if definition.metric == metric:
                    return definition
        raise unknown_name("metric", metric, self.names(), where=f"profile {self.name}")


def chosen(
    profiles: Sequence[Profile], metrics: Sequence[str] | None, person_detector: str | None
) -> dict[str, dict[Setting, Definitions]]:
    """Per profile and setting what is measured: the profile's defaults, or the metrics that are named
    (``all`` for everything).

    Raises UserError for a metric that none of the profiles has, or an unknown person detector.
    """
    if person_detector is not None and person_detector not in PERSON_DETECTORS:
        raise unknown_name("person detector", person_detector, PERSON_DETECTORS)
    if metrics is not None and not metrics:
        raise UserError("no metric is named", where="--metrics", expected="names with commas between")
    for name in metrics or ():
        known = sorted({one for profile in profiles for one in profile.names()})
        if name != ALL and name not in known:
            raise unknown_name(
                "metric", name, known, where=f"profile {', '.join(profile.name for profile in profiles)}"
            )

    def wanted(profile: Profile, setting: Setting) -> Definitions:
        if metrics is None:
            found = profile.metrics[setting]
        else:
            found = tuple(one for one in profile.every(setting) if ALL in metrics or one.metric in metrics)
        if person_detector is None or profile.fixed_detector:
            return found
        return tuple(with_person_detector(one, person_detector) for one in found)

    return {profile.name: {setting: wanted(profile, setting) for setting in SETTINGS} for profile in profiles}


def with_person_detector(definition: Definition, name: str) -> Definition:
    """The definition with another person detector; one that looks for no person stays as it is."""
    if definition.get("detector", "") not in PERSON_DETECTORS:
        return definition
    if definition.get("box", "") not in ("1.05", "clipped"):  # a rate has none; a legacy box stays
        return definition.having(detector=name)
    # given boxes come enlarged
    return definition.having(detector=name, box="clipped" if name == GIVEN else "1.05")
