"""Which picture shows what: frames of trials and methods as files on disk, found without decoding any.

A :class:`Picture` names a frame that is there, a :class:`Missing` says why one is not; ``thumbnails.py``
makes small files of the former.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.hashing import content_hash
from iper_bench.report import plan_reading
from iper_bench.store.pictures import Images
from iper_bench.store.run_folder import RunFolder

SOURCE, CLOTHES, DRIVER, TRUTH, PREDICTION = "source", "clothes", "reference", "truth", "prediction"
NOT_KEPT = "predictions were not kept"
DAMAGED = "predictions are damaged"
NOT_SAVED = "not saved in the run"
NO_TRUTH = "no paired truth"
NOT_RUN = "not in this run"
_SLUG_LETTERS = 48  # of a name; the hash behind them keeps long names apart
_SQUARE = 128  # pixels, where nothing tells how large a frame is
_PNG_SIZE = slice(16, 24)  # of a PNG file: width and height, 4 bytes each (PNG specification, 11.2.2)

Box = tuple[float, float, float, float]


def slug(name: str) -> str:
    """A name as an anchor or file name: small ASCII letters, digits and ``-``, with a hash of the whole name
    behind, so that two names never share one. ``slug("self:a/b")`` is ``"self-a-b-54bc6042"``.
    """
    letters = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG_LETTERS].strip("-")
    return "-".join(part for part in (letters, content_hash(name)[:8]) if part)


def player_anchor(dataset: str, protocol: str, task: str, trial: str) -> str:
    """Where the films of a trial stand on the page; protocols may call different trials by one name."""
    return f"player-{slug(' '.join((dataset, protocol, task, trial)))}"


@dataclass(frozen=True, order=True)
class Container:
    """What is opened once for many frames: a kind of pictures of one trial or unit of a run.

    Attributes
    ----------
    run: place of the run among those of the report. kind: one of the five of this module.
    owner: id of the trial, of a prediction that of the unit. film: read from a film for looking at.
    """

    run: int
    kind: str
    owner: str
    film: bool = False


@dataclass(frozen=True, order=True)
class Picture:
    """One frame that is there.

    Attributes
    ----------
    container: where it lies. number: of the frame: in the source clip for sources and clothes, else the place
        in target order.
    crop: (top, left, bottom, right) as shares 0 to 1 of height and width; ``None`` = the whole frame.
    """

    container: Container
    number: int
    crop: Box | None = None


@dataclass(frozen=True)
class Missing:
    """A frame that is not there, and why, in words."""

    reason: str


Shown = Picture | Missing


class FrameIndex:
    """The pictures of the runs of a report.

    Looks into every exhibit and every folder of predictions at most once.
    """

    def __init__(self, runs: Sequence[Path]) -> None:
        self.folders = [RunFolder.open(path) for path in runs]
        self._trials = [plan_reading.exhibits(folder.plan) for folder in self.folders]
        self._files: dict[Container, dict[int, Path]] = {}
        self._films: dict[tuple[int, str, str], bool] = {}
        self._counts: dict[Container, int] = {}
        self._sizes: dict[Container, tuple[int, int]] = {}

    def trial(self, run: int, name: str) -> tuple[str, dict[str, Any]]:
        """Id and content of a trial as the plan holds it; ``("", {})`` where it does not."""
        return self._trials[run].get(name, ("", {}))

    def sources(self, run: int, trial: str, sn: int) -> list[Shown]:
        """The sn sources of a trial, in the order of the plan."""
        identity, content = self.trial(run, trial)
        return self._real(Container(run, SOURCE, identity), plan_reading.source_frames(content, sn), sn)

    def clothes(self, run: int, trial: str, sn: int) -> list[Shown]:
        """The sn sources of who gives the clothes in an appearance transfer."""
        identity, content = self.trial(run, trial)
        return self._real(Container(run, CLOTHES, identity), plan_reading.clothes_frames(content, sn), sn)

    def driver(self, run: int, trial: str, number: int) -> Shown:
        """The driving frame of a number."""
        return self._target(run, trial, DRIVER, number)

    def truth(self, run: int, trial: str, number: int) -> Shown:
        """The paired true frame of a number."""
        content = self.trial(run, trial)[1]
        if content.get("setting") == "cross" or content.get("truth_frames", "") is None:
            return Missing(NO_TRUTH)
        return self._target(run, trial, TRUTH, number)

    def beside(self, run: int, trial: str, sn: int, number: int) -> dict[str, Shown]:
        """What a prediction is looked at beside, by label: the first source, the clothes of an appearance
        transfer, driver and truth. Where the driving frames are the truth they are one picture; a trial
        without truth (cross) has none.
        """
        content = self.trial(run, trial)[1]
        found = {"source": self.sources(run, trial, sn)[0]}
        if "reference" in content:
            found["clothes"] = self.clothes(run, trial, sn)[0]
        truth = self.truth(run, trial, number)
        if content.get("truth_frames") and content.get("truth_frames") == content.get("target_frames"):
            return found | {"driver = truth": truth}
        found["driver"] = self.driver(run, trial, number)
        return found if truth == Missing(NO_TRUTH) else found | {"truth": truth}

    def prediction(self, run: int, unit: str, number: int) -> Shown:
        """A predicted frame, of pictures or of a video without loss."""
        container = Container(run, PREDICTION, unit)
        found = self.files(container)
        if number in found or number < self._in_video(container):
            return Picture(container, number)
        if found or self._in_video(container):
            return Missing(f"frame {number} is not among the predictions")
        return Missing(DAMAGED if self._is_video(container) else NOT_KEPT)

    def saved(self, run: int, trial: str) -> list[int]:
        """Numbers of the driving frames that the run keeps without loss, rising."""
        return list(self.files(Container(run, DRIVER, self.trial(run, trial)[0])))

    def files(self, container: Container) -> dict[int, Path]:
        """PNG files of a container by number, in rising order; none where the run has none."""
        if container not in self._files:
            self._files[container] = self._listed(container) if container.owner else {}
        return self._files[container]

    def _listed(self, container: Container) -> dict[int, Path]:
        folder = self.folders[container.run]
        if container.kind != PREDICTION:
            return folder.exhibit(container.owner).files(container.kind)
        path = folder.predictions(container.owner).path
        found = sorted(path.glob("[0-9]*.png")) if path.is_dir() else []
        return {int(file.stem): file for file in found}

    def _is_video(self, container: Container) -> bool:
        return self.folders[container.run].predictions(container.owner).path.is_file()

    def _in_video(self, container: Container) -> int:
        """Frames of a unit that are kept as a video; 0 where they are not."""
        if container not in self._counts:
            video = self._is_video(container)
            reader = self.folders[container.run].predictions(container.owner)
            self._counts[container] = reader.count() if video else 0
        return self._counts[container]

    def size(self, picture: Picture) -> tuple[int, int]:
        """Width and height of the whole frame in pixels, from the head of a file of its container or run."""
        container = picture.container
        if container not in self._sizes:
            head = _png_size(next(iter(self.files(container).values()), None))
            plan_side = dict(self.folders[container.run].plan.get("dataset") or {}).get("image_size")
            side = plan_side if isinstance(plan_side, int) and plan_side > 0 else _SQUARE
            self._sizes[container] = head or (side, side)
        return self._sizes[container]

    def read(self, container: Container, numbers: Sequence[int]) -> Images:
        """Frames (N, H, W, 3) uint8 RGB. Raises UserError when one is missing or damaged."""
        import numpy as np

        folder = self.folders[container.run]
        if container.kind == PREDICTION:
            return folder.predictions(container.owner).read(numbers)
        exhibit = folder.exhibit(container.owner)
        if container.film:
            return exhibit.read_film(container.kind, numbers)
        found = exhibit.read(container.kind, numbers)
        return np.stack([found[number] for number in numbers])

    def _real(self, container: Container, wanted: Sequence[int] | None, sn: int) -> list[Shown]:
        saved = self.files(container)
        numbers = list(saved)[:sn] if wanted is None else wanted
        if not numbers:
            return [Missing(NOT_SAVED)]
        return [Picture(container, number) if number in saved else Missing(NOT_SAVED) for number in numbers]

    def _target(self, run: int, trial: str, kind: str, number: int) -> Shown:
        identity = self.trial(run, trial)[0]
        saved = self.files(Container(run, kind, identity))
        if number in saved:
            return Picture(Container(run, kind, identity), number)
        if not identity:
            return Missing(NOT_SAVED)
        if self._has_film(run, identity, kind):
            return Picture(Container(run, kind, identity, film=True), number)
        if not saved:
            return Missing(NOT_SAVED)
        return Missing(f"frame {number} not saved (saved: {', '.join(map(str, saved))})")

    def _has_film(self, run: int, identity: str, kind: str) -> bool:
        key = (run, identity, kind)
        if key not in self._films:
            self._films[key] = self.folders[run].exhibit(identity).film(kind) is not None
        return self._films[key]


def _png_size(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        with path.open("rb") as stream:
            head = stream.read(_PNG_SIZE.stop)[_PNG_SIZE]
    except OSError:
        return None
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
    return (width, height) if len(head) == 8 and 0 < width < 1 << 16 and 0 < height < 1 << 16 else None
