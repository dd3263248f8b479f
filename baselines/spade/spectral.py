"""Convolution with spectral normalisation, under the names of the classic PyTorch hook.

From: Spectral Normalization for GANs (Miyato et al., ICLR 2018). Keys ``weight_orig``, ``weight_u``,
``weight_v`` as in the released checkpoints. Differs: the normalised weight is computed where it is used, so
that a network can be copied at any time; fresh vectors have had some power iterations, so that a network
that never trained does not divide by a meaningless number.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SMALLEST = 1e-12  # norms are at least this (PyTorch's hook)
_FIRST_ITERATIONS = 15  # of a fresh layer


class SpectralConv2d(nn.Module):
    """Square convolution whose weight is divided by its largest singular value.

    In training mode every forward pass does one power iteration and keeps the vectors; in evaluation mode
    the stored vectors are used.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self, channels: int, out: int, kernel: int, *, stride: int = 1, padding: int = 0, bias: bool = True
    ) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        self.bias = nn.Parameter(torch.zeros(out)) if bias else None
        self.weight_orig = nn.Parameter(torch.empty(out, channels, kernel, kernel))
        nn.init.xavier_normal_(self.weight_orig)
        self.register_buffer("weight_u", F.normalize(torch.randn(out), dim=0, eps=_SMALLEST))
        self.register_buffer(
            "weight_v", F.normalize(torch.randn(channels * kernel * kernel), dim=0, eps=_SMALLEST)
        )
        self.settle()

    @torch.no_grad()
    def settle(self, iterations: int = _FIRST_ITERATIONS) -> None:
        """Power iterations without a forward pass; none for a network without values."""
        if self.weight_orig.is_meta:
            return
        for _ in range(iterations):
            self._iterate()

    @torch.no_grad()
    def _iterate(self) -> None:
        matrix = self.weight_orig.flatten(1)
        v = F.normalize(matrix.t() @ self.weight_u, dim=0, eps=_SMALLEST)
        self.weight_v.copy_(v)
        self.weight_u.copy_(F.normalize(matrix @ v, dim=0, eps=_SMALLEST))

    def sigma(self) -> Tensor:
        """The weight's largest singular value as the stored vectors see it; scalar."""
        # Copies: later iterations change the vectors in place, while this pass may still wait for gradients.
        u, v = self.weight_u.clone(), self.weight_v.clone()
        return torch.dot(u, self.weight_orig.flatten(1) @ v)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, out, H', W')."""
        if self.training:
            self._iterate()
        return F.conv2d(x, self.weight_orig / self.sigma(), self.bias, self.stride, self.padding)
