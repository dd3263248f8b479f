"""TensorBoard: ``tensorboard/<method, sn, seed>/`` in the run folder, T along the axis of steps."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from iper_bench.hashing import content_hash
from iper_bench.run.trackers.logged import LoggedRun
from iper_bench.store.pictures import whole_folder
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.storing import storing

FOLDER = "tensorboard"
_SHOWN = 6  # characters of a hash that tell folders apart whose names were made plain


def check() -> None:
    """tensorboardX comes with the package."""


def log(folder: RunFolder, runs: Sequence[LoggedRun]) -> None:
    """Write the runs, over what was written before. Raises StoreError when the disk refuses."""
    lines: dict[tuple[str, str, str], list[LoggedRun]] = {}
    for run in runs:
        key = (run.parameters["method"], run.parameters["sn"], run.parameters["seed"])
        lines.setdefault(key, []).append(run)
    for (method, sn, seed), line in sorted(lines.items()):
        name = f"{_plain(method)}-sn{sn}" + ("" if seed == "0" else f"-seed{seed}")
        with whole_folder(folder.path / FOLDER / name) as waiting, storing():
            _write(str(waiting), line)
            shutil.copyfile(line[0].aggregates, waiting / line[0].aggregates.name)


def _write(path: str, line: Sequence[LoggedRun]) -> None:
    from tensorboardX import SummaryWriter

    writer: Any = SummaryWriter(logdir=path)
    try:
        for run in line:
            for name, value in run.metrics.items():
                writer.add_scalar(name, value, global_step=run.steps)
        # T differs along the line
        words = {name: text for name, text in line[0].parameters.items() if name != "T"}
        words["T"] = ",".join(str(run.steps) for run in line)
        table = "\n".join(f"| {name} | {text} |" for name, text in words.items())
        writer.add_text("parameters", f"| parameter | value |\n| --- | --- |\n{table}")
    finally:
        writer.close()


def _plain(method: str) -> str:
    """A label as the name of a folder."""
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in method)
    return plain if plain == method else f"{plain}-{content_hash(method)[:_SHOWN]}"
