"""iper-bench: evaluation and benchmarking of human image synthesis.

``iper_bench.evaluate`` measures frames that are there (``iper_bench.run.evaluate``); importing the package
alone loads nothing else.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate"]


def __getattr__(name: str) -> Any:
    """``evaluate``, loaded when it is first used."""
    if name == "evaluate":
        # by name: the root imports none of its layers
        return importlib.import_module("iper_bench.run.evaluate").evaluate
    raise AttributeError(f"module 'iper_bench' has no attribute {name!r}")
