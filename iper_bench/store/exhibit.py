"""The real frames of a trial that a report lays beside the predictions: a few without loss, all of them as a
film. A report reads only the run folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.store.film import film_bytes, read_film
from iper_bench.store.pictures import Images, read_picture, whole_folder, write_picture
from iper_bench.store.storing import storing

KINDS = ("source", "clothes", "reference", "truth")
FILMS = ("truth", "reference")
FILM_SIDE = 256  # pixels: films are looked at, several beside each other
_HINT = "delete it; a report goes on without it"


class Exhibit:
    """Pictures of one trial.

    ``source_%05d.png`` carries the frame index in the source clip (which of them belong to an sn stands with
    the trial in ``plan.yaml``); ``reference_%05d.png`` and ``truth_%05d.png`` carry the position in target
    order, which is the number of the prediction; ``clothes_%05d.png`` are sources of the reference of an
    appearance transfer, by frame index of that clip. A trial without paired truth (cross) has no truth
    pictures.

    ``truth.webm`` and ``reference.webm`` show every target frame in target order, at most 256 pixels wide and
    high and with loss: they are looked at and never measured. Where the driving frames are the truth
    (self-imitation) one film serves both and is called ``truth.webm``. Exhibits of older runs hold no films.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def complete(self) -> bool:
        """Whether the pictures were written: they appear all at once."""
        return self.path.is_dir()

    def write(
        self,
        pictures: Mapping[str, Mapping[int, Images]],
        films: Mapping[str, Iterable[Images]] | None = None,
    ) -> None:
        """Write pictures (H, W, 3) uint8 by kind and number, and films as batches (B, H, W, 3) uint8 by kind.

        Raises StoreError when the disk refuses, ValueError for another kind; what the batches raise goes
        through. All appears at once or nothing does.
        """
        given = {} if films is None else films
        for kinds, known in ((pictures, KINDS), (given, FILMS)):
            for kind in kinds:
                if kind not in known:
                    raise ValueError(f"exhibit kind {kind!r}; expected one of {known}")
        with whole_folder(self.path) as folder:
            for kind in sorted(given):
                content = film_bytes(
                    given[kind], side=FILM_SIDE
                )  # a frame that cannot be decoded is no fault here
                with storing(folder / f"{kind}.webm"):
                    (folder / f"{kind}.webm").write_bytes(content)
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
                hint=_HINT,
            )
            for number in (files if numbers is None else numbers)
        }

    def film(self, kind: str) -> Path | None:
        """The film of a kind, ``"truth"`` or ``"reference"``; ``None`` where there is none. The truth's film
        is the reference's as well where no other was written.

        Raises ValueError for another kind.
        """
        if kind not in FILMS:
            raise ValueError(f"film {kind!r}; expected one of {FILMS}")
        names = (kind,) if kind == "truth" else (kind, "truth")
        files = [self.path / f"{name}.webm" for name in names]
        return next((file for file in files if file.is_file()), None)

    def read_film(self, kind: str, indices: Sequence[int]) -> Images:
        """Frames (N, H, W, 3) uint8 RGB of a film by position in target order.

        Raises UserError when there is no such film, it is damaged or has no such frame.
        """
        file = self.film(kind)
        if file is None:
            raise UserError(f"no film '{kind}'", where=str(self.path), hint=_HINT)
        return read_film(file, indices)
