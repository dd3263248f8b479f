"""The progress bar: items pass unchanged, the status stands at the end, a terminal sees a bar."""

from __future__ import annotations

import io
import re
import sys

import pytest

from iper_bench.progress import track


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_plain_lines_name_count_and_last_status(capsys: pytest.CaptureFixture[str]) -> None:
    losses = iter([3.0, 2.5])
    assert list(track([1, 2, 3], "reading")) == [1, 2, 3]
    assert list(track(iter("ab"), "training", total=2, status=lambda: f"loss {next(losses)}")) == ["a", "b"]
    assert capsys.readouterr().err.splitlines() == [
        "reading: start, 3 items",
        "reading: done, 3 items",
        "training: start, 2 items",
        "training: done, 2 items, loss 3.0",
    ]


def test_nothing_done_has_no_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([], "training", status=lambda: "loss")) == []
    assert capsys.readouterr().err.splitlines()[-1] == "training: done, 0 items"


def test_terminal_sees_count_time_left_and_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    losses = iter([0.5, 0.25])
    assert list(track(range(2), "training", status=lambda: f"loss {next(losses):.2f} [x]")) == [0, 1]
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()).splitlines()[-1]
    assert "training" in last
    assert "2/2" in last
    assert "0:00:00" in last
    assert "loss 0.25 [x]" in last  # brackets are no markup


def test_leaving_early_closes_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    for item in track(range(5), "training"):
        if item == 2:
            break
    assert list(track(range(1), "again")) == [0]  # a second live bar would raise
