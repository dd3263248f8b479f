"""Sizes and deviations: reading, writing, mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.lwg.config import GENERATOR_NAMES, Deviations, GeneratorConfig


def _official(**changes: Any) -> dict[str, Any]:
    stream = {"norm_type": "None", "cond_nc": 6, "n_res_block": 2, "num_filters": [4, 6]}
    cfg: dict[str, Any] = {
        "name": "AttLWB-SPADE",
        "BGNet": {"norm_type": "instance", "cond_nc": 4, "n_res_block": 1, "num_filters": [4, 6]},
        "SIDNet": dict(stream),
        "TSFNet": dict(stream),
    }
    return {**cfg, **changes}


def test_defaults_are_the_released_sizes() -> None:
    stream = {"cond_nc": 6, "n_res_block": 6, "num_filters": [64, 128, 256]}
    bg = {"cond_nc": 4, "n_res_block": 6, "num_filters": [64, 128, 128, 256]}
    cfg = {"name": "AttLWB-SPADE", "BGNet": bg, "SIDNet": stream, "TSFNet": stream}
    assert GeneratorConfig.from_official(cfg) == GeneratorConfig() == GeneratorConfig.released("AttLWB-SPADE")
    assert GeneratorConfig().stride == 8


def test_json_round_trips() -> None:
    for name in GENERATOR_NAMES:
        config = GeneratorConfig.released(name)
        assert GeneratorConfig.from_json(config.to_json()) == config
    deviations = Deviations(prefilled_hole=True)
    assert Deviations.from_json(deviations.to_json()) == deviations
    assert deviations.active == ("prefilled_hole",)
    assert not any(Deviations().to_json().values())


def test_input_concat_counts_its_channels() -> None:
    assert GeneratorConfig.released("InputConcat").target_nc == 27
    tsf = {"cond_nc": 15, "n_res_block": 2, "num_filters": [4, 6], "num_source": 2}
    assert GeneratorConfig.from_official(_official(name="InputConcat", TSFNet=tsf)).target_nc == 15


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        (_official(name="AttLWB-SPAD"), "did you mean AttLWB-SPADE"),
        ({"name": "AddLWB"}, "'BGNet' is missing"),
        (_official(BGNet=[64]), r"table \[BGNet\]"),
        (_official(TSFNet={"cond_nc": 6, "n_res_block": 3, "num_filters": [4, 6]}), "n_res_block"),
        (_official(TSFNet={"cond_nc": 9, "n_res_block": 2, "num_filters": [4, 6]}), "cond_nc is 9"),
        (_official(BGNet={"cond_nc": 4, "n_res_block": 2, "num_filters": "64"}), "num_filters"),
        (_official(BGNet={"cond_nc": 4, "n_res_block": 2, "num_filters": []}), "bg_filters"),
        (_official(BGNet={"cond_nc": 4, "n_res_block": -1, "num_filters": [4]}), "bg_res_blocks"),
    ],
)
def test_mistakes_are_named(cfg: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        GeneratorConfig.from_official(cfg)


def test_unknown_entries_are_named() -> None:
    with pytest.raises(UserError, match="filters"):
        GeneratorConfig.from_json({"filter": [1]})
    with pytest.raises(UserError, match="known_background"):
        Deviations.from_json({"know_background": True})
