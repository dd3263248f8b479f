"""Which commit the code in a folder is at: recorded beside results, part of no identity."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import iper_bench

PATIENCE = 10.0  # seconds that git may take on a slow disk before the state is left out


def git_state(folder: Path) -> dict[str, Any] | None:
    """``{"commit": 40 digits, "changed": whether tracked files differ from it}`` of the working tree that
    holds ``folder``; ``None`` where there is none, no commit yet, or no git.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changed is None:
        return None
    return {"commit": commit.strip(), "changed": bool(changed.strip())}


def git_states() -> dict[str, Any]:
    """Those of iper-bench itself (``None`` when it was installed from a package) and of the folder where the
    command is typed.
    """
    own = Path(iper_bench.__file__).resolve().parent
    root = _git(own, "rev-parse", "--show-toplevel")
    ours = root is not None and (Path(root.strip()) / "iper_bench").resolve() == own
    return {"iper-bench": git_state(own) if ours else None, "folder": git_state(Path())}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        # no lock on the index: a status must not stand in the way of a commit at the same time
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
