"""``plan.yaml``: the resolved plan of a run folder, its content hash, and where two plans differ.

The hash covers everything that can change a number: methods with their identities, dataset fingerprint,
protocol content, sn, T, settings, seed, limit, metric definitions. It covers nothing else (no times, paths,
devices, package versions).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from iper_bench.atomic import write_text
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.store.format import FORMAT, check_format

PLAN_FILE = "plan.yaml"
_DEEPEST = 2  # levels that a one-line message names: "profiles.offline differs"
_SHOWN = 60  # characters of a differing value that fit a one-line message

_MADE_AGAIN = "delete it; the same iper-bench run command makes it again"
#: keys below ``profiles`` that are written for people
_WORDS = ("words", "source", "summary", "why_not")
_ABSENT: Any = object()  # what a plan without this key holds there

Plan = Mapping[str, Any]


class _Dumper(yaml.SafeDumper):
    """Writes short lists of numbers on one line and never uses YAML anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _flat_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    flat = all(not isinstance(item, list | dict) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flat)


_Dumper.add_representer(list, _flat_list)


def plain(content: Any) -> Any:
    """``content`` with tuples as lists and mapping keys as text, as it reads back from a file."""
    return json.loads(json.dumps(content, allow_nan=False))


def plan_hash(plan: Plan) -> str:
    """Content hash of a plan."""
    return content_hash(plain(_identity(plan)))


def _identity(plan: Plan) -> dict[str, Any]:
    """The plan without what is said about its metrics, and without the names that labels stand for: a better
    sentence is not another number.
    """
    found, profiles, methods = dict(plan), plan.get("profiles"), plan.get("methods")
    if isinstance(profiles, Mapping):
        found["profiles"] = {name: _without_words(content) for name, content in profiles.items()}
    if isinstance(methods, list) and all(isinstance(one, Mapping) for one in methods):
        found["methods"] = [{key: value for key, value in one.items() if key != "method"} for one in methods]
    return found


def _without_words(content: Any) -> Any:
    if not isinstance(content, Mapping):
        return content
    return {key: _without_words(value) for key, value in content.items() if key not in _WORDS}


def definition_hashes(profiles: Plan) -> dict[str, str]:
    """profile -> content hash of its description in the plan."""
    return {profile: content_hash(plain(_without_words(profiles[profile]))) for profile in sorted(profiles)}


def write_plan(folder: Path, plan: Plan) -> None:
    """Write ``plan.yaml`` atomically. Raises UserError when the folder cannot be written."""
    content = plain(dict(plan))
    document = {"format": FORMAT, "hash": plan_hash(plan), "plan": content}
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=110)
    write_text(folder / PLAN_FILE, text)


def read_plan(folder: Path) -> dict[str, Any]:
    """The plan of a run folder.

    Raises
    ------
    UserError when the folder holds no plan, a damaged one, one of another format, or one that was edited by
    hand.
    """
    path = folder / PLAN_FILE
    document = load_document(folder)
    check_format(document, str(path))
    plan = document.get("plan")
    if not isinstance(plan, dict) or document.get("hash") != plan_hash(plan):
        raise UserError(
            "content and hash do not agree; the file was edited or cut off",
            where=str(path),
            hint=_MADE_AGAIN,
        )
    return plan


def load_document(folder: Path) -> Any:
    """What ``plan.yaml`` holds, of whatever format, unchecked. Raises UserError when there is none or it is
    not YAML.
    """
    path = folder / PLAN_FILE
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_SafeLoader)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            "no run here",
            where=str(folder),
            expected=f"a folder with {PLAN_FILE}, made by iper-bench run",
            hint="iper-bench run --out FOLDER",
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date that does not exist
        raise UserError("damaged: not YAML", where=str(path), hint=_MADE_AGAIN) from error


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def difference(held: Plan, wanted: Plan) -> str | None:
    """Where two plans differ, in words (the first three places), or ``None`` when they are equal."""
    found = list(_differences(plain(_identity(held)), plain(_identity(wanted)), ""))
    if not found:
        return None
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(found[:3]) + more


def _differences(held: Any, wanted: Any, path: str) -> list[str]:
    if held == wanted:
        return []
    if isinstance(held, dict) and isinstance(wanted, dict):
        if _depth(path) == _DEEPEST:
            return [f"{path} differs"]
        places = [
            _differences(
                held.get(key, _ABSENT), wanted.get(key, _ABSENT), f"{path}.{key}" if path else str(key)
            )
            for key in sorted({*held, *wanted}, key=str)
        ]
        return [place for group in places for place in group]
    if held is _ABSENT or wanted is _ABSENT:
        return [f"{path} is only {'here' if held is _ABSENT else 'there'}"]
    return [f"{path} is {_short(held)} there and {_short(wanted)} here"]


def _depth(path: str) -> int:
    return path.count(".") + 1 if path else 0


def _short(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value):
        value = [item["name"] for item in value]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
