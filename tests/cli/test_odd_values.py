"""Values that no one types on purpose: empty paths, endless digits, nan, capitals, a reader gone away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.errors import UserError, nearest
from iper_bench.protocol.fields import read_yaml
from iper_bench.training.train import TrainRequest, train
from tests.cli.command_line import assert_one_line, run_line

RUN = ("run", "--method", "warp", "--dataset", "synthetic")
TRAIN = ("train", "--method", "attlwb", "--dataset", "synthetic")


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program sets variables; they must not leak into other tests."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.parametrize("option", ["--sn", "--steps"])
def test_endless_digits(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, *RUN, option, "9" * 5000), option, "expected whole numbers")


@pytest.mark.parametrize("line", [RUN, (*TRAIN, "--out", "x")])
def test_a_seed_beyond_torch(line: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, *line, "--seed", "9" * 23), "--seed")


@pytest.mark.parametrize("line", [("data", "make-synthetic"), RUN, TRAIN, ("report", "x")])
def test_an_empty_path(line: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, *line, "--out", ""), "--out", "is empty")


def test_nan_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, *TRAIN, "--out", "x", "--seconds", "nan"), "--seconds", "nan")


def test_capitals_find_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert nearest("ssim", ["SSIM", "PSNR"]) == ["SSIM"]
    line = ("run", "--method", "WARP", "--dataset", "synthetic")
    assert_one_line(run_line(capsys, *line), "did you mean warp?")


def test_the_root_has_no_folder_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "report", "/"), "--out")


def test_a_report_of_the_folder_one_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_one_line(run_line(capsys, "report", "."), "no run here")


@pytest.mark.parametrize("value", ["2024-13-45", "!!int x", "!!timestamp x", "9" * 5000])
def test_values_that_yaml_cannot_make(value: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"name: {value}\n")
    with pytest.raises(UserError, match="not valid YAML") as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(("field", "option"), [("size", "--size"), ("turn_frames", "--turn-frames")])
def test_a_dataset_option_is_named_as_it_is_typed(field: str, option: str) -> None:
    with pytest.raises(UserError, match=option):
        SyntheticConfig(**{field: 0})


def test_training_on_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = ("--size", "32", "--train-actors", "0", "--outfit-actors", "0", "--test-actors", "1")
    out = str(tmp_path / "data")
    frames = ("--outfits", "1", "--turn-frames", "1", "--action-frames", "1")
    assert run_line(capsys, "data", "make-synthetic", "--out", out, *counts, *frames).status == 0
    line = run_line(capsys, *TRAIN, "--data-root", out, "--size", "32", "--out", str(tmp_path / "t"))
    assert_one_line(line, "'train' of dataset 'synthetic' is empty")


def test_a_killed_first_checkpoint_is_no_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process left half-written does not keep the same command from starting."""
    out = tmp_path / "t"
    out.mkdir()
    (out / ".state.pt.abc.part").write_bytes(b"half")
    reached = []

    def stop(*arguments: object, **options: object) -> None:
        reached.append("training")
        raise KeyboardInterrupt

    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("iper_bench.training.train.sampler_for", stop)
    with pytest.raises(KeyboardInterrupt):
        train(TrainRequest("attlwb", "synthetic", "tiny", out))
    assert reached == ["training"]


def test_a_cache_that_takes_nothing_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rendering goes on without a cache, but a command that only fills it must say so."""

    def full(path: Path, content: bytes) -> None:
        raise UserError("no space left on the disk", where=str(path))

    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path))
    monkeypatch.setattr("iper_bench.data.synthetic.cache.write_bytes", full)
    counts = ("--size", "32", "--train-actors", "0", "--outfit-actors", "0", "--test-actors", "1")
    frames = ("--turn-frames", "1", "--action-frames", "1")
    outcome = run_line(capsys, "data", "make-synthetic", *counts, *frames)
    assert outcome.status == 2
    assert "no space left" in outcome.err.splitlines()[-1]


def test_a_reader_that_goes_away_is_no_regression() -> None:
    """Status 1 means a regression; a closed pipe must not look like one."""
    child = subprocess.Popen(
        [sys.executable, "-m", "iper_bench.cli.main", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.close()
    _, complaint = child.communicate()
    assert child.returncode == 0
    assert complaint == b""


def test_a_closed_standard_output_is_no_bug() -> None:
    done = subprocess.run(
        f"{sys.executable} -m iper_bench.cli.main --version >&-",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
