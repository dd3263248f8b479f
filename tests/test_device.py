"""The device of the computation: what is asked for, what is there, and one line where they differ."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from iper_bench.cli.main import invoke
from iper_bench.device import VARIABLE, compute_device
from iper_bench.errors import UserError


@pytest.fixture
def cuda_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two CUDA devices, as far as names go."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("cuda_devices")
@pytest.mark.parametrize(
    ("asked", "given"),
    [(None, "cuda:0"), ("auto", "cuda:0"), ("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1")],
)
def test_with_cuda(asked: str | None, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if asked is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, asked)
    assert compute_device() == torch.device(given)


@pytest.mark.usefixtures("cuda_devices")
def test_a_device_too_many_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "cuda:2")
    with pytest.raises(UserError, match=r"no device 'cuda:2' here: .* sees 2 CUDA devices"):
        compute_device()


def test_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for asked in ("", "auto", "cpu"):
        monkeypatch.setenv(VARIABLE, asked)
        assert compute_device() == torch.device("cpu")
    for asked in ("cuda", "cuda:0"):
        monkeypatch.setenv(VARIABLE, asked)
        with pytest.raises(UserError, match="sees 0 CUDA devices; try: iper-bench --device cpu"):
            compute_device()


@pytest.mark.parametrize("wrong", ["gpu", "cuda:", "cuda:1000000", "meta", "cuda:-1", " cpu"])
def test_unknown_names_are_one_line(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, wrong)
    with pytest.raises(UserError, match=f"{VARIABLE}: unknown device"):
        compute_device()
    assert invoke(["--device", wrong, "method", "list"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "expected auto, cpu, cuda or cuda:N" in lines[0]


def test_the_option_sets_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "auto")
    assert invoke(["--device", "cuda:1", "method", "list"]) == 0
    assert os.environ[VARIABLE] == "cuda:1"
    assert "attlwb" in capsys.readouterr().out


def test_naming_a_device_imports_no_torch() -> None:
    code = "import sys, iper_bench.device, iper_bench.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
