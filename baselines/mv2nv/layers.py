"""Layers of MV2NV: encoders, recurrent blocks, residual blocks, up-convolutions.

From: the authors' model code (TensorFlow). No normalisation; every layer has a bias; Glorot uniform.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAK = 0.2
FORGET = 1.0  # added to the forget gate


class Encoder(nn.Module):
    """Convolutions 4 x 4 of stride 2, leaky: (N, inputs, S, S) to the outputs of all of them, largest
    first.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 4, 2, 1) for before, after in pairwise((inputs, *widths))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        found = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), LEAK)
            found.append(x)
        return found


State = tuple[Tensor, Tensor]
"""Memory and output of a cell, (N, C, H, W) each."""


class ConvLstmCell(nn.Module):
    """Convolutional LSTM without peepholes; gates in the order input, candidate, forget, output."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.conv = nn.Conv2d(2 * width, 4 * width, 3, 1, 1)

    def forward(self, x: Tensor, state: State | None) -> State:
        """One step from ``state``, ``None`` = zeros."""
        memory, output = (torch.zeros_like(x), torch.zeros_like(x)) if state is None else state
        let_in, candidate, forget, let_out = self.conv(torch.cat([x, output], 1)).chunk(4, 1)
        memory = (forget + FORGET).sigmoid() * memory + let_in.sigmoid() * candidate.tanh()
        return memory, memory.tanh() * let_out.sigmoid()


class RecurrentBlock(nn.Module):
    """Two cells one after the other; the second one's output is added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cells = nn.ModuleList(ConvLstmCell(width) for _ in range(2))

    def forward(self, x: Tensor, states: Sequence[State] | None) -> tuple[Tensor, list[State]]:
        """Result and states of both cells after one source; ``None`` = the first source."""
        inner, after = x, []
        for place, cell in enumerate(self.cells):
            state = cell(inner, None if states is None else states[place])
            after.append(state)
            inner = state[1]
        return inner + x, after


class ResidualBlock(nn.Module):
    """Residual block of the flow bottleneck.

    As released, the second convolution reads the block's input: the first one has weights, but neither effect
    nor gradient. ``textbook`` = the second one reads the first one's output.
    """

    def __init__(self, width: int, *, textbook: bool = False) -> None:
        super().__init__()
        self.textbook = textbook
        self.first = nn.Conv2d(width, width, 3, 1, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        inner = F.leaky_relu(self.first(x), LEAK) if self.textbook else x
        return F.leaky_relu(self.second(inner) + x, LEAK)


class UpConv(nn.Module):
    """Nearest neighbour x 2, convolution 3 x 3, ReLU."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, width, 2 H, 2 W)."""
        return F.relu(self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest")))


class Head(nn.Module):
    """Convolution 3 x 3 with ReLU, then a linear one: the outputs of a stream at full size."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, width, 3, 1, 1)
        self.second = nn.Conv2d(width, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        result: Tensor = self.second(F.relu(self.first(x)))
        return result


@torch.no_grad()
def glorot(network: nn.Module) -> None:
    """Glorot uniform weights and zero biases in every convolution."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
