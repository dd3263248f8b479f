"""Reading, writing and refusing weights."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import (
    differences,
    load_checkpoint,
    load_safetensors,
    read_state_dict,
    require_values,
    save_safetensors,
)
from iper_bench.lwg.config import GeneratorConfig
from iper_bench.lwg.convert import describe
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.packaged import load_trained
from tests.lwg.broken_files import BROKEN, VICTIM

SMALL = GeneratorConfig(bg_filters=(4, 6), bg_res_blocks=1, filters=(4, 6), res_blocks=1, spade_hidden=8)


def test_official_files_load_with_and_without_the_parallel_prefix(tmp_path: Path) -> None:
    torch.manual_seed(1)
    trained, plain, wrapped = (build_generator(SMALL) for _ in range(3))
    torch.save(trained.state_dict(), tmp_path / "plain.pth")
    torch.save({f"module.{k}": v for k, v in trained.state_dict().items()}, tmp_path / "wrapped.pth")
    load_checkpoint(plain, tmp_path / "plain.pth")
    load_checkpoint(wrapped, tmp_path / "wrapped.pth")
    for key, value in trained.state_dict().items():
        assert torch.equal(plain.state_dict()[key], value)
        assert torch.equal(wrapped.state_dict()[key], value)


@pytest.mark.parametrize("name", ["state_dict", "model"])
def test_a_nested_state_dict_is_found(name: str, tmp_path: Path) -> None:
    torch.save({name: {"module.a": torch.ones(2)}, "epoch": 3}, tmp_path / "nested.pth")
    assert list(read_state_dict(tmp_path / "nested.pth")) == ["a"]


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_and_hostile_files_get_one_line_and_run_nothing(fault: str, tmp_path: Path) -> None:
    write, words = BROKEN[fault]
    path = write(tmp_path)
    with pytest.raises(UserError, match=words) as caught:
        load_trained(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert not (tmp_path / VICTIM).exists()
    with pytest.raises(UserError, match=words):
        describe(path)


def test_counters_may_be_whole_numbers_and_empty_tensors_are_finite() -> None:
    counter = torch.tensor(3)
    require_values({"bn.num_batches_tracked": counter, "none": torch.zeros(0)}, source="x")
    with pytest.raises(UserError, match=r"'bn\.count' is of int64"):
        require_values({"bn.count": counter}, source="x")
    for value in (float("nan"), float("inf"), -float("inf")):
        for kind in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            with pytest.raises(UserError, match="'w' holds 1 values"):
                require_values({"w": torch.tensor([1.0, value], dtype=kind)}, source="x")


def test_what_differs_is_reported_and_nothing_is_changed(tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = build_generator(SMALL)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    state = {k: v + 1.0 for k, v in before.items()}
    del state["tsf_img_reg.0.weight"]
    state["extra.weight"] = torch.zeros(1)
    state["tsf_att_reg.0.weight"] = torch.zeros(1, 9, 5, 5)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(UserError) as caught:
        load_checkpoint(network, tmp_path / "other.pth")
    text = str(caught.value)
    for part in (
        "other.pth",
        "missing: tsf_img_reg.0.weight",
        "unexpected: extra.weight",
        "1x9x5x5 instead of 1x4x5x5",
    ):
        assert part in text
    assert "\n" not in text
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_long_lists_are_counted() -> None:
    network = build_generator(SMALL)
    (line,) = differences(network, {})
    assert line.startswith(f"{len(network.state_dict())} keys are missing")
    assert line.endswith("more")


class _Unsafe:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return print, ("this must never run",)


@pytest.mark.parametrize("content", ["text", "pickle", "list"])
def test_files_that_are_no_checkpoints_are_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weights.pth"
    if content == "text":
        path.write_text("404: not found")
    elif content == "pickle":
        path.write_bytes(pickle.dumps(_Unsafe(), protocol=2))
    else:
        torch.save([torch.zeros(1)], path)
    with pytest.raises(UserError, match=r"weights\.pth"):
        read_state_dict(path)
    assert "must never run" not in capsys.readouterr().out


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("gone.pth", "gone.safetensors"):
        with pytest.raises(UserError, match="no such file"):
            read_state_dict(tmp_path / name)


def test_safetensors_keep_tensors_and_metadata_and_their_bytes(tmp_path: Path) -> None:
    state = {"b": torch.arange(6.0).reshape(2, 3).T, "a": torch.ones(2, dtype=torch.float16)}
    save_safetensors(state, tmp_path / "x.safetensors", {"seed": 1, "name": "é"})
    save_safetensors(dict(reversed(state.items())), tmp_path / "y.safetensors", {"name": "é", "seed": 1})
    tensors, metadata = load_safetensors(tmp_path / "x.safetensors")
    assert metadata == {"seed": 1, "name": "é"}
    assert all(torch.equal(tensors[k], v) and tensors[k].dtype == v.dtype for k, v in state.items())
    assert (tmp_path / "x.safetensors").read_bytes() == (tmp_path / "y.safetensors").read_bytes()


def test_damaged_safetensors_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_safetensors({"a": torch.ones(64)}, path, {})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged"):
        load_safetensors(path)
