"""Files of a unit brought from one run folder into another: linked where the file system allows it, else
copied; each whole or absent, the record of the unit last.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from iper_bench.atomic import writing
from iper_bench.store.pictures import whole_folder
from iper_bench.store.storing import storing

#: by unit, in this order; ``{}`` is the unit's id
_OF_UNIT = ("features/{}.npz", "predictions/{}", "predictions/{}.mkv", "parts/{}.json", "timings/{}.json")
_OF_TRIAL = ("exhibits/{}", "facts/{}.json")


def gather(source: Path, target: Path, unit: str, trial: str, *, failed: bool = False) -> None:
    """Bring everything of a unit, and what its trial shows, unless it is there.

    ``failed``: the unit has no rows; its record of failure is brought. Raises StoreError when the disk
    refuses.
    """
    names = [name.format(unit) for name in _OF_UNIT] + [name.format(trial) for name in _OF_TRIAL]
    record, stale = f"units/{unit}.json", f"failures/{unit}.json"
    with storing():
        for name in [*names, stale if failed else record]:
            bring(source / name, target / name)
        if not failed:
            (target / stale).unlink(missing_ok=True)


def bring(source: Path, target: Path) -> None:
    """A file, or a folder of files, unless ``target`` is there or ``source`` is not."""
    if target.exists():
        return
    if source.is_dir():
        with whole_folder(target) as waiting:
            for file in sorted(source.iterdir()):
                if file.is_file():
                    _place(file, waiting / file.name)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        # whatever is brought gets its own name in one step, when it is whole
        waiting = target.with_name(f".{target.name}.part")
        waiting.unlink(missing_ok=True)
        _place(source, waiting)
        waiting.replace(target)


def _place(source: Path, target: Path) -> None:
    """``source`` under the new name ``target``."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        with source.open("rb") as stream, writing(target) as copy:
            shutil.copyfileobj(stream, copy)
