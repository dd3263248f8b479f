"""The baseline that guards a run when none is named: that of its protocol, among those of the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.store.run_folder import RunFolder


def tracked_baseline(run: Path) -> Path:
    """``results/tracked/<protocol>.json`` for the run folder ``run``.

    Raises UserError when the folder holds no run, or nothing is tracked for its protocol.
    """
    protocol = str(RunFolder.open(run).plan["protocol"]["name"])
    folder = Path(str(resources.files("iper_bench.results"))) / "tracked"
    path = folder / f"{protocol}.json"
    if not path.is_file():
        raise UserError(
            f"no numbers are tracked for the protocol '{protocol}'",
            where=str(folder),
            expected="a baseline of that name",
            hint=f"iper-bench gate {run} --baseline FILE",
        )
    return path
