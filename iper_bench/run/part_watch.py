"""Errors by part of the body, recorded while predictions pass to the metrics.

They change no number, and what cannot be had of them fails no unit: it is said.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from iper_bench.data.clip import Images
from iper_bench.errors import UserError
from iper_bench.run.material import Material
from iper_bench.run.part_error import PartMeter, part_meter, record_parts
from iper_bench.run.unit import Unit
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.storing import StoreError


class PartWatch:
    """Errors by part of the predictions of one unit, measured while they pass to the metrics."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._meter: PartMeter | None = None
        self._trouble: str | None = None
        try:
            self._meter = part_meter(material)
        except (UserError, ValueError) as error:
            self._trouble = _line(error)

    def watch(self, predictions: Iterable[Images]) -> Iterator[Images]:
        """Pass batches (B, H, W, 3) uint8 through."""
        return iter(predictions) if self._meter is None else self._meter.watch(predictions)

    def record(self, folder: RunFolder, unit: Unit) -> None:
        """Write ``parts/<unit id>.json``, of units with a paired truth. Raises StoreError when the disk
        refuses.
        """
        if self._meter is not None:
            try:
                record_parts(folder, unit, self._material, self._meter.errors())
            except StoreError:
                raise
            except (UserError, ValueError) as error:
                self._trouble = _line(error)
        if self._trouble is not None:
            sys.stderr.write(
                f"iper-bench: note: {unit.name}: no errors by part of the body: {self._trouble}\n"
            )


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
