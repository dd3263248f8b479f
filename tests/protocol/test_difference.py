"""Comparison of two protocols: nothing for the same, one line per field for others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iper_bench.protocol.difference import compared, counts, differences
from iper_bench.protocol.load import list_protocols
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.schema import Protocol
from tests.protocol.official import packaged, published
from tests.protocol.test_reading import LISTED, RULED, changed, write


def read(folder: Path, content: dict[str, Any]) -> Protocol:
    return read_protocol(write(folder, content))


@pytest.mark.parametrize("name", list_protocols())
def test_a_protocol_is_the_same_as_itself(name: str) -> None:
    protocol = packaged(name)
    assert differences(protocol, protocol) == []
    assert differences(protocol, replace(protocol, name="other", description="other")) == []


@pytest.mark.parametrize(
    ("content", "path", "value", "line"),
    [
        (LISTED, "split", "val", "split: test -> val"),
        (LISTED, "image_size", None, "image_size: 512 -> absent"),
        (LISTED, "clips.0.self.frames", [0, 299], "clips[001/9/1].self.frames: [0, 300] -> [0, 299]"),
        (LISTED, "clips.0.cross.video", "7", "clips[001/9/1].cross.video: 007/1/2 -> 7"),
        (
            LISTED,
            "clips.0.candidates",
            ["0000.jpg", "155.jpg"],
            "clips[001/9/1].candidates: [000.jpg, 155.jpg] -> [0000.jpg, 155.jpg]",
        ),
        (LISTED, "clips.0.view_angles", None, "clips[001/9/1].view_angles: [0, 180] -> absent"),
        (RULED, "rules.clips.limit", 4, "rules.clip_limit: 3 -> 4"),
        (RULED, "rules.cross.frames", [16, 19], "rules.cross_rule.frames.last: 20 -> 19"),
    ],
)
def test_one_changed_field_is_one_line(
    content: dict[str, Any], path: str, value: Any, line: str, tmp_path: Path
) -> None:
    first, second = read(tmp_path, content), read(tmp_path, changed(content, path, value))
    assert list(map(str, differences(first, second))) == [line]
    before, _, after = line.rpartition(": ")[2].partition(" -> ")
    back = f"{line.rpartition(': ')[0]}: {after} -> {before}"
    assert list(map(str, differences(second, first))) == [back]
    assert first.hash != second.hash or path == "clips.0.candidates"  # a name's width enters no trial


def test_clips_and_pairs_that_only_one_has() -> None:
    whole = packaged("iper-appearance-transfer")
    less = replace(whole, clips=whole.clips[1:], pairs=whole.pairs[:-1])
    assert list(map(str, differences(whole, less))) == [
        "clips[001/9/1]: there -> absent",
        "pairs[024/8/1 <- 024/7/2]: there -> absent",
    ]
    assert counts(whole, less) == (0, 1, 0)
    assert counts(less, whole) == (1, 0, 0)


def test_another_order_is_a_difference() -> None:
    whole = packaged("iper-novel-view")
    turned = replace(whole, clips=whole.clips[::-1])
    assert list(map(str, differences(whole, turned))) == ["clips: in this order -> in another order"]


def test_editions_differ_where_something_was_repaired() -> None:
    """Nine repairs in five clips; the published edition is the published form."""
    repaired = packaged("iper-imitation")
    found = differences(repaired.as_published(), repaired)
    assert len(found) == len(repaired.repairs) == 9
    assert counts(repaired.as_published(), repaired) == (0, 0, 5)
    assert differences(repaired.as_published(), published("iper-imitation").as_published()) == []
    assert {one.place.rpartition(".")[2] for one in differences(repaired, published("iper-imitation"))} == {
        *("4", "8", "real", "candidates", "repaired")
    }


def test_by_name_and_by_file(tmp_path: Path) -> None:
    path = write(tmp_path, LISTED)
    same = compared(str(path), f"{path}@published")
    assert (same.exit_status, len(same.lines)) == (0, 1)
    other = compared("iper-imitation@published", "iper-imitation")
    assert other.exit_status == 1
    assert other.lines[-1] == "9 differences; clips: 0 added, 0 removed, 5 changed"
