"""How frames are rendered: the interface that all generators share, and options of speed.

Options that can change more than the last digits of a frame are part of a method's identity
(:meth:`InferenceOptions.identity`); the others are not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from iper_bench.errors import UserError, unknown_name
from iper_bench.lwg.config import GeneratorConfig
from iper_bench.lwg.features import SourceFeatures
from iper_bench.lwg.prepared import PreparedSources

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
Rendered = tuple[Tensor, Tensor]
CUDA_BATCH = 8  # targets per pass; a guess: no CUDA device was at hand (benchmarks/inference.py measures it)
CPU_BATCH = 1  # larger batches were not faster on a CPU (benchmarks/inference.py, --batches)


class Renderer(Protocol):
    """What every generator offers to a subject.

    Attributes
    ----------
    config: its sizes.
    has_background: whether it makes backgrounds; otherwise the caller brings one.
    most_sources: how many sources it can use, ``None`` = any number.
    """

    config: GeneratorConfig
    has_background: bool
    most_sources: int | None

    def background(self, bg_inputs: Tensor) -> Tensor:
        """(bs, nb, 4, H, W) [image, mask] to (bs, nb, 3, H, W) in [-1, 1]."""

    def encode_sources(self, src_inputs: Tensor) -> SourceFeatures:
        """(bs, ns, 6, H, W) to features, which can be joined with other people's."""

    def prepare(self, features: SourceFeatures) -> PreparedSources:
        """Once per person: the features in the form in which targets are rendered fastest."""

    def render_targets(
        self, prepared: PreparedSources, tsf_inputs: Tensor, flows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Render nt targets of one person, or one of each of nt people.

        Parameters
        ----------
        tsf_inputs: (nt, 6, H, W) float32 [initial image, condition]; flows: (nt, ns, H, W, 2) float32.

        Returns
        -------
        Colours (nt, 3, H, W) float32 in [-1, 1] and masks (nt, 1, H, W) in [0, 1], 1 = background.
        """


@dataclass(frozen=True)
class InferenceOptions:
    """Options of rendering.

    Attributes
    ----------
    batch: targets per pass of the network; ``None`` = 1 on a CPU, 8 on CUDA. Frames of different batch sizes
        differ by float rounding (1e-5), now and then by one level of 255.
    dtype: type in which the transfer stream computes. The streams that run once per person stay float32.
    channels_last: keep images and weights with channels innermost.
    compile: let ``torch.compile`` build the transfer stream, which takes its time at the first frame and
        needs a C++ compiler on a CPU.
    time_step: earlier frames that a temporal generator attends to as well (iPERCore's ring buffer); 0 = off.
        Frames are then rendered one by one.

    Raises
    ------
    UserError for an unknown type, a batch under 1 or a negative time step.
    """

    batch: int | None = None
    dtype: str = "float32"
    channels_last: bool = False
    compile: bool = False
    time_step: int = 0

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise unknown_name("type", self.dtype, DTYPES, where="inference options")
        if self.batch is not None and self.batch < 1:
            raise UserError(f"batch is {self.batch}", where="inference options", expected="a number from 1")
        if self.time_step < 0:
            raise UserError(
                f"time_step is {self.time_step}", where="inference options", expected="a number from 0"
            )

    def identity(self) -> dict[str, Any]:
        """What belongs into a method's identity: empty with the defaults."""
        said: dict[str, Any] = {}
        if self.dtype != "float32":
            said["dtype"] = self.dtype
        if self.time_step:
            said["time_step"] = self.time_step
        return said

    def batch_on(self, device: torch.device) -> int:
        """Targets per pass on ``device``."""
        if self.time_step:
            return 1
        return self.batch or (CUDA_BATCH if device.type == "cuda" else CPU_BATCH)

    def network(self, generator: Renderer) -> Renderer:
        """``generator`` as it renders: itself when nothing has to be changed, else a changed copy."""
        if self.dtype == "float32" and not self.channels_last:
            return generator
        changed = cast(nn.Module, copy.deepcopy(generator)).to(DTYPES[self.dtype])
        if self.channels_last:
            changed = changed.to(memory_format=torch.channels_last)
        return cast(Renderer, changed)


def compiled(render: Callable[..., Rendered]) -> Callable[..., Rendered]:
    """``render``, built by ``torch.compile`` at its first call; raises UserError when it cannot be
    built, mostly for want of a C++ compiler.
    """
    from torch._dynamo.exc import TorchDynamoException

    built = torch.compile(render)

    def call(prepared: PreparedSources, tsf_inputs: Tensor, flows: Tensor) -> Rendered:
        try:
            return built(prepared, tsf_inputs, flows)
        except TorchDynamoException as error:
            reason = " ".join(str(error).split("\n\n")[0].split())[:300]  # what to do about torch follows
            raise UserError(
                f"torch.compile failed: {reason or type(error).__name__}",
                where="option 'compile'",
                expected="a C++ compiler on a CPU, Triton on CUDA",
                hint="leave compile out, which only costs speed",
            ) from error

    return call


def on_device(generator: Renderer, device: torch.device) -> Renderer:
    """``generator`` on ``device``: itself when it is there, else a copy."""
    network = cast(nn.Module, generator)
    if all(parameter.device == device for parameter in network.parameters()):
        return generator
    return cast(Renderer, copy.deepcopy(network).to(device))
