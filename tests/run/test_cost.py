"""Parameters and memory on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from torch import nn

from iper_bench.lwg import weights
from iper_bench.methods.method import Sources, Subject
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.run.benchmark import evaluate
from iper_bench.run.cost import parameters_of, peak_mib
from tests.run.toys import ToyDataset, ToyMethod, ToyScorer, toy_protocol, toy_request


@dataclass
class Holder:
    networks: dict[str, nn.Module]
    again: nn.Module | None = None


def test_every_network_counts_once_however_it_is_held() -> None:
    small, large = nn.Linear(2, 3), nn.Linear(10, 10)
    assert parameters_of(Holder({"a": small})) == 9
    assert parameters_of(Holder({"a": small, "b": large}, again=small)) == 9 + 110
    assert parameters_of(Holder({"a": nn.Sequential(small, large)}, again=large)) == 9 + 110


def test_no_network_is_none_and_not_zero() -> None:
    assert parameters_of(Holder({})) is None
    assert parameters_of(MethodChoice.parse("copy-source").open()) is None


def test_the_packaged_method_has_as_many_as_its_card_says() -> None:
    from importlib.resources import files

    card = yaml.safe_load((files(weights) / "attlwb-embedded-128.yaml").read_text(encoding="utf-8"))
    assert parameters_of(MethodChoice.parse("attlwb").open()) == card["parameters"]


def test_the_peak_never_falls() -> None:
    before = peak_mib()
    held = bytearray(64 << 20)
    assert peak_mib() >= before > 10
    del held
    assert peak_mib() >= before


def test_the_record_counts_the_networks_that_draw_and_not_those_of_the_losses(tmp_path: Path) -> None:
    """Personalisation brings networks of its own, which the method then holds as well."""

    class Growing(ToyMethod):
        network: nn.Module | None = None
        loss: nn.Module | None = None

        def checkpoints(
            self, sources: Sources, *, steps: tuple[int, ...], seed: int
        ) -> Iterator[tuple[int, Subject]]:
            self.loss = nn.Linear(100, 100)
            yield from super().checkpoints(sources, steps=steps, seed=seed)

    method = Growing()
    method.network = nn.Linear(2, 3)
    evaluate(
        toy_request(tmp_path / "run"), toy_protocol(tmp_path), ToyDataset(), {"toy": method}, ToyScorer()
    )
    timings = [json.loads(path.read_text()) for path in (tmp_path / "run" / "timings").iterdir()]
    assert timings
    assert {timing["parameters"] for timing in timings} == {9}
    assert all(timing["peak_mib"] > 10 and timing["frames"] > 0 for timing in timings)
