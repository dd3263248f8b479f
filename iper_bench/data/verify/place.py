"""How findings name files, and how a refusal becomes one."""

from __future__ import annotations

from pathlib import Path

from iper_bench.data.verify.finding import Finding
from iper_bench.errors import UserError


def relative(path: Path, root: Path) -> str:
    """``path`` below ``root`` with ``/``; as it is where it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def refusal(kind: str, error: UserError, root: Path, *, clip: str = "", file: str = "") -> Finding:
    """What a reader said of ``file``; where it names more than the file (a line, a frame), that is kept."""
    place = (error.where or "").replace(f"{root}/", "")
    told = {"", file, f"clip '{clip}'", f"clip '{clip}' ({file})"}
    text = error.what if place in told else f"{place.removeprefix(f'{file}, ')}: {error.what}"
    return Finding(kind, text, clip, file, error.hint or "")
