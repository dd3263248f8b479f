"""TensorBoard's event file of one start of a training, written by the package tensorboardX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from iper_bench.atomic import explain
from iper_bench.data.clip import Images


class Events:
    """Scalars and pictures for TensorBoard.

    Parameters
    ----------
    folder: made when missing. step: number of steps finished before; TensorBoard forgets what an earlier file
        of the folder told about later ones, because they are trained again.

    Raises
    ------
    UserError when the folder cannot be written.
    """

    def __init__(self, folder: Path, step: int) -> None:
        # Imported here: it brings protobuf, which no other verb needs.
        from tensorboardX import SummaryWriter

        try:
            self._writer = SummaryWriter(str(folder), purge_step=step + 1)
        except OSError as error:
            raise explain(error, str(folder)) from error

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers by name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def image(self, step: int, name: str, image: Images) -> None:
        """Write an RGB picture (H, W, 3) uint8."""
        self._writer.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is pending and close the file."""
        self._writer.close()
