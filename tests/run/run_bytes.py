"""What has to be the same of two runs of one plan, to the last byte."""

from __future__ import annotations

from pathlib import Path

FILES = ("plan.yaml", "pooled.json", "aggregates.json")
FOLDERS = ("units", "features", "predictions", "exhibits", "facts", "parts", "failures")


def compared(run: Path) -> dict[str, bytes]:
    """Content by relative path; timings and the environment differ by nature and are left out."""
    found = {name: (run / name).read_bytes() for name in FILES}
    for folder in FOLDERS:
        for path in sorted((run / folder).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(run))] = path.read_bytes()
    return found
