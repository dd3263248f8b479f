"""Published protocol files for tests: made from our packaged protocols, spelled as the public files are."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from iper_bench.protocol.edition import published_form
from iper_bench.protocol.load import load_protocol
from iper_bench.protocol.schema import NOVEL_VIEW, TRANSFER, Protocol
from iper_bench.protocol.written import written_entry


@functools.cache
def packaged(name: str) -> Protocol:
    """A packaged protocol, read once per test process."""
    return load_protocol(name)


@functools.cache
def published(name: str) -> Protocol:
    """Its published form."""
    return published_form(packaged(name))


def official(protocol: Protocol, shots: Protocol | None = None) -> dict[str, Any]:
    """The public file of a protocol in its published form, with the single sources of ``shots``."""
    infos = {}
    singles: dict[str, list[Any]] = {}
    for entry in shots.clips if shots is not None else ():
        singles.setdefault(entry.video, []).append(written_entry(entry)["sources"][1][0])
    for entry in protocol.clips:
        fields = written_entry(entry)
        sources = {str(sn): names for sn, names in fields["sources"].items()}
        if entry.video in singles:
            sources["3"] = singles[entry.video]
        info = {"source": fields["candidates"], "view angle": fields["view_angles"], "s_n": sources}
        own = fields["self"]
        if protocol.task == TRANSFER:
            infos[entry.video] = {**info, "flag": own["frames"]}
            continue
        cross = fields.get("cross", {**own, "real": own["frames"]})
        infos[entry.video] = {
            **info,
            "mask": fields.get("targets", []),
            "novel view": protocol.task == NOVEL_VIEW,
            "self_imitation": {"target": own["video"], "range": own["frames"]},
            "cross_imitation": {"target": cross["video"], "range": cross["frames"]},
            "flag": cross["real"],
        }
    if protocol.task == TRANSFER:
        pairs = [[pair.source, pair.reference] for pair in protocol.pairs]
        return {"video_infos": infos, "vid_name_pairs": pairs}
    return {protocol.split: infos}


def write_official(folder: Path, content: Any, name: str = "published.json") -> Path:
    """The file, as JSON unless it is text already."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path
