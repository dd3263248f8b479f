"""One measured value with everything needed to reproduce and compare it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One number of one unit.

    Attributes
    ----------
    unit: content hash of method x trial x sn x T x seed.
    method, dataset, protocol, task, setting: names.
    trial: readable trial name; ``"*"`` for a value over the whole set (FID, Body-FD, Face-FD).
    clip: source clip name, the grouping of intervals; ``"*"`` for a value over the whole set.
    sn, steps, seed: number of sources, personalization steps T, seed.
    profile: metric profile, for example ``"offline"``.
    metric: metric name, for example ``"PSNR"``.
    value: the number, or ``None`` when it could not be computed.
    reason: why ``value`` is missing, else ``None``.
    count: frames that entered the value.
    total: frames that could have entered it (coverage = count / total).
    per_frame: values per frame where the metric has them (``None`` entries for frames left out), else
        ``None``.
    backbone: name and sha256 prefix of the feature network, or ``None`` for pixel metrics.
    definition: content hash of the profile's definition of the metric.
    provenance: versions, device, dtype, protocol hash, dataset fingerprint, method identity.
    average: the rule of ``averages.py`` by which ``value`` follows from ``per_frame``.
    detections: frames with a face or a body in the ``reference``, the ``prediction`` and in ``both``, of
        ``frames``; ``None`` for metrics that look for nothing.
    pairs: leading entries of ``per_frame`` that have a partner and are averaged over; ``None`` for all.
    actor: who is seen in the source clip; empty when not recorded.
    place: position of the trial among those of its setting, in the order of the protocol.

    The last four have defaults, so that files written without them are read.
    """

    unit: str
    method: str
    dataset: str
    protocol: str
    task: str
    setting: str
    trial: str
    clip: str
    sn: int
    steps: int
    seed: int
    profile: str
    metric: str
    value: float | None
    reason: str | None
    count: int
    total: int
    per_frame: list[float | None] | None
    backbone: str | None
    definition: str
    provenance: dict[str, str] = field(default_factory=dict)
    average: str = "frames"
    detections: dict[str, int] | None = None
    pairs: int | None = None
    actor: str = ""
    place: int = 0

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that :meth:`from_json` reads back."""
        return asdict(self)

    @staticmethod
    def from_json(content: dict[str, Any]) -> Row:
        """Read a row back. Raises TypeError for unknown or missing fields."""
        return Row(**content)
