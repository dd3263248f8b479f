"""VGG19 as a ladder of layers, for the perceptual terms of the originals: each takes its own layers, its own
input range and its own distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import load_strict, read_state_dict
from iper_bench.lwg.perceptual import FrozenModule

#: convolution channels of torchvision's ``features`` (configuration E), M = pooling
PLAN: tuple[int | str, ...] = (
    *(64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M"),
    *(512, 512, 512, 512, "M", 512, 512, 512, 512, "M"),
)
RELU1_1, RELU1_2, RELU2_1, RELU2_2, RELU3_1, RELU4_1, RELU5_1 = 1, 3, 6, 8, 11, 20, 29


class Vgg19(FrozenModule):
    """Frozen layers 0 to ``last``; keys ``<index>.weight`` as in torchvision's ``features``.

    Parameters
    ----------
    last: torchvision index of the last layer. divisor: of all channel counts (a slim network of the same
        layout). pooling: ``"max"`` as trained, or ``"avg"``.
    """

    def __init__(
        self, last: int = RELU5_1, *, divisor: int = 1, pooling: Literal["max", "avg"] = "max"
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for entry in PLAN:
            if isinstance(entry, int):
                width = entry // divisor
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            else:
                layers.append(nn.MaxPool2d(2) if pooling == "max" else nn.AvgPool2d(2))
        if not 0 <= last < len(layers):
            raise ValueError(f"layer {last}; expected 0 to {len(layers) - 1}")
        self.last = last
        for index, layer in enumerate(layers[: last + 1]):
            self.add_module(str(index), layer)
        self.freeze()

    def forward(self, x: Tensor, indices: Sequence[int]) -> list[Tensor]:
        """(N, 3, H, W) to the outputs of the layers ``indices``, rising; the range is the caller's."""
        found = []
        for index, layer in enumerate(self.children()):
            x = layer(x)
            if index in indices:
                found.append(x)
            if index == max(indices):
                break
        if len(found) != len(set(indices)):
            raise ValueError(f"layers {list(indices)}; expected numbers up to {self.last}")
        return found

    def load_torchvision(self, state: Mapping[str, Tensor], *, source: str) -> None:
        """Load ``features.<index>.*`` of a torchvision VGG19; later layers are left out. Raises UserError
        when keys or shapes differ.
        """
        own = self.state_dict()
        part = {key.removeprefix("features."): value for key, value in state.items()}
        load_strict(self, {key: value for key, value in part.items() if key in own}, source=source)


def vgg19_of(path: Path | None, last: int = RELU5_1, *, pooling: Literal["max", "avg"] = "max") -> Vgg19:
    """VGG19 with the weights of a torchvision file (``vgg19-dcbb9e9d.pth``). Raises UserError without one,
    and for a file that does not fit.
    """
    if path is None:
        raise UserError(
            "the perceptual term needs the weights of VGG19",
            where="settings, field 'perceptual'",
            expected="a torchvision file, for example vgg19-dcbb9e9d.pth",
            hint="--perceptual-weights FILE, or --preset tiny",
        )
    network = Vgg19(last, pooling=pooling)
    network.load_torchvision(read_state_dict(path), source=str(path))
    return network
