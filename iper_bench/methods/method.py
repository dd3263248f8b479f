"""The interface between the benchmark and anything that turns sources and targets into frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from iper_bench.data.clip import BodyTrack, Images
from iper_bench.lwg.strategy import GENERATOR_OF
from iper_bench.methods.baseline_folders import baseline_entries
from iper_bench.registry import Registry


@dataclass(frozen=True)
class Sources:
    """The sn source frames of one person.

    Attributes
    ----------
    frames: (sn, H, W, 3) uint8 RGB.
    masks: (sn, H, W) uint8, 255 = person, or ``None`` when the dataset has none.
    track: body of the sn frames.
    body: name of the body model (see ``iper_bench.body.load_body``).
    """

    frames: Images
    masks: Images | None
    track: BodyTrack
    body: str

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class Targets:
    """The motion to imitate: the driver's body per frame. Methods never see the driver's pixels.

    Attributes
    ----------
    track: body of the driving person (his own shape and cameras).
    same_person: true in self-imitation, where the driver's camera may be used as it is.
    """

    track: BodyTrack
    same_person: bool

    def __len__(self) -> int:
        return len(self.track)


@runtime_checkable
class Subject(Protocol):
    """A method made specific to one person."""

    def render(self, targets: Targets) -> Iterator[Images]:
        """Yield batches (B, H, W, 3) uint8 RGB, in target order, len(targets) frames in all."""


@runtime_checkable
class Method(Protocol):
    """Anything that can be benchmarked.

    Attributes
    ----------
    name: registry name.
    identity: content hash of everything that changes its output (weights, options, version of its code).
    trains: whether ``steps`` has any effect.
    """

    name: str
    identity: str
    trains: bool

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        """Adapt to one person: at most ``steps`` optimisation steps on the sources; 0 means none."""

    def checkpoints(
        self, sources: Sources, *, steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, Subject]]:
        """Yield ``(T, subject)`` for every T of ``steps`` in rising order along one personalization, not
        from scratch.
        """


#: Called without arguments, or with ``weights=Path`` and options (text) where it has such parameters.
MethodFactory = Callable[..., Method]
METHODS: Registry[MethodFactory] = Registry("method", group="iper_bench.methods", found=baseline_entries)
for _name in GENERATOR_OF:
    METHODS.add(_name, f"iper_bench.methods.liquid_warping:{_name.replace('-', '_')}")
METHODS.add("warp", "iper_bench.methods.warp:create")
METHODS.add("copy-source", "iper_bench.methods.copy_source:create")
METHODS.add("nearest-source", "iper_bench.methods.nearest_source:create")
# no methods, because they are made from frames that no method sees: see methods/reference.py
METHODS.add("other-person", "iper_bench.methods.other_person:create")
for _name in ("shift", "blur", "jpeg"):
    METHODS.add(f"truth-{_name}", f"iper_bench.methods.truth_reference:{_name}")
