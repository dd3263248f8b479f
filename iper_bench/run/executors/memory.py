"""How much memory a worker takes, and whether another one fits.

What is free is the lesser of what the machine has and what the control groups of this process leave (a
container, a batch job): beyond either the kernel kills.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
#: kept free for the parent, the file cache and others: a twentieth of the machine, at least half a GiB
LEAST_RESERVE, RESERVED_PART = 512 * MIB, 20
#: above this a limit of a control group means "none": the kernel writes nearly 2**63 there
NO_LIMIT = 2**60
CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Room:
    """Bytes: ``total`` of machine or control group, ``free`` of it, ``reserve`` that stays free."""

    total: int
    free: int
    reserve: int

    def admits(self, peak: int, growing: Sequence[int] = ()) -> bool:
        """Whether another worker with this ``peak`` fits, when those at work still grow by ``growing``."""
        return self.free - sum(max(0, more) for more in growing) - self.reserve >= peak


def room() -> Room:
    """The room on this machine now."""
    import psutil

    memory = psutil.virtual_memory()
    total, free = int(memory.total), int(memory.available)
    for limit, used in cgroup_limits(CGROUPS, OWN_CGROUPS):
        total, free = min(total, limit), min(free, max(0, limit - used))
    return Room(total, free, max(LEAST_RESERVE, total // RESERVED_PART))


def cgroup_limits(root: Path, own: Path) -> list[tuple[int, int]]:
    """(limit, used) in bytes of every control group around this process that has a limit.

    ``root``: where the groups are mounted. ``own``: the file that names this process's groups. File cache
    that the kernel would give up first does not count as used.
    """
    found = []
    for folder, limit_file, used_file in _groups(root, own):
        limit, used = _number(folder / limit_file), _number(folder / used_file)
        if limit is not None and used is not None and limit < NO_LIMIT:
            found.append((limit, max(0, used - _given_up_first(folder))))
    return found


def _groups(root: Path, own: Path) -> list[tuple[Path, str, str]]:
    """Folders of version 2 and 1, from the process's own group up to the root."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        if kinds == "":
            top, files = root, ("memory.max", "memory.current")
        elif "memory" in kinds.split(","):
            top, files = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        found += [(top.joinpath(*parts[:depth]), *files) for depth in range(len(parts), -1, -1)]
    return found


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # "max": no limit


def _given_up_first(folder: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(" ")
            if name in ("inactive_file", "total_inactive_file"):
                return int(value)
    return 0


def own_peak() -> int:
    """The most memory that this process ever held, and the largest that it started and that has ended, in
    bytes together.
    """
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, KiB elsewhere
    own, ended = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return int(own + ended) * unit


def held_by(process: int) -> int:
    """Bytes that a process and those it started hold now; 0 when it is gone."""
    import psutil

    try:
        first = psutil.Process(process)
        family = [first, *first.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for one in family:
        with contextlib.suppress(psutil.Error):
            total += int(one.memory_info().rss)
    return total


def in_words(count: int) -> str:
    """``"1.4 GiB"``, ``"320 MiB"``."""
    return f"{count / 1024 / MIB:.1f} GiB" if count >= 1024 * MIB else f"{count / MIB:.0f} MiB"
