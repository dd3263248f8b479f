"""Reptile: weights from which a few steps on a few frames make a person-specific network.

From: Lee, Ramanan and Girdhar, "MetaPix: Few-Shot Video Retargeting" (ICLR 2020) and the loops of its
released code. One meta-iteration trains on one video (task) from the present weights theta to phi and moves
theta towards phi. Must agree with the ``metapix_reptile`` oracles (1e-9 in float64).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

State = dict[str, dict[str, Tensor]]

FIRST_FRAME = 100  # of the frames that the released picker takes


def linear_epsilon(epsilon: float, iteration: int, iterations: int) -> float:
    """Of meta-iteration ``iteration`` (from 0): from ``epsilon`` in equal steps towards 0."""
    return epsilon * (1.0 - iteration / iterations)


def inner_rate(rate: float, step: int, constant: int, decay: int) -> float:
    """Of inner step ``step`` (from 0): ``rate`` for ``constant`` + 1 steps, then less by rate / decay."""
    return rate * (1.0 - max(0, step - constant) / decay) if decay else rate


def copied(networks: Mapping[str, nn.Module]) -> State:
    """Copies of all weights; ``state_dict`` alone would be views of the live ones."""
    return {
        name: {key: value.detach().clone() for key, value in network.state_dict().items()}
        for name, network in networks.items()
    }


@torch.no_grad()
def move_towards(networks: Mapping[str, nn.Module], theta: State, epsilon: float) -> None:
    """Set every weight to theta + epsilon (phi - theta), phi being the present one; what is no floating point
    number (counters) stays phi's.
    """
    for name, network in networks.items():
        for key, phi in network.state_dict().items():
            if phi.is_floating_point():
                start = theta[name][key]
                phi.copy_(start + epsilon * (phi - start))


def meta_iteration(
    networks: Mapping[str, nn.Module],
    inner: Callable[[], None],
    epsilon: float,
    *,
    fixed: Mapping[str, nn.Module] | None = None,
) -> None:
    """Train on one task and move towards the result.

    Parameters
    ----------
    networks: hold theta before and after. inner: trains them on the task in place.
    fixed: by name, weights from which a network begins every task in place of theta, which is still moved
        (the discriminator of the released generator-only switch).
    """
    theta = copied(networks)
    for name, start in (fixed or {}).items():
        networks[name].load_state_dict(start.state_dict())
    inner()
    move_towards(networks, theta, epsilon)


def pick_frames(length: int, count: int) -> list[int]:
    """The frames of a video of ``length`` that the released code fine-tunes on: from frame 100 in equal
    steps. As released, fewer than ``count`` come out where the steps are short, none where ``count`` of them
    are no more than 100 frames. Raises ValueError for a video that is too short for a step.
    """
    step = (length - FIRST_FRAME) // count
    if step < 1:
        raise ValueError(f"{length} frames; expected at least {FIRST_FRAME + count} for {count}")
    return list(range(FIRST_FRAME, count * step, step))


def cyclic_batch(frames: int, batch: int) -> list[int]:
    """The ``batch`` places of one inner step among ``frames``: in turn, and again from the first."""
    return [place % frames for place in range(batch)]
