"""The cache of rendered frames: it saves time and is never needed.

Whatever happens to it (deleted, damaged, not writable, full disk), frames come out right: they are rendered
again, with one line on standard error that says why.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from platformdirs import user_cache_dir

from iper_bench.atomic import write_bytes
from iper_bench.data.synthetic.parcel import DamagedParcelError
from iper_bench.errors import UserError

T = TypeVar("T")

HOME_VARIABLE = "IPER_BENCH_HOME"


def cache_folder() -> Path:
    """Where rendered frames are kept: ``IPER_BENCH_HOME``, else the user's cache folder. Nothing is created
    here.
    """
    home = os.environ.get(HOME_VARIABLE) or user_cache_dir("iper-bench")
    return Path(home).expanduser() / "synthetic"


def notice(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"iper-bench: {' '.join(text.split())}\n")


class FrameCache:
    """Parcels by name under ``folder``.

    Parameters
    ----------
    folder: created on the first write; must be particular to the content (its name holds the dataset's
        fingerprint).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refusal: UserError | None = None  # why nothing is kept any more

    def load(self, name: str, unpack: Callable[[bytes], T]) -> T | None:
        """The unpacked parcel ``name``; ``None`` when it is not there or damaged (then with a notice)."""
        path = self.folder / name
        try:
            return unpack(path.read_bytes())
        except FileNotFoundError:
            return None
        except DamagedParcelError as error:
            notice(f"cached frames are damaged ({error}) and are rendered again: {path}")
        except OSError as error:
            notice(f"cached frames cannot be read ({error.strerror}) and are rendered again: {path}")
        return None

    def save(self, name: str, parcel: bytes) -> bool:
        """Keep a parcel; ``False``, after one notice for all, when the folder cannot be written."""
        if self.refusal is not None:
            return False
        try:
            write_bytes(self.folder / name, parcel)
        except UserError as error:
            self.refusal = error
            notice(f"frames are rendered without a cache: {error}")
        return self.refusal is None
