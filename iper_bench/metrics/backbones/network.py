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

from iper_bench.metrics.backbones.normalisation import Normalise
from iper_bench.metrics.weights import Identity, WeightFile

DEVICE_BATCH = 32

Image = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]
Forward = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]
Project = Callable[[Features], Features]
Module = TypeVar("Module", bound=torch.nn.Module)


def grey_levels(image: Image) -> torch.Tensor:
    """uint8 (h, w, 3) to float32 (3, h, w) in [0, 255]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float()


class Network:
    """One feature network ready to run.

    Parameters
    ----------
    identity: who it is.
    file: the weights that were loaded.
    normalise: float32 grey levels (3, H, W) in [0, 255], RGB, to the input (3, H, W); it does not resize.
    forward: inputs (B, 3, H, W) to one or more feature tensors, each with the batch first.
    device: where ``forward`` expects its input.
    project: features (n, d) to class logits (n, classes), float32; ``None`` for a network without classes.

    ``normalise``, ``project`` and ``label`` (name and hash of the weights) are attributes.
    """

    def __init__(
        self,
        identity: Identity,
        file: WeightFile,
        normalise: Normalise,
        forward: Forward,
        device: torch.device,
        *,
        project: Project | None = None,
    ) -> None:
        self.identity = identity
        self.label = identity.label(file.sha256)
        self.normalise = normalise
        self.project = project
        self._forward = forward
        self._device = device

    def features(self, images: Sequence[Image]) -> list[tuple[Features, ...]]:
        """Feature tensors of each image without the batch axis, float32, in order.

        Images are uint8 (h, w, 3), at the size that the network is to see.
        """
        return self.features_of_inputs([self.normalise(grey_levels(image)) for image in images])

    def features_of_inputs(self, inputs: Sequence[torch.Tensor]) -> list[tuple[Features, ...]]:
        """The same from normalised float32 (3, H, W) inputs of one shape."""
        size = 1 if self._device.type == "cpu" else DEVICE_BATCH
        results: list[tuple[Features, ...]] = []
        for start in range(0, len(inputs), size):
            chunk = list(inputs[start : start + size])
            padded = torch.stack(chunk + chunk[-1:] * (size - len(chunk))).to(self._device)
            with torch.inference_mode():
                outputs = [tensor.float().cpu().numpy() for tensor in self._forward(padded)]
            results.extend(tuple(tensor[row] for tensor in outputs) for row in range(len(chunk)))
        return results

    def embed(self, images: Sequence[Image]) -> Features:
        """First feature tensor of each image, flattened, (N, d) float32."""
        return np.stack([outputs[0].ravel() for outputs in self.features(images)])


def frozen(module: Module, device: torch.device, *, interleaved: bool = False) -> Module:
    """Eval mode, no gradients, on the device.

    ``interleaved``: on a CPU, channels last in memory, which saves an eighth of AlexNet's time, a fifth of
    Inception's and over half of SqueezeNet's, mostly in max pools. Values move by rounding alone.
    """
    module = module.eval().requires_grad_(False).to(device)
    if interleaved and device.type == "cpu":
        module.to(memory_format=torch.channels_last)
    return module
