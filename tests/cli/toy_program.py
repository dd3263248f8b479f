"""The command line over the toys of ``tests.run``: whole runs in milliseconds, without networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iper_bench.data.dataset import DATASETS
from iper_bench.methods.method import METHODS
from iper_bench.run import opened
from tests.cli.command_line import Outcome, run_line
from tests.run.toys import PROTOCOL, ToyDataset, ToyMethod, ToyScorer

UNITS = 6  # 3 clips x 2 settings


class ToyProgram:
    """``iper-bench`` with a dataset and a method called ``toy``; its metrics are those of ``ToyScorer``.

    ``method`` and ``scorer`` serve the next command; a test may put others in their place.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.protocol = folder / "toy-imitation.yaml"
        self.protocol.write_text(PROTOCOL, encoding="utf-8")
        self.method, self.scorer = ToyMethod(), ToyScorer()
        for registry, factory in ((DATASETS, self._dataset), (METHODS, lambda: self.method)):
            registry.names()  # entry points first, which are read once
            patch.setitem(registry._entries, "toy", factory)  # type: ignore[attr-defined]
            patch.setitem(registry._origins, "toy", "tests")  # type: ignore[attr-defined]
        patch.setattr(opened, "SuiteScorer", lambda profiles, **options: self.scorer)

    def _dataset(self, *, root: str | None = None, size: int | None = None) -> ToyDataset:
        return ToyDataset()

    def arguments(self, out: Path, **changed: str) -> list[str]:
        """A command line of ``run`` without references; an option set to the empty text is left out."""
        options = {
            **{"method": "toy", "dataset": "toy", "protocol": str(self.protocol), "sn": "1", "out": str(out)},
            "references": "none",
            **{name.replace("_", "-"): value for name, value in changed.items()},
        }
        return ["run", *(part for name, value in options.items() if value for part in (f"--{name}", value))]

    def run(self, capsys: pytest.CaptureFixture[str], out: Path, **changed: Any) -> Outcome:
        """``iper-bench run`` into ``out``."""
        return run_line(capsys, *self.arguments(out, **changed))
