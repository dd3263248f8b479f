"""The few real frames of a trial that a report lays beside the predictions; it reads only the run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from iper_bench.store.pictures import Images, read_picture, whole_folder, write_picture

KINDS = ("source", "clothes", "reference", "truth")


class Exhibit:
    """Pictures of one trial.

    ``source_%05d.png`` carries the frame index in the source clip (which of them belong to an sn stands with
    the trial in ``plan.yaml``); ``reference_%05d.png`` and ``truth_%05d.png`` carry the position in target
    order, which is the number of the prediction; ``clothes_%05d.png`` are sources of the reference of an
    appearance transfer, by frame index of that clip. A trial without paired truth (cross) has no truth
    pictures.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def complete(self) -> bool:
        """Whether the pictures were written: they appear all at once."""
        return self.path.is_dir()

    def write(self, pictures: Mapping[str, Mapping[int, Images]]) -> None:
        """Write pictures (H, W, 3) uint8 by kind and number.

        Raises StoreError when the disk refuses, ValueError for another kind.
        """
        for kind in pictures:
            if kind not in KINDS:
                raise ValueError(f"exhibit kind {kind!r}; expected one of {KINDS}")
        with whole_folder(self.path) as folder:
            for kind, images in pictures.items():
                for number in sorted(images):
                    write_picture(folder / f"{kind}_{number:05d}.png", images[number])

    def files(self, kind: str) -> dict[int, Path]:
        """Pictures of a kind by number, in rising order."""
        found = sorted(self.path.glob(f"{kind}_[0-9]*.png"))
        return {int(path.stem.rpartition("_")[2]): path for path in found}

    def read(self, kind: str, numbers: Sequence[int] | None = None) -> dict[int, Images]:
        """Pictures (H, W, 3) uint8 RGB by number. Raises UserError when one is missing or damaged."""
        files = self.files(kind)
        return {
            number: read_picture(
                files.get(number, self.path / f"{kind}_{number:05d}.png"),
                hint="delete it; a report goes on without it",
            )
            for number in (files if numbers is None else numbers)
        }
