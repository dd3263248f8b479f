"""The number of threads depends on the command line, the environment and the machine, in this order."""

from __future__ import annotations

import os

import pytest

from iper_bench.cli.threads import MOST_THREADS, SPIN_ROUNDS, set_threads, thread_count, usable_cores
from iper_bench.errors import UserError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    clean: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", clean)
    return clean


def test_asked_wins_over_the_environment(environment: dict[str, str]) -> None:
    environment["OMP_NUM_THREADS"] = "7"
    environment["MKL_NUM_THREADS"] = "9"
    assert set_threads(3) == 3
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["MKL_NUM_THREADS"] == "3"


def test_environment_wins_over_the_machine(environment: dict[str, str]) -> None:
    environment["OMP_NUM_THREADS"] = "7,2"
    assert set_threads(None) == 7
    assert environment["OMP_NUM_THREADS"] == "7,2"


def test_default_depends_on_the_cores_alone(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (50.0, 50.0, 50.0))
    assert thread_count(None) == min(usable_cores(), MOST_THREADS)


@pytest.mark.parametrize("value", ["0", "-1", "many", "2.5"])
def test_nonsense_in_the_environment_is_refused(value: str, environment: dict[str, str]) -> None:
    environment["OMP_NUM_THREADS"] = value
    with pytest.raises(UserError, match="OMP_NUM_THREADS"):
        thread_count(None)


def test_spinning_is_shortened_unless_the_user_chose(environment: dict[str, str]) -> None:
    set_threads(None)
    assert environment["GOMP_SPINCOUNT"] == str(SPIN_ROUNDS)
    environment.clear()
    environment["OMP_WAIT_POLICY"] = "ACTIVE"
    set_threads(None)
    assert "GOMP_SPINCOUNT" not in environment
