"""A protocol as text for people: as it was understood, its trials, its repairs."""

from __future__ import annotations

from typing import Any

import yaml

from iper_bench.data.dataset import DATASETS
from iper_bench.protocol.edition import published_form
from iper_bench.protocol.repair import Repair
from iper_bench.protocol.schema import Entry, Protocol
from iper_bench.protocol.trials import build_trials
from iper_bench.protocol.writing import protocol_yaml
from iper_bench.protocol.written import plain, written_entry

DEFECT_HEAD = ("video", "field", "published", "repaired", "kind", "basis", "why")
_MOST = 72  # characters of a value


def shown_protocol(protocol: Protocol) -> str:
    """YAML under two comments, description and hash. Clips are shown in the form of the files; what varies
    another protocol or states rules, as it was understood.
    """
    head = [f"# {' '.join(protocol.description.split())}"] if protocol.description else []
    head.append(f"# hash {protocol.hash}")
    if protocol.rules is not None or any(entry.variant for entry in protocol.clips):
        content = protocol.content()
        text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110)
    else:
        text = protocol_yaml(published_form(protocol) if protocol.published else protocol)
    return "\n".join([*head, text.rstrip()])


def trial_rows(protocol: Protocol, data_root: str | None, size: int | None) -> list[tuple[str, str, str]]:
    """Name, number of targets and candidate views of every trial. Raises UserError as ``build_trials``."""
    dataset = DATASETS.get(protocol.dataset)(root=data_root, size=size or protocol.image_size)
    return [
        (trial.name, f"{len(trial.target_frames)} frames", trial.views_text)
        for trial in build_trials(protocol, dataset)
    ]


def defect_rows(protocol: Protocol) -> list[tuple[str, ...]]:
    """A head and one row per repair: :data:`DEFECT_HEAD`. Of lists only what differs is shown."""
    rows: list[tuple[str, ...]] = [DEFECT_HEAD]
    seen = set()
    for entry in protocol.clips:
        for repair in entry.repairs:
            if (entry.video, repair) not in seen:
                seen.add((entry.video, repair))
                rows.append(_row(entry, repair))
    return rows


def _row(entry: Entry, repair: Repair) -> tuple[str, ...]:
    before, after = plain(repair.published), _standing(entry, repair)
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after) > 2:
        places = [at for at, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
        before, after = [before[at] for at in places], [after[at] for at in places]
    basis = repair.basis
    if repair.shorter_than is not None:
        basis += f", if shorter than {repair.shorter_than} frames"
    return (entry.video, repair.path, _text(before), _text(after), repair.kind, basis, repair.why)


def _standing(entry: Entry, repair: Repair) -> Any:
    """The repaired value, as written."""
    value: Any = written_entry(entry)
    if entry.variant:
        return f"{value['sources'][1][0]} for number {entry.variant}"
    for key in repair.path.split("."):
        value = value[int(key) if key.isdecimal() else key]
    return value


def _text(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."
