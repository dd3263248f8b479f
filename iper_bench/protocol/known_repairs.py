"""The repairs that come with the package, for a file that was published."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from iper_bench.errors import UserError
from iper_bench.protocol.load import list_protocols, load_protocol
from iper_bench.protocol.official_entry import OfficialEntry
from iper_bench.protocol.repair import Repair
from iper_bench.protocol.schema import Entry, Protocol
from iper_bench.protocol.written import ONE_SHOT, plain, written_entry, written_repairs


@functools.cache
def _packaged() -> tuple[Protocol, ...]:
    """All protocols of the package; reading them takes a second, and they do not change."""
    return tuple(load_protocol(name) for name in list_protocols())


class KnownRepairs:
    """Packaged protocols that list the videos of a file.

    Attributes
    ----------
    dataset: the one asked for, else that of the packaged protocols which list most of the videos.
    """

    def __init__(self, found: Sequence[OfficialEntry], task: str, dataset: str | None, where: str) -> None:
        packaged = _packaged()
        videos = {one.video for one in found}
        shared: Counter[str] = Counter()
        for protocol in packaged:
            common = len(videos & {entry.video for entry in protocol.clips})
            shared[protocol.dataset] = max(shared[protocol.dataset], common)
        best = max(shared, key=lambda name: shared[name])
        if dataset is None and 2 * shared[best] <= len(videos):
            raise UserError(
                f"video '{found[0].video}' and others are in no packaged protocol",
                where=where,
                expected="videos of a known dataset, or its name",
                hint="--dataset NAME",
            )
        self.dataset = dataset or best
        fitting = [one for one in packaged if one.dataset == self.dataset]
        self._entries: dict[str, Entry] = {
            entry.video: entry
            for protocol in fitting
            if protocol.task == task
            for entry in protocol.clips
            if not entry.variant
        }
        self._shots: dict[str, list[Entry]] = {}
        for protocol in fitting:
            for entry in protocol.clips:
                if entry.variant:
                    self._shots.setdefault(entry.video, []).append(entry)

    def mend(self, video: str, content: dict[str, Any]) -> None:
        """Put the repaired values into an entry under our keys, in place, with ``repaired`` beside them;
        only where the entry holds what was published.
        """
        entry = self._entries.get(video)
        if entry is None:
            return
        ours = written_entry(entry)
        applied = []
        for repair in entry.repairs:
            place, key = _place(content, repair.path)
            mended, own = _place(ours, repair.path)
            if place is not None and mended is not None and place.get(key) == plain(repair.published):
                place[key] = mended[own]
                applied.append(repair)
        if applied:
            content["repaired"] = written_repairs(applied)

    def mend_shots(self, video: str, shots: dict[str, list[str | int]]) -> tuple[Repair, ...]:
        """The same for the single sources of a video; the repairs that were applied."""
        variants = self._shots.get(video, [])
        repairs = [one for entry in variants for one in entry.repairs if one.path == ONE_SHOT]
        for repair in dict.fromkeys(repairs):
            if shots[video] == plain(repair.published):
                shots[video] = [written_entry(entry)["sources"][1][0] for entry in variants]
                return (repair,)
        return ()


def _place(content: dict[str, Any], path: str) -> tuple[dict[Any, Any] | None, Any]:
    """The mapping that holds a field, and its key there."""
    head, _, tail = path.partition(".")
    if not tail:
        return content, head
    return content.get(head), int(tail) if head == "sources" else tail
