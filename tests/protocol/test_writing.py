"""Writing is the inverse of reading; what cannot be written is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iper_bench.protocol.load import list_protocols
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.writing import flow, protocol_yaml, write_protocol
from tests.protocol.official import packaged


@pytest.mark.parametrize("name", list_protocols())
def test_packaged_protocols_come_back_equal(name: str, tmp_path: Path) -> None:
    protocol = packaged(name)
    path = tmp_path / "written.yaml"
    if protocol.rules is not None or any(entry.variant for entry in protocol.clips):
        with pytest.raises(ValueError, match="list their clips themselves"):
            protocol_yaml(protocol)
        return
    write_protocol(path, protocol, comments=["two", "comments: {"])
    assert read_protocol(path) == protocol
    assert path.read_text(encoding="utf-8").startswith("# two\n# comments: {\nformat: 1\n")


@pytest.mark.parametrize(
    "video", ["007", "1e3", "null", "yes", "ab: c", "- x", "#1", "é/ü", "'", '"', "x" * 200, "12:30:45", "~"]
)
def test_names_that_yaml_might_misread(video: str, tmp_path: Path) -> None:
    """Numbers, words and signs of YAML as names of videos, and lines that must not be folded."""
    protocol = packaged("iper-imitation")
    entry = replace(protocol.clips[0], video=video, self_drive=None)
    name = video.replace("/", " ")
    protocol = replace(protocol, clips=(entry,), name=name, description=f"  {video} \n twice: ")
    path = tmp_path / "written.yaml"
    write_protocol(path, protocol)
    assert read_protocol(path) == protocol


def test_values_in_one_line() -> None:
    assert flow([1, "001", 0.5, True, None]) == "[1, '001', 0.5, true, null]"
    assert flow("plain") == "plain"
    assert flow({1: ["a"] * 60}).count("\n") == 0
    same = [1]
    assert flow([same, same]) == "[[1], [1]]"  # no aliases
