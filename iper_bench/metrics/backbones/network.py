"""``Network``: a loaded feature network, its identity, and the rule that keeps features independent of
batches.

On a CPU every image goes through alone: convolution kernels are chosen by shape, so a batch of 16 and a batch
of 5 differ in the last bits, and one thread gains nothing from larger batches. On other devices images go in
fixed-size batches, the last one padded, so that the shape never changes; the bits there depend on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.metrics.weights import Identity, WeightFile

DEVICE_BATCH = 32

Image = npt.NDArray[np.uint8]
Prepare = Callable[[Image], torch.Tensor]
Forward = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]
Module = TypeVar("Module", bound=torch.nn.Module)


class Network:
    """One feature network ready to run.

    Parameters
    ----------
    identity: who it is.
    file: the weights that were loaded.
    prepare: one uint8 (h, w, 3) image to one float32 (3, H, W) input.
    forward: inputs (B, 3, H, W) to one or more feature tensors, each with the batch first.
    device: where ``forward`` expects its input.

    ``prepare`` and ``label`` (name and hash of the weights) are attributes.
    """

    def __init__(
        self, identity: Identity, file: WeightFile, prepare: Prepare, forward: Forward, device: torch.device
    ) -> None:
        self.identity = identity
        self.label = identity.label(file.sha256)
        self.prepare = prepare
        self._forward = forward
        self._device = device

    def features(self, images: Sequence[Image]) -> list[tuple[npt.NDArray[np.float32], ...]]:
        """Feature tensors of each image without the batch axis, float32, in order.

        Images are uint8 (h, w, 3).
        """
        return self.features_of_inputs([self.prepare(image) for image in images])

    def features_of_inputs(self, inputs: Sequence[torch.Tensor]) -> list[tuple[npt.NDArray[np.float32], ...]]:
        """The same from prepared float32 (3, H, W) inputs of one shape."""
        size = 1 if self._device.type == "cpu" else DEVICE_BATCH
        results: list[tuple[npt.NDArray[np.float32], ...]] = []
        for start in range(0, len(inputs), size):
            chunk = list(inputs[start : start + size])
            padded = torch.stack(chunk + chunk[-1:] * (size - len(chunk))).to(self._device)
            with torch.inference_mode():
                outputs = [tensor.float().cpu().numpy() for tensor in self._forward(padded)]
            results.extend(tuple(tensor[row] for tensor in outputs) for row in range(len(chunk)))
        return results

    def embed(self, images: Sequence[Image]) -> npt.NDArray[np.float32]:
        """First feature tensor of each image, flattened, (N, d) float32."""
        return np.stack([outputs[0].ravel() for outputs in self.features(images)])


def frozen(module: Module, device: torch.device) -> Module:
    """Eval mode, no gradients, on the device."""
    return module.eval().requires_grad_(False).to(device)
