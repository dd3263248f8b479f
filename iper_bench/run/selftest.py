"""``selftest``: whether this machine measures what the machine measured on which the golden values were
made.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from iper_bench.metrics.golden.measurement import bench_of, box_values, cases, measured
from iper_bench.metrics.golden.pairs import golden_pairs
from iper_bench.metrics.golden.seeded_bench import SeededBench
from iper_bench.metrics.golden.stored_value import (
    PIP,
    SEEDED,
    Golden,
    StoredValue,
    choices_hash,
    golden_values,
)
from iper_bench.metrics.profiles import PROFILES
from iper_bench.run.environment import environment

SHOWN_PACKAGES = ("torch", "torchvision", "numpy", "scipy", "opencv-python-headless", "pillow")


@dataclass(frozen=True)
class Check:
    """One stored value against this machine's.

    Attributes
    ----------
    stored: the value that is expected. allowed: how far from it a value may lie.
    measured: this machine's value, or ``None``.
    reason: why there is none.
    """

    stored: StoredValue
    allowed: float
    measured: float | None
    reason: str | None = None

    @property
    def deviation(self) -> float | None:
        """Distance of the two values."""
        return None if self.measured is None else abs(self.measured - self.stored.value)

    @property
    def passed(self) -> bool:
        """Whether the value is there and near enough; NaN is not."""
        return self.deviation is not None and self.deviation <= self.allowed

    @property
    def share(self) -> float:
        """Deviation in units of what is allowed, to rank values of different scales."""
        if self.deviation is None:
            return float("inf")
        return self.deviation / self.allowed if self.allowed else float("inf") * bool(self.deviation)


@dataclass(frozen=True)
class SelftestReport:
    """All checks, and the machine.

    Attributes
    ----------
    checks: in the order of the stored values.
    environment: see ``run/environment.py``.
    made_with: the same of the machine on which the stored values were made.
    seconds: how long it took.
    left: stored values of these profiles that were not checked (``--all`` checks them).
    """

    checks: tuple[Check, ...]
    environment: dict[str, Any]
    made_with: dict[str, Any]
    seconds: float
    left: int

    @property
    def failed(self) -> list[Check]:
        """Values out of tolerance or missing."""
        return [one for one in self.checks if not one.passed]

    @property
    def exit_status(self) -> int:
        """0 when every value is within its tolerance, else 1."""
        return 1 if self.failed else 0

    @property
    def summary(self) -> str:
        """One line for people."""
        count = len(self.checks)
        if self.failed:
            head = f"{len(self.failed)} of {count} values are out of tolerance"
        else:
            head = f"{count} values within tolerance"
        there = [one for one in self.checks if one.deviation is not None]
        if there:
            worst = max(there, key=lambda one: one.share)
            share = "" if worst.allowed == 0 else f", {worst.share:.2g} of what is allowed"
            head += (
                f"; largest deviation {worst.deviation:.3g} ({worst.stored.metric}, {worst.stored.profile},"
                f" {worst.stored.setting}{share})"
            )
        later = f"; {self.left} more with seeded weights: --all" if self.left else ""
        return f"{head}; {self.seconds:.1f} s{later}"

    @property
    def machine(self) -> str:
        """One line: versions, threads, device."""
        packages = self.environment["packages"]
        versions = ", ".join(f"{name} {packages.get(name)}" for name in SHOWN_PACKAGES)
        gpu = f" ({self.environment['gpu']})" if self.environment["device"] != "cpu" else ""
        return (
            f"{versions}; {self.environment['threads']} threads; device {self.environment['device']}{gpu};"
            f" {self.environment['machine']}"
        )

    def content(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "summary": self.summary,
            "passed": not self.failed,
            "seconds": self.seconds,
            "environment": self.environment,
            "made_with": self.made_with,
            "checks": [
                {
                    **asdict(one.stored),
                    "measured": one.measured,
                    "deviation": one.deviation,
                    "allowed": one.allowed,
                    "passed": one.passed,
                    "reason": one.reason,
                }
                for one in self.checks
            ],
        }


def selftest(profiles: Sequence[str] = (), *, device: str = "cpu", seeded: bool = False) -> SelftestReport:
    """Measure the golden pairs and compare.

    Parameters
    ----------
    profiles: names; empty means all.
    device: torch device of the networks.
    seeded: also the networks whose weights pip does not bring, with seeded weights.

    Raises UserError for an unknown profile, and for stored files that are missing or damaged.
    """
    start = time.perf_counter()
    names = [PROFILES.get(name).name for name in profiles] or list(PROFILES)
    golden = golden_values()
    found: dict[tuple[str, str, str, str], tuple[float | None, str | None]] = {}
    kinds = (PIP, SEEDED) if seeded else (PIP,)
    for weights in kinds:
        found.update(values_here(names, weights, golden, device))
    of_profiles = [one for one in golden.values if one.profile in names]
    wanted = [one for one in of_profiles if one.weights in kinds]
    on_gpu = not device.startswith("cpu")
    return SelftestReport(
        tuple(
            Check(one, golden.allowed(one, on_gpu=on_gpu), *found.get(one.key, (None, "no such metric")))
            for one in wanted
        ),
        environment(device, (0,)),
        dict(golden.made_with),
        round(time.perf_counter() - start, 3),
        len(of_profiles) - len(wanted),
    )


def values_here(
    profiles: Sequence[str], weights: str, golden: Golden | None, device: str
) -> dict[tuple[str, str, str, str], tuple[float | None, str | None]]:
    """Values of this machine by :attr:`StoredValue.key`, each with the reason where there is none.

    ``golden``: measure what is stored only; ``None`` measures all that can be.
    """
    stored = None if golden is None else {one.key: one for one in golden.values}
    wanted = [case for case in cases(profiles, weights) if stored is None or (weights, *case.key) in stored]
    pairs = golden_pairs()
    bench = bench_of(weights, device)
    found: dict[tuple[str, str, str, str], tuple[float | None, str | None]] = {}
    try:
        for case, value in measured(wanted, pairs, bench):
            key = (weights, *case.key)
            found[key] = (value.value, value.reason)
            if stored is not None and stored[key].definition != choices_hash(case.definition):
                found[key] = (None, "measured by another definition than the stored value")
        if weights == SEEDED:
            for (profile, name), corner in box_values(profiles, pairs, bench).items():
                found[SEEDED, profile, "self", name] = (corner, None if corner is not None else "no box")
    finally:
        if isinstance(bench, SeededBench):
            bench.close()
    return found
