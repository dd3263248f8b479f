"""``upgrade_run``: a run folder of an earlier format brought up to date, file by file.

Every file is replaced whole, ``plan.yaml`` last: until then the folder is of the earlier format, is refused
as such, and the same command goes on where it was stopped. Ids of units, values and pictures stay as they
are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.atomic import write_json
from iper_bench.errors import UserError
from iper_bench.store.format import FORMAT, held_format
from iper_bench.store.lock import locked
from iper_bench.store.plan_file import PLAN_FILE, load_document, plan_hash, write_plan
from iper_bench.store.storing import storing

Content = dict[str, Any]
SHOWN_HASH = 8  # digits of the plan's hash in the name of a folder that was named by the run itself
_FOLDERS = ("units", "failures", "facts", "parts")
#: files that carry the hash of the plan, as ``plan``
_WITH_PLAN = ("env.json", "aggregates.json", "shard.json")
_SINGLE = (*_WITH_PLAN, "pooled.json")


@dataclass(frozen=True)
class Upgrade:
    """What was done with a folder, or would be.

    Attributes
    ----------
    path: the run folder. held: its format before. plan_before, plan: hashes of the plan.
    files: files rewritten. current: files that were up to date. damaged: files that are no JSON and were left
        as they are; a unit without a readable file counts as undone.
    dry: whether nothing was written.
    """

    path: Path
    held: int
    plan_before: str
    plan: str
    files: int
    current: int
    damaged: tuple[str, ...]
    dry: bool

    @property
    def summary(self) -> str:
        """One line."""
        if not self.files and self.held == FORMAT:
            line = f"{self.path}: format {FORMAT} already, nothing to do"
        else:
            verb = "would rewrite" if self.dry else "rewrote"
            line = f"{self.path}: format {self.held} to {FORMAT}, {verb} {self.files} files"
            if self.plan != self.plan_before:
                line += f", plan {self.plan_before} is now {self.plan}"
            if self.current:
                line += f", {self.current} were up to date"
            if self.path.name.endswith(self.plan_before[:SHOWN_HASH]):
                line += f"; its name holds the former hash: continue it with --out {self.path}"
        if self.damaged:
            line += f"; left {len(self.damaged)} unreadable files as they are, first {self.damaged[0]}"
        return line


def upgrade_run(path: Path, *, dry_run: bool = False) -> Upgrade:
    """Bring the run folder ``path`` to :data:`FORMAT`.

    Raises
    ------
    UserError when it holds no run, a damaged plan, or a newer format, or is in use; StoreError when it cannot
    be written. What was rewritten before an error stays, and the same command goes on from there.
    """
    if dry_run:
        return _upgrade(path, dry=True)
    _require_run(path)
    with locked(path):
        return _upgrade(path, dry=False)


def _require_run(path: Path) -> None:
    load_document(path)  # before a lock file is laid into a folder that is no run


def _upgrade(path: Path, *, dry: bool) -> Upgrade:
    document = load_document(path)
    where = str(path / PLAN_FILE)
    held = held_format(document, where)
    before = document.get("plan")
    if not isinstance(before, dict) or document.get("hash") != plan_hash(before):
        raise UserError(
            "content and hash do not agree; the file was edited or cut off",
            where=where,
            expected=f"{PLAN_FILE} as iper-bench wrote it",
        )
    plan = _plan_of(before, held)
    now = plan_hash(plan)
    files, current, damaged = 0, 0, []
    for file in _json_files(path):
        content = _read(file)
        if content is None:
            damaged.append(str(file.relative_to(path)))
            continue
        if held_format(content, str(file)) == FORMAT:
            current += 1
            continue
        files += 1
        if not dry:
            with storing():
                write_json(file, _file_of(file.name, content, now))
    if held < FORMAT:
        files += 1
        if not dry:
            with storing():
                write_plan(path, plan)
    return Upgrade(path, held, str(document["hash"]), now, files, current, tuple(damaged), dry)


def _json_files(path: Path) -> Iterator[Path]:
    yield from (path / name for name in _SINGLE if (path / name).is_file())
    for name in _FOLDERS:
        if (path / name).is_dir():
            yield from sorted(file for file in (path / name).glob("*.json") if not file.name.startswith("."))


def _read(path: Path) -> Content | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


# ---------------------------------------------------------------------- one step per format


def _seeds_of(content: Mapping[str, Any]) -> Content:
    """``seeds`` in place of ``seed``."""
    if "seed" not in content:
        return dict(content)
    return {**{key: value for key, value in content.items() if key != "seed"}, "seeds": [content["seed"]]}


#: format -> what a plan of the format after it holds
_PLANS: dict[int, Callable[[Mapping[str, Any]], Content]] = {1: _seeds_of}


def _plan_of(plan: Mapping[str, Any], held: int) -> Content:
    for number in range(held, FORMAT):
        plan = _PLANS[number](plan)
    return dict(plan)


def _file_of(name: str, content: Content, plan: str) -> Content:
    """A file other than the plan in today's format."""
    found = {**content, "format": FORMAT}
    if name in _WITH_PLAN and "plan" in found:
        found["plan"] = plan
    if name == "env.json":  # holds the seeds of each machine's command as the plan does
        listed = found.get("environments", [])
        found["environments"] = [_seeds_of(one) if isinstance(one, dict) else one for one in listed]
    return found
