"""``Shard``: part i of n of a plan, done in a folder of its own and merged later.

``shard.json`` in the folder says which part it is, so that it is never taken for a whole run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.atomic import write_json
from iper_bench.errors import UserError
from iper_bench.store.format import FORMAT, check_format
from iper_bench.store.storing import storing

SHARD_FILE = "shard.json"


@dataclass(frozen=True)
class Shard:
    """Attributes
    ----------
    number: from 1 to ``count``. plan: hash of the plan. units: ids of its units, sorted.
    """

    number: int
    count: int
    plan: str
    units: tuple[str, ...]

    @property
    def name(self) -> str:
        """``"2/3"``."""
        return f"{self.number}/{self.count}"


def write_shard(folder: Path, shard: Shard) -> None:
    """Write ``shard.json`` atomically. Raises StoreError when the disk refuses."""
    content = {
        "format": FORMAT,
        "shard": [shard.number, shard.count],
        "plan": shard.plan,
        "units": sorted(shard.units),
    }
    with storing():
        write_json(folder / SHARD_FILE, content)


def read_shard(folder: Path) -> Shard | None:
    """What part of a run a folder holds; ``None`` for a whole run. Raises UserError for a damaged file."""
    path = folder / SHARD_FILE
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise _damaged(path) from error
    check_format(content, str(path))
    try:
        number, count = content["shard"]
        found = Shard(int(number), int(count), str(content["plan"]), tuple(map(str, content["units"])))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if not 1 <= found.number <= found.count:
        raise _damaged(path)
    return found


def require_whole(folder: Path) -> None:
    """Raise UserError for the folder of a shard, in which there is nothing over all units."""
    shard = read_shard(folder)
    if shard is not None:
        raise UserError(
            f"is shard {shard.name} of a run",
            where=str(folder),
            expected="a whole run",
            hint=f"iper-bench merge {folder} OTHER_SHARDS --out RUN",
        )


def settle_shard(folder: Path, wanted: Shard | None) -> None:
    """Make ``folder``, held and with a plan, that of the part ``wanted`` (``None``: of the whole run).

    Raises UserError when it holds another part, StoreError when the disk refuses.
    """
    held = read_shard(folder)
    if held == wanted:
        return
    # a command that was killed between plan.yaml and shard.json has done no unit
    fresh = held is None and not any((folder / name).exists() for name in ("units", "failures"))
    if wanted is not None and fresh:
        write_shard(folder, wanted)
        return
    there, here = ("the whole run" if one is None else f"shard {one.name}" for one in (held, wanted))
    raise UserError(
        f"holds {there}, not {here}",
        where=str(folder),
        expected="a folder per shard",
        hint=f"--out {folder.with_name(folder.name + '-2')}",
    )


def _damaged(path: Path) -> UserError:
    return UserError(
        "damaged: not the record of a shard",
        where=str(path),
        hint="delete it; the same iper-bench run command makes it again",
    )
