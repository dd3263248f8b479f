"""Weights of a baseline on disk: one safetensors file with all its networks, its settings and how it was
trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from iper_bench.baseline_kit.baseline import Baseline
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.lwg.checkpoint import load_safetensors, load_strict, require_fit, save_safetensors

KIND = "baseline"
_LONGEST = 80  # characters of a foreign name in a message


@dataclass(frozen=True)
class WeightFile:
    """A file that was read: method name, settings as plain values, tensors by ``network/key``, how it was
    trained, and its sha256.
    """

    path: Path
    method: str
    settings: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    training: Mapping[str, Any]
    sha256: str

    def fill(self, baseline: Baseline[Any]) -> None:
        """Put the tensors into the baseline's networks, strictly. Raises UserError for others."""
        for name, network in baseline.networks.items():
            load_strict(network, self._of(name), source=self._source(name))

    def require_fit(self, baseline: Baseline[Any]) -> None:
        """Raise UserError when the tensors are others than those of the baseline's networks, which may lie on
        the device ``meta``.
        """
        known = tuple(f"{name}/" for name in baseline.networks)
        stray = [key for key in self.tensors if not key.startswith(known)]
        if stray:
            raise UserError(
                f"holds {len(stray)} tensors of no network, the first: {stray[0][:_LONGEST]!r}",
                where=str(self.path),
                expected=f"those of {', '.join(baseline.networks)}",
            )
        for name, network in baseline.networks.items():
            require_fit(network, self._of(name), source=self._source(name))

    def _of(self, name: str) -> dict[str, Tensor]:
        start = f"{name}/"
        return {key[len(start) :]: value for key, value in self.tensors.items() if key.startswith(start)}

    def _source(self, name: str) -> str:
        return f"{self.path}, network '{name}'"


def save_weights(baseline: Baseline[Any], path: Path, training: Mapping[str, Any]) -> None:
    """Write all networks atomically. Raises UserError when the file cannot be written."""
    tensors = {
        f"{name}/{key}": value
        for name, network in baseline.networks.items()
        for key, value in network.state_dict().items()
    }
    metadata = {
        "kind": KIND,
        "method": baseline.name,
        "settings": asdict(baseline.settings),
        "training": dict(training),
    }
    save_safetensors(tensors, path, metadata)


def read_weights(path: Path, method: str) -> WeightFile | None:
    """The file of :func:`save_weights`, or ``None`` when it is no file of ours. Raises UserError when it is
    damaged or belongs to another method.
    """
    if path.suffix != ".safetensors":
        return None
    tensors, metadata = load_safetensors(path)
    if not metadata:
        return None
    if metadata.get("kind") != KIND or not isinstance(metadata.get("settings"), dict):
        raise UserError(
            "holds weights of another kind of method",
            where=str(path),
            expected=f"weights of '{method}'",
            hint=f"iper-bench train --method {method} --dataset synthetic --out FOLDER",
        )
    if metadata.get("method") != method:
        other = str(metadata.get("method"))[:_LONGEST]
        raise UserError(
            f"holds weights of '{other}'",
            where=str(path),
            expected=f"weights of '{method}'",
            hint=f"--method {other}@{path}",
        )
    training = metadata.get("training")
    return WeightFile(
        path,
        method,
        metadata["settings"],
        tensors,
        training if isinstance(training, dict) else {},
        file_sha256(path),
    )
