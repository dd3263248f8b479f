"""Named clips with splits; one adapter per on-disk layout, found through a registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from iper_bench.data.clip import Clip
from iper_bench.registry import Registry

#: environment variable that names the folder in which datasets are looked for
DATA_VARIABLE = "IPER_BENCH_DATA"


class Dataset(ABC):
    """Clips by name. Opening a dataset decodes no frame.

    Attributes
    ----------
    name: registry name, for example ``"synthetic"``.
    body: name of the body model that its tracks refer to, for example ``"open-coarse"`` or ``"smpl"``.
    image_size: side of the square frames in pixels.
    fingerprint: content hash that changes whenever a frame or a body changes.
    """

    name: str
    body: str
    image_size: int
    fingerprint: str

    @abstractmethod
    def splits(self) -> list[str]:
        """Names of the splits, for example ``["train", "test"]``."""

    @abstractmethod
    def clip_names(self, split: str | None = None) -> list[str]:
        """Sorted clip names of a split, or all of them. Raises UserError for an unknown split."""

    @abstractmethod
    def clip(self, name: str) -> Clip:
        """The clip called ``name``. Raises UserError with the nearest names when unknown."""

    def clips(self, split: str | None = None) -> Sequence[Clip]:
        """All clips of a split in name order."""
        return [self.clip(name) for name in self.clip_names(split)]


class DatasetFactory(Protocol):
    """What the registry holds: ``open_dataset(root=..., size=...)`` returns a ready dataset."""

    def __call__(self, *, root: str | None = None, size: int | None = None) -> Dataset:
        """Open the dataset at ``root`` (``None``: the cache folder or IPER_BENCH_DATA) at ``size`` pixels."""


DATASETS: Registry[DatasetFactory] = Registry("dataset", group="iper_bench.datasets")
DATASETS.add("synthetic", "iper_bench.data.synthetic.dataset:open_synthetic")
DATASETS.add("iper", "iper_bench.data.layouts.iper:open_iper")
DATASETS.add("motionsynthetic", "iper_bench.data.layouts.motionsynthetic:open_motionsynthetic")
DATASETS.add("fashionvideo", "iper_bench.data.layouts.fashionvideo:open_fashionvideo")
DATASETS.add("youtube-dancer18", "iper_bench.data.layouts.youtube_dancer:open_youtube_dancer")
DATASETS.add("folder", "iper_bench.data.layouts.folder:open_folder_dataset")
