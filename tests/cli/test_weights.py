"""``iper-bench weights show`` and ``convert``: what they print, and one line for every broken file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from iper_bench.lwg.packaged import load_trained
from tests.cli.command_line import assert_one_line, run_line
from tests.lwg.broken_files import BROKEN, VICTIM
from tests.lwg.narrow import narrow_generator


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.save(narrow_generator("AttLWB-SPADE").state_dict(), tmp_path / "net_id_G.pth")
    return tmp_path / "net_id_G.pth"


def test_convert_then_show(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "attlwb.safetensors"
    done = run_line(capsys, "weights", "convert", str(checkpoint), "--out", str(out))
    assert (done.status, done.err) == (0, "")
    assert "AttLWB-SPADE, filters 4-6" in done.out
    assert str(out) in done.out
    assert yaml.safe_load(out.with_suffix(".yaml").read_text())["file"] == "attlwb.safetensors"
    assert load_trained(out).official
    shown = run_line(capsys, "weights", "show", str(out))
    assert shown.status == 0
    assert dict(line.split(maxsplit=1) for line in shown.out.splitlines())["variant"] == "released"
    assert run_line(capsys, "weights", "show", str(checkpoint)).status == 0


def test_the_packaged_file_is_shown_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run_line(capsys, "weights", "show", "attlwb-embedded-128.safetensors")
    assert shown.status == 0
    assert "1410848 in 149 tensors" in shown.out


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_files_end_with_one_line(
    fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = BROKEN[fault][0](tmp_path)
    out = tmp_path / "out.safetensors"
    assert_one_line(run_line(capsys, "weights", "convert", str(path), "--out", str(out)), str(path))
    assert_one_line(run_line(capsys, "weights", "show", str(path)), str(path))
    assert not out.exists()
    assert not out.with_suffix(".yaml").exists()
    assert not (tmp_path / VICTIM).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "x.pth"), "expected NAME.safetensors"),
        (("--out", "x.safetensors", "--variant", "embedded"), "one of paper, released"),
        (("--out", "x.safetensors", "--generator", "AttLWB-SPAD"), "did you mean AttLWB-SPADE"),
        (("--out", "x.safetensors", "--generator", "AddLWB"), "weights of generator 'AttLWB-SPADE'"),
        ((), "--out"),
    ],
)
def test_wrong_options_are_named(
    arguments: tuple[str, ...],
    words: str,
    checkpoint: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(checkpoint.parent)
    assert_one_line(run_line(capsys, "weights", "convert", str(checkpoint), *arguments), words)
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_missing_files_and_folders_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "gone.pth", tmp_path, tmp_path / "gone.safetensors"):
        assert_one_line(run_line(capsys, "weights", "show", str(path)), "no such file", str(path))
