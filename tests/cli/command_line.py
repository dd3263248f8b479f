"""Running command lines inside the test process, so that a test costs milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from iper_bench.cli.main import invoke


@dataclass(frozen=True)
class Outcome:
    """Exit status and what was printed."""

    status: int
    out: str
    err: str


def run_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """Run ``iper-bench *arguments``."""
    capsys.readouterr()
    status = invoke(arguments)
    printed = capsys.readouterr()
    return Outcome(status, printed.out, printed.err)


def assert_one_line(outcome: Outcome, *words: str, status: int = 2) -> None:
    """The command failed with one line on standard error that holds every word."""
    assert outcome.status == status, outcome.err
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("iper-bench: "), lines[0]
    for word in words:
        assert word in lines[0], f"{word!r} not in {lines[0]!r}"


def gate_update(run: Path | str, baseline: Path) -> list[str]:
    """The arguments of ``iper-bench gate update``."""
    return ["gate", "update", str(run), "--baseline", str(baseline), "--reason", "new numbers"]
