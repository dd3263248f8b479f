"""The processes that train together, one per device, and the precision they compute in.

Accelerate finds out from the environment (``accelerate launch``) how many processes there are, places
tensors, opens mixed precision and scales losses. Gradients are averaged over the processes in one piece
before every step, not by a wrapper around the networks: the same network is called frozen for one player and
learning for the other, and some generators leave parameters without a gradient, both of which wrappers
refuse.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, get_args

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from torch import Tensor, nn

from iper_bench.errors import UserError, unknown_name

Precision = Literal["no", "bf16", "fp16"]


class Team:
    """All processes of a training, as one of them sees them.

    Parameters
    ----------
    device: where a single process computes; of several processes each has the GPU of its number.
    precision: of the networks' forward passes: ``"no"`` = float32, ``"bf16"``, or ``"fp16"`` with scaled
        losses, which needs a GPU. Losses and weights stay float32.

    Attributes
    ----------
    rank, size: this process's number and the number of processes. device: this process's.

    Raises
    ------
    UserError for an unknown precision, or fp16 without a GPU.
    """

    def __init__(self, device: torch.device | str = "cpu", precision: str = "no") -> None:
        check_precision(device, precision)
        wanted = torch.device(device)
        on_cpu = wanted.type == "cpu"
        if wanted.index is not None and not on_cpu and process_count() == 1:
            torch.cuda.set_device(wanted)
        _forget_other_settings(precision, on_cpu)
        self._accelerator = Accelerator(cpu=on_cpu, mixed_precision=precision)
        self.rank: int = self._accelerator.process_index
        self.size: int = self._accelerator.num_processes
        self.device: torch.device = self._accelerator.device

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def place(self, network: nn.Module) -> nn.Module:
        """``network`` on this process's device, with the first process's weights."""
        network.to(self.device)
        if self.size > 1:
            for tensor in (*network.parameters(), *network.buffers()):
                torch.distributed.broadcast(tensor.detach(), 0)
        return network

    def optimiser(self, plain: torch.optim.Optimizer) -> Any:
        """``plain`` with its state on this process's device and its steps scaled where the precision asks."""
        return self._accelerator.prepare(plain)

    def autocast(self) -> AbstractContextManager[None]:
        """Within it, networks compute in the team's precision."""
        return self._accelerator.autocast()

    def lowered(self, network: nn.Module) -> Callable[..., Any]:
        """``network`` as a function that computes in the team's precision and returns float32."""

        def call(*arguments: Any, **options: Any) -> Any:
            with self.autocast():
                made = network(*arguments, **options)
            return as_float(made)

        return call if self._accelerator.mixed_precision != "no" else network

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss``, scaled where the precision asks."""
        self._accelerator.backward(loss)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their mean over all processes. One that is absent in all of them stays
        absent; elsewhere it counts as zero (a process whose boxes are all empty skips a discriminator).
        """
        if self.size == 1:
            return
        learning = list(parameters)
        there = torch.tensor([float(p.grad is not None) for p in learning], device=self.device)
        somewhere = self._accelerator.reduce(there, "sum").tolist()
        gradients = []
        for parameter, count in zip(learning, somewhere, strict=True):
            if count > 0:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                gradients.append(parameter.grad)
        if not gradients:
            return
        flat = self._accelerator.reduce(torch.cat([g.flatten() for g in gradients]), "mean")
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def clip(self, optimiser: Any, parameters: Sequence[nn.Parameter], norm: float) -> None:
        """Shrink the gradients of ``optimiser``'s parameters to at most ``norm`` (unscaled first)."""
        if self._accelerator.scaler is not None:
            self._accelerator.unscale_gradients(optimiser)
        torch.nn.utils.clip_grad_norm_(parameters, norm)

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """Each value's mean over all processes; all of them have the same names."""
        if self.size == 1:
            return values
        row = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        return dict(zip(values, self._accelerator.reduce(row, "mean").tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is true in any process; every process must ask."""
        if self.size == 1:
            return flag
        row = torch.tensor([float(flag)], device=self.device)
        return bool(self._accelerator.reduce(row, "sum").item() > 0)

    def scaler_state(self) -> dict[str, Any] | None:
        """What the loss scaler must remember, ``None`` without one."""
        scaler = self._accelerator.scaler
        return None if scaler is None else scaler.state_dict()

    def restore_scaler(self, state: dict[str, Any] | None) -> None:
        """The inverse of :meth:`scaler_state`."""
        if state is not None and self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(state)


def check_precision(device: torch.device | str, precision: str) -> None:
    """Raise UserError for an unknown precision, or one that ``device`` cannot compute in."""
    if precision not in get_args(Precision):
        raise unknown_name("precision", precision, get_args(Precision))
    if precision == "fp16" and torch.device(device).type == "cpu":
        raise UserError("precision fp16 needs a GPU", where="--precision", hint="--precision bf16")


def as_float(made: Any) -> Any:
    """Floating point tensors in tuples, lists and dictionaries as float32; everything else as it is."""
    if isinstance(made, Tensor):
        return made.float() if made.is_floating_point() else made
    if isinstance(made, tuple) and hasattr(made, "_fields"):
        return type(made)(*map(as_float, made))
    if isinstance(made, tuple | list):
        return type(made)(as_float(part) for part in made)
    if isinstance(made, dict):
        return {key: as_float(part) for key, part in made.items()}
    return made


def process_rank() -> int:
    """This process's number before a team is there, as the launcher tells it."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """Number of processes before a team is there, as the launcher tells it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def disband() -> None:
    """Wait for all processes and close their connections; without effect where there is one process."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _forget_other_settings(precision: str, on_cpu: bool) -> None:
    """Accelerate keeps the first settings of a process for good; a second training may ask for others."""
    known: dict[str, Any] = AcceleratorState._shared_state
    if not known:
        return
    device: torch.device = PartialState().device
    if known.get("_mixed_precision") != precision:
        AcceleratorState._reset_state()
    if (device.type == "cpu") != on_cpu:
        AcceleratorState._reset_state(reset_partial_state=True)
