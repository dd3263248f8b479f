"""What a pre-flight found: findings, the clip they concern, the report of all clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from iper_bench.data.frame_name import Id, printable

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)
FORMAT = 1
FOUND = 1  # exit status of a pre-flight that found errors


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing.

    Attributes
    ----------
    severity: ``"error"``: the numbers would be missing or wrong; ``"warning"``: they may not mean what they
        seem to; ``"note"``: worth knowing.
    kind: its name in the JSON, see docs/check.md.
    text: what is wrong, without the frames.
    frames: the expected frames concerned; empty where it is about the clip as a whole.
    advice: what to do.
    """

    severity: str
    kind: str
    text: str
    frames: tuple[Id, ...] = ()
    advice: str = ""

    @property
    def where(self) -> str:
        """The frames as ranges."""
        return ranges(self.frames)

    def content(self) -> dict[str, Any]:
        """Plain values for JSON."""
        frames = [printable(one) if isinstance(one, str) else one for one in self.frames]
        return {**asdict(self), "frames": frames, "ranges": self.where}


@dataclass(frozen=True)
class ClipCheck:
    """One clip.

    Attributes
    ----------
    name: of the clip. source: the folder or video, ``None`` where there is none.
    expected: frames that are asked for. given: frames that were handed in. usable: pairs that can be
        measured.
    numbering: how predictions are numbered, in words; empty when that could not be told.
    """

    name: str
    source: str | None
    expected: int
    given: int
    usable: int
    numbering: str
    findings: tuple[Finding, ...] = ()

    def count(self, severity: str) -> int:
        """Findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def content(self) -> dict[str, Any]:
        """Plain values for JSON."""
        findings = [finding.content() for finding in self.findings]
        return {**asdict(self), "name": printable(self.name), "findings": findings}


@dataclass(frozen=True)
class CheckReport:
    """All clips.

    Attributes
    ----------
    name: what the predictions are called. predictions: where they lie. against: what they were checked with.
    findings: about the folder as a whole.
    """

    name: str
    predictions: str
    against: str
    clips: tuple[ClipCheck, ...]
    findings: tuple[Finding, ...] = field(default=())

    def count(self, severity: str) -> int:
        """Findings of a severity over everything."""
        own = sum(finding.severity == severity for finding in self.findings)
        return own + sum(clip.count(severity) for clip in self.clips)

    @property
    def exit_status(self) -> int:
        """0 when there is no error, else :data:`FOUND`."""
        return FOUND if self.count(ERROR) else 0

    @property
    def summary(self) -> str:
        """One line."""
        usable, asked = (sum(getattr(clip, name) for clip in self.clips) for name in ("usable", "expected"))
        counts = ", ".join(_plural(self.count(severity), severity) for severity in SEVERITIES)
        return (
            f"{self.name}: {usable} of {asked} frames usable in {_plural(len(self.clips), 'clip')}; {counts}"
        )

    def content(self) -> dict[str, Any]:
        """Plain values for JSON; format number first."""
        return {
            "format": FORMAT,
            "name": self.name,
            "predictions": self.predictions,
            "against": self.against,
            "summary": self.summary,
            "counts": {severity: self.count(severity) for severity in SEVERITIES},
            "exit_status": self.exit_status,
            "findings": [finding.content() for finding in self.findings],
            "clips": [clip.content() for clip in self.clips],
        }


def ranges(ids: Iterable[Id]) -> str:
    """``[0, 1, 2, 7, "a"]`` -> ``"0-2, 7, a"``."""
    listed = list(ids)
    numbers = sorted({one for one in listed if isinstance(one, int)})
    parts: list[str] = []
    start = 0
    for place, number in enumerate(numbers):
        if place + 1 == len(numbers) or numbers[place + 1] != number + 1:
            first = numbers[start]
            parts.append(str(first) if first == number else f"{first}-{number}")
            start = place + 1
    return ", ".join([*parts, *sorted({printable(one) for one in listed if isinstance(one, str)})])


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors first; otherwise in the order found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
