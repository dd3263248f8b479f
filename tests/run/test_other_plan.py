"""A run folder that holds another plan: a line that somebody can read says where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.load import load_protocol
from iper_bench.run.benchmark import evaluate
from tests.run.toys import PROTOCOL, ToyDataset, ToyMethod, ToyScorer, toy_request

LONGEST = 400  # characters besides the folder's name


class OtherProfile(ToyScorer):
    """The toy's metrics under another profile's name, with a description as long as real ones."""

    def definitions(self) -> Mapping[str, Any]:
        return {"other": {"definitions": {f"hash{n}": {"metric": "difference"} for n in range(50)}}}


class OtherDataset(ToyDataset):
    fingerprint = "toy-2"


@dataclass
class Run:
    """One run, as asked for."""

    folder: Path
    method: ToyMethod
    scorer: ToyScorer
    dataset: ToyDataset
    text: str = PROTOCOL

    def start(self, **changes: Any) -> None:
        path = self.folder / "toy-imitation.yaml"
        path.write_text(self.text, encoding="utf-8")
        request = toy_request(
            self.folder / "run",
            methods=[self.method.name],
            **{"sn": (1,), "steps": (0,), "limit": 1, **changes},
        )
        evaluate(request, load_protocol(path), self.dataset, {self.method.name: self.method}, self.scorer)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path, ToyMethod(), ToyScorer(), ToyDataset())


@pytest.mark.parametrize(
    ("changed", "options", "words"),
    [
        ({"scorer": OtherProfile()}, {}, ["profiles.other is only here", "profiles.toy is only there"]),
        ({"scorer": ToyScorer(version=2)}, {}, ["profiles.toy differs"]),
        ({"method": ToyMethod("yot")}, {}, ['methods is ["toy"] there and ["yot"] here']),
        ({"dataset": OtherDataset()}, {}, ['dataset.fingerprint is "toy-1" there and "toy-2" here']),
        ({"text": PROTOCOL.replace("[8, 13]", "[8, 12]")}, {}, ["protocol.content differs"]),
        ({}, {"sn": (2,)}, ["sn is [1] there and [2] here"]),
        ({}, {"steps": (0, 5)}, ["steps is [0] there and [0, 5] here"]),
        ({}, {"settings": ("self",)}, ['settings is ["self", "cross"] there and ["self"] here']),
        ({}, {"seeds": (3,)}, ["seeds is [0] there and [3] here"]),
        ({}, {"limit": None}, ["limit is 1 there and null here"]),
    ],
    ids=lambda value: value[0].split()[0] if isinstance(value, list) else "",
)
def test_the_line_names_what_differs(
    changed: dict[str, Any], options: dict[str, Any], words: list[str], run: Run, tmp_path: Path
) -> None:
    run.start()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    for name, value in changed.items():
        setattr(run, name, value)
    with pytest.raises(UserError, match="holds another plan") as caught:
        run.start(**options)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line.replace(str(tmp_path), "")) < LONGEST
    for word in [*words, str(tmp_path / "run"), f"try: --out {tmp_path / 'run'}-2"]:
        assert word in line
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before
