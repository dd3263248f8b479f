"""The films of a player: copies of those that a run keeps of driver and truth, and new ones of what the
methods predicted. They are for looking at and lossy; no number comes from them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from iper_bench.report.frame_index import PREDICTION, Container, FrameIndex, Missing
from iper_bench.report.panel import Asset
from iper_bench.store.film import FPS, write_film
from iper_bench.store.pictures import Images

SIDE = 256  # pixels, largest side of a film: that of the kept films of driver and truth
RATE = FPS  # frames per second at which films play
NO_FILM = "the run keeps no film of it"
_BATCH = 32  # frames held at once


class FilmSheet:
    """The films of one panel, by their names below the report's folder."""

    def __init__(self, index: FrameIndex) -> None:
        self.index = index
        self._assets: dict[str, Asset] = {}

    @property
    def assets(self) -> tuple[Asset, ...]:
        """Every film that was asked for, once, by name."""
        return tuple(self._assets[name] for name in sorted(self._assets))

    def kept(self, run: int, trial: str, kind: str) -> str | Missing:
        """The film of all driving (``"reference"``) or true (``"truth"``) frames of a trial; one name for
        both where the run keeps one film for both.
        """
        identity = self.index.trial(run, trial)[0]
        path = self.index.folders[run].exhibit(identity).film(kind) if identity else None
        if path is None:
            return Missing(NO_FILM)
        return self._add(f"films/{path.stem}-{identity}.webm", partial(_copy, path))

    def predicted(self, run: int, unit: str) -> str | Missing:
        """A film of what a method predicted in a unit, made when the page is written."""
        first = self.index.prediction(run, unit, 0)
        if isinstance(first, Missing):
            return first
        return self._add(f"films/{unit}.webm", partial(_film, self.index, Container(run, PREDICTION, unit)))

    def _add(self, name: str, write: partial[None]) -> str:
        self._assets.setdefault(name, Asset(name, write))
        return name


def _copy(origin: Path, path: Path) -> None:
    shutil.copyfile(origin, path)


def _film(index: FrameIndex, container: Container, path: Path) -> None:
    write_film(path, _batches(index, container), fps=RATE, side=SIDE)


def _batches(index: FrameIndex, container: Container) -> Iterator[Images]:
    count = index.folders[container.run].predictions(container.owner).count()
    for first in range(0, count, _BATCH):
        yield index.read(container, range(first, min(first + _BATCH, count)))
