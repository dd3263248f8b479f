"""The generated part of ``docs/metrics.md``: every metric of every profile with its definition, and every
network.

``python -m iper_bench.metrics.definitions_table docs/metrics.md`` rewrites the part between the two markers;
a test keeps the file in step with the profiles.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from iper_bench.atomic import write_text
from iper_bench.errors import UserError
from iper_bench.metrics.backbones import (
    efficientnet_lite0,
    facenet,
    inception,
    lpips_trunks,
    osnet,
    person_detector,
    yolov3_spp,
)
from iper_bench.metrics.metric import METRICS, SETTINGS, Metric
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.weights import Identity

BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"

IDENTITIES: tuple[Identity, ...] = (
    efficientnet_lite0.IDENTITY,
    lpips_trunks.TRUNKS["alex"].identity,
    inception.STANDARD_IDENTITY,
    inception.PAPER_IDENTITY,
    osnet.STANDARD_IDENTITY,
    osnet.PAPER_IDENTITY,
    facenet.IDENTITY,
    person_detector.IDENTITY,
    yolov3_spp.IDENTITY,
)


def markdown() -> str:
    """Tables of metrics, of their definitions per profile, and of the networks."""
    return "\n".join([*_metrics(), *_profiles(), *_networks()])


def inserted(document: str) -> str:
    """``document`` with the part between the markers replaced. Raises UserError without the markers."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError("the markers of the generated part are missing", expected=f"{BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{markdown()}\n{END}{after}"


def _metrics() -> Iterator[str]:
    yield "### Metrics\n"
    yield "| metric | better | range | identical images | needs | setting | file | what |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for metric in METRICS.values():
        identical = "-" if metric.identical is None else f"{metric.identical:g}"
        needs = ", ".join(sorted(metric.needs))
        yield (
            f"| {metric.name} | {metric.direction} | {_range(metric)} | {identical} | {needs} |"
            f" {', '.join(metric.settings)} | `{metric.module}.py` | {metric.summary} |"
        )
    yield ""


def _range(metric: Metric) -> str:
    low = "-inf" if metric.low is None else f"{metric.low:g}"
    high = "inf" if metric.high is None else f"{metric.high:g}"
    return f"{low} to {high}{' ' + metric.unit if metric.unit else ''}"


def _profiles() -> Iterator[str]:
    for name in PROFILES:
        profile = PROFILES.get(name)
        yield f"### Profile `{name}`\n"
        yield f"{profile.summary[0].upper()}{profile.summary[1:]}.\n"
        yield f"Its columns may {'' if profile.comparable else 'not '}stand beside the paper's.\n"
        yield f"Frame: {profile.frame_text}.\n"
        yield "| part | definition |"
        yield "| --- | --- |"
        for metric, (_, text) in profile.pixel.items():
            yield f"| {metric} | {_words(text)} |"
        yield f"| LPIPS | {_words(profile.perceptual_text)} |"
        for source, text in profile.source_texts.items():
            yield f"| {source} features | {_words(text)} |"
        for rule, words in profile.similarity_text.items():
            yield f"| Body-{rule}, Face-{rule} | {words} |"
        for metric, (source, _, text) in profile.sets.items():
            yield f"| {metric} | {source} features; {_words(text)} |"
        yield ""
        for setting in SETTINGS:
            yield f"Measured in setting {setting}: {', '.join(profile.metrics[setting])}.\n"


def _words(text: Mapping[str, object]) -> str:
    return "; ".join(f"{key}: {value}" for key, value in text.items())


def _networks() -> Iterator[str]:
    yield "### Networks\n"
    yield "| name | architecture | file | sha256 begins | licence | where to get it |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for identity in IDENTITIES:
        files = " or ".join(f"`{file}`" for file in identity.files)
        sha256 = f"`{identity.sha256[:12]}`" if identity.sha256 else "recorded as found"
        yield (
            f"| {identity.name} | {identity.architecture} | {files} | {sha256} | {identity.licence} |"
            f" {identity.source} |"
        )
    yield ""


def main(arguments: list[str]) -> int:
    """Rewrite the generated part of the file named in ``arguments``."""
    if len(arguments) != 1:
        raise UserError(
            "one file is needed", hint="python -m iper_bench.metrics.definitions_table docs/metrics.md"
        )
    path = Path(arguments[0])
    write_text(path, inserted(path.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
