"""From a :class:`Protocol` to the YAML text that :func:`read_protocol` understands in the same way."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from iper_bench.atomic import write_bytes
from iper_bench.protocol.repair import Repair
from iper_bench.protocol.schema import FORMAT, IMITATION, TRANSFER, Protocol
from iper_bench.protocol.written import written_entry, written_pair, written_repairs

_WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """SafeDumper without aliases, which protocol files must not hold."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write_protocol(path: Path, protocol: Protocol, *, comments: Sequence[str] = ()) -> None:
    """Write the file whole or not at all. Raises UserError when the disk does not take it, ValueError as
    :func:`protocol_yaml`.
    """
    write_bytes(path, protocol_yaml(protocol, comments=comments).encode("utf-8"))


def protocol_yaml(protocol: Protocol, *, comments: Sequence[str] = ()) -> str:
    """The text of a protocol that lists its clips; reading it gives an equal protocol.

    Parameters
    ----------
    comments: lines above the file, without ``#``.

    Raises
    ------
    ValueError for a protocol of rules, or one that varies another: their files are short and hand-written.
    """
    if protocol.rules is not None or any(entry.variant for entry in protocol.clips):
        raise ValueError("only protocols that list their clips themselves are written")
    lines = [*_comments(comments), *_head(protocol.name, protocol.description)]
    top: dict[str, Any] = {"task": protocol.task, "dataset": protocol.dataset, "split": protocol.split}
    if protocol.image_size is not None:
        top["image_size"] = protocol.image_size
    top["source_counts"] = list(protocol.source_counts)
    if protocol.task == TRANSFER:
        top |= {"take": list(protocol.take), "background": protocol.background}
    lines += [f"{key}: {flow(value)}" for key, value in top.items()]
    if protocol.pairs:
        lines += ["pairs:", *(f"- {flow(written_pair(pair))}" for pair in protocol.pairs)]
    lines.append("clips:")
    for entry in protocol.clips:
        fields = written_entry(entry)
        if entry.cross_drive is not None and protocol.task != IMITATION:
            raise ValueError(f"cross drive of {entry.video} in a protocol of {protocol.task}")
        first, *rest = (f"{key}: {flow(value)}" for key, value in fields.items())
        lines += [f"- {first}", *(f"  {line}" for line in rest), *_repaired(entry.repairs, "  ")]
    return "\n".join(lines) + "\n"


def one_shot_yaml(
    base: Protocol,
    shots: Mapping[str, Sequence[str | int]],
    *,
    name: str,
    image_size: int,
    description: str = "",
    repairs: Mapping[str, Sequence[Repair]] | None = None,
    comments: Sequence[str] = (),
) -> str:
    """The text of a protocol that evaluates every video of ``base`` once per frame of ``shots``, with that
    frame as the only source.
    """
    top = {"base": base.name, "image_size": image_size, "source_counts": [1]}
    lines = [*_comments(comments), *_head(name, description)]
    lines += [f"{key}: {flow(value)}" for key, value in top.items()]
    lines.append("one_shot_sources:")
    lines += [f"  {flow(video)}: {flow(list(frames))}" for video, frames in shots.items()]
    if repairs:
        lines.append("repaired:")
        for video, some in repairs.items():
            lines += [f"  {flow(video)}:", *_repaired(some, "  ")[1:]]
    return "\n".join(lines) + "\n"


def flow(value: Any) -> str:
    """One value of YAML in one line."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False
    )
    return text.strip().removesuffix("\n...")


def _head(name: str, description: str) -> list[str]:
    lines = [f"format: {FORMAT}", f"name: {flow(name)}"]
    words = " ".join(description.split())
    if words != description or not words:  # folding would change it
        return [*lines, *([f"description: {flow(description)}"] if description else [])]
    folded = textwrap.wrap(words, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [*lines, "description: >-", *(f"  {line}" for line in folded)]


def _comments(comments: Sequence[str]) -> list[str]:
    return [f"# {line}".rstrip() for text in comments for line in text.splitlines() or [""]]


def _repaired(repairs: Sequence[Repair], indent: str) -> list[str]:
    if not repairs:
        return []
    found = written_repairs(repairs)
    return [f"{indent}repaired:", *(f"{indent}  {flow(path)}: {flow(one)}" for path, one in found.items())]
