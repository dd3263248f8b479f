"""Parameters and memory on record."""

from __future__ import annotations

from dataclasses import dataclass

import yaml
from torch import nn

from iper_bench.lwg import weights
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.run.cost import parameters_of, peak_mib


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
