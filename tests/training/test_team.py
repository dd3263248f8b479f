"""Interrupts and the team of one process; several processes: ``test_two_processes.py``."""

from __future__ import annotations

import signal

import pytest
import torch
from torch import nn

from iper_bench.errors import UserError
from iper_bench.training import interrupts
from iper_bench.training.interrupts import StopRequest
from iper_bench.training.team import Team, as_float


def test_first_signal_is_noted_its_echo_passed_over_and_another_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert not stop.seen
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert stop.seen
        monkeypatch.setattr(interrupts, "ECHO", -1.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) == before
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_team_of_one_changes_nothing() -> None:
    team = Team("cpu")
    assert (team.rank, team.size, team.leads) == (0, 1, True)
    network = nn.Linear(2, 1)
    assert team.place(network) is network
    assert team.lowered(network) is network
    team.backward(network(torch.ones(1, 2)).sum())
    team.average_gradients(network.parameters())
    assert torch.equal(network.weight.grad, torch.ones(1, 2))
    assert team.any(True)
    assert not team.any(False)
    assert team.mean({"a": 2.0}) == {"a": 2.0}
    assert team.scaler_state() is None


def test_lower_precision_is_rounded_and_comes_back_as_float32() -> None:
    """bfloat16 has 8 significant bits: 1 + 2**-8 is lost in the product."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0 + 2.0**-8)
    given = torch.ones(1, 1)
    with torch.no_grad():
        lowered = Team("cpu", "bf16").lowered(network)(given)
        assert lowered.dtype == torch.float32
        assert lowered.item() == 1.0
        assert Team("cpu", "no").lowered(network)(given).item() == 1.0 + 2.0**-8


def test_only_floating_tensors_are_turned() -> None:
    whole = torch.tensor([3])
    made = as_float((torch.ones(1, dtype=torch.bfloat16), [whole, None], {"a": 1}))
    assert made[0].dtype == torch.float32
    assert made[1][0] is whole
    assert made[1][1] is None


def test_bad_precision_is_one_line() -> None:
    with pytest.raises(UserError, match="bf16"):
        Team("cpu", "bf17")
    with pytest.raises(UserError, match="fp16 needs a GPU"):
        Team("cpu", "fp16")


def test_a_gradient_that_only_another_process_has_counts_as_zero_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two processes: the other one has gradients 4 for the second and third weight, this one 2 for the first
    two; the fourth has none anywhere.
    """
    team = Team("cpu")
    team.size = 2
    weights = [nn.Parameter(torch.zeros(1)) for _ in range(4)]
    for weight in weights[:2]:
        weight.grad = torch.full((1,), 2.0)
    theirs = iter([torch.tensor([0.0, 1.0, 1.0, 0.0]), torch.tensor([0.0, 4.0, 4.0])])

    def reduce(ours: torch.Tensor, kind: str) -> torch.Tensor:
        total = ours + next(theirs)
        return total / 2 if kind == "mean" else total

    monkeypatch.setattr(team._accelerator, "reduce", reduce)
    team.average_gradients(weights)
    assert [None if w.grad is None else w.grad.item() for w in weights] == [1.0, 3.0, 2.0, None]
