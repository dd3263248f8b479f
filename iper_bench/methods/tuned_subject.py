"""``TunedSubject``: a personalized person, and the small file that keeps him.

The file holds the source frames, mattes and bodies, and what personalization changed in the weights
(:mod:`iper_bench.lwg.delta`); the weights themselves stay where they are and are named by their sha256. It is
read without executing anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.data.clip import BodyTrack, Images
from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import load_safetensors, save_safetensors
from iper_bench.lwg.delta import delta, packed, unpacked
from iper_bench.methods.method import Sources, Subject, Targets

FORMAT = 1
WEIGHTS, SOURCES = "weights/", "sources/"
MOST_PIXELS = 8192 * 8192 * 16  # of all source frames together: no file makes us reserve more


@dataclass(frozen=True)
class SubjectRecord:
    """What makes one personalized person again.

    Attributes
    ----------
    sources: of the person. method, identity: of the method that tuned.
    weights_sha256: of the base weights. steps, seed: of personalization.
    changes: packed changes of the weights, by name.
    """

    sources: Sources
    method: str
    identity: str
    weights_sha256: str
    steps: int
    seed: int
    changes: Mapping[str, Tensor]

    def save(self, path: Path) -> None:
        """Write the file atomically. Raises UserError when it cannot be written."""
        sources = self.sources
        frames, masks, track = sources.frames, sources.masks, sources.track
        tensors = {WEIGHTS + name: value for name, value in self.changes.items()}
        tensors[f"{SOURCES}frames"] = packed(frames.reshape(-1))
        if masks is not None:
            tensors[f"{SOURCES}masks"] = packed(masks.reshape(-1))
        for name in ("betas", "poses", "cams"):
            tensors[SOURCES + name] = torch.from_numpy(np.ascontiguousarray(getattr(track, name)))
        metadata = {
            "subject": FORMAT,
            "method": self.method,
            "identity": self.identity,
            "weights_sha256": self.weights_sha256,
            "steps": self.steps,
            "seed": self.seed,
            "body": sources.body,
            "frames": list(frames.shape),
        }
        save_safetensors(tensors, path, metadata)

    @classmethod
    def load(cls, path: Path) -> SubjectRecord:
        """Read a file of :meth:`save`. Raises UserError for any other file."""
        tensors, metadata = load_safetensors(path)
        if metadata.get("subject") != FORMAT:
            raise UserError(
                "is not a subject file", where=str(path), expected=f"a file of format {FORMAT} with a person"
            )
        where = str(path)
        try:
            sources = _sources(tensors, metadata, where)
            return cls(
                sources,
                str(metadata["method"]),
                str(metadata["identity"]),
                str(metadata["weights_sha256"]),
                int(metadata["steps"]),
                int(metadata["seed"]),
                {k.removeprefix(WEIGHTS): v for k, v in tensors.items() if k.startswith(WEIGHTS)},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"damaged subject file ({error})", where=where, hint="copy it again") from error


def _sources(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any], where: str) -> Sources:
    shape = tuple(int(n) for n in metadata["frames"])
    if len(shape) != 4 or min(shape) < 1 or shape[3] != 3 or int(np.prod(shape, dtype=object)) > MOST_PIXELS:
        raise ValueError(f"frames of shape {shape}")
    frames = unpacked(tensors[f"{SOURCES}frames"], int(np.prod(shape)), where).reshape(shape)
    masks: NDArray[np.uint8] | None = None
    if f"{SOURCES}masks" in tensors:
        count = int(np.prod(shape[:3]))
        masks = unpacked(tensors[f"{SOURCES}masks"], count, where).reshape(shape[:3])
    parts = [tensors[SOURCES + name].numpy() for name in ("betas", "poses", "cams")]
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError("a body that is not finite")
    track = BodyTrack(*(np.asarray(part, np.float32) for part in parts))
    if len(track) != shape[0]:
        raise ValueError(f"{len(track)} bodies for {shape[0]} frames")
    return Sources(frames, masks, track, str(metadata["body"]))


class TunedSubject:
    """A person who can be drawn and kept.

    Parameters
    ----------
    drawn: the subject that renders. record: what goes into his file, without changes;
    base, tuned: weights before and after personalization.
    """

    def __init__(
        self, drawn: Subject, record: SubjectRecord, base: Mapping[str, Tensor], tuned: Mapping[str, Tensor]
    ) -> None:
        self._drawn, self._record, self._base, self._tuned = drawn, record, base, tuned

    def render(self, targets: Targets) -> Iterator[Images]:
        """Yield batches (B, H, W, 3) uint8 in target order."""
        return self._drawn.render(targets)

    def save(self, path: Path) -> None:
        """Write the person's file. Raises UserError when it cannot be written."""
        record = self._record
        changes = delta(self._base, self._tuned)
        SubjectRecord(**{**vars(record), "changes": changes}).save(path)
