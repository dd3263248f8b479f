"""What users get wrong, verb by verb: one line that says what is wrong and what to type next, status 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import Outcome, assert_one_line, run_line


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest embedded dataset: two held-out actors, one to train on, 32 pixels."""
    folder = tmp_path_factory.mktemp("synthetic")
    few = "--size 32 --train-actors 1 --test-actors 2 --outfits 1 --outfit-actors 0"
    short = "--turn-frames 8 --action-frames 4"
    command = [
        sys.executable,
        "-m",
        "iper_bench.cli.main",
        "data",
        "make-synthetic",
        "--out",
        str(folder),
        *few.split(),
        *short.split(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Lines:
    """Command lines on the small dataset."""

    def __init__(self, dataset: Path, protocol: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.dataset, self.protocol, self.out, self.capsys = dataset, protocol, out, capsys

    def run(self, **changed: str) -> Outcome:
        """``iper-bench run`` with options changed; one set to the empty text is left out."""
        options = {
            "method": "copy-source",
            "dataset": "synthetic",
            "data-root": str(self.dataset),
            "size": "32",
            "protocol": str(self.protocol),
            "sn": "1",
            "references": "none",
            "out": str(self.out),
        }
        options |= {name.replace("_", "-"): value for name, value in changed.items()}
        arguments = [part for name, value in options.items() if value for part in (f"--{name}", value)]
        return run_line(self.capsys, "run", *arguments)


SMALL_PROTOCOL = """\
format: 1
name: small
description: Two clips, two frames of each.
task: motion_imitation
dataset: synthetic
split: test
source_counts: [1]
rules:
  sources: {frames: [0, 7], choose: yaw}
  self: {frames: [8, 9]}
  cross: {target: next_subject, frames: [8, 9], real: [8, 9]}
"""


@pytest.fixture
def lines(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Lines:
    protocol = tmp_path / "small.yaml"
    protocol.write_text(SMALL_PROTOCOL, encoding="utf-8")
    return Lines(dataset, protocol, tmp_path / "run", capsys)


def test_unknown_method(lines: Lines) -> None:
    assert_one_line(lines.run(method="copy-sorce"), "unknown method 'copy-sorce'", "did you mean copy-source")
    assert not lines.out.exists()


def test_one_unknown_method_among_several(lines: Lines) -> None:
    assert_one_line(lines.run(method="warp,attlwp"), "unknown method 'attlwp'", "did you mean attlwb")


def test_unknown_dataset(lines: Lines) -> None:
    assert_one_line(lines.run(dataset="syntetic"), "unknown dataset 'syntetic'", "did you mean synthetic or ")


def test_unknown_protocol(lines: Lines) -> None:
    assert_one_line(lines.run(protocol="synthetic-dem"), "unknown protocol 'synthetic-dem'", "synthetic-demo")


def test_unknown_profile(lines: Lines) -> None:
    assert_one_line(lines.run(profile="ofline"), "unknown profile 'ofline'", "did you mean offline?")


def test_unknown_setting(lines: Lines) -> None:
    assert_one_line(lines.run(settings="slef"), "slef", "self")


@pytest.mark.parametrize("value", ["1,,2", "x", "0", "-1", "1.5", ""])
def test_bad_numbers_of_sources(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--method", "warp", "--dataset", "synthetic", "--out", "never-made", f"--sn={value}"]
    assert_one_line(run_line(capsys, "run", *arguments), "--sn", "whole numbers from 1")


def test_number_of_sources_the_protocol_lacks(lines: Lines) -> None:
    assert_one_line(lines.run(sn="3"), "3")


def test_missing_data(lines: Lines, tmp_path: Path) -> None:
    assert_one_line(lines.run(data_root=str(tmp_path / "nowhere")), "nowhere", "try:")


def test_out_below_a_file(lines: Lines, tmp_path: Path) -> None:
    """Stands for a folder without permission, which the tests of a superuser cannot make."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert_one_line(lines.run(out=str(tmp_path / "file" / "run")), "file")


def test_run_folder_of_another_plan(lines: Lines) -> None:
    first = lines.run(settings="self")
    assert first.status == 0, first.err
    assert_one_line(lines.run(settings="self", seed="1"), str(lines.out), "plan")


def test_same_command_again_keeps_everything(lines: Lines) -> None:
    assert lines.run(settings="self").status == 0
    aggregates = {path.name: path.read_bytes() for path in lines.out.glob("*.json")}
    again = lines.run(settings="self")
    assert again.status == 0
    assert " 0 computed" in again.out
    assert {path.name: path.read_bytes() for path in lines.out.glob("*.json")} == aggregates


def test_report_of_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "report", str(tmp_path / "none"), "--out", str(tmp_path / "report"))
    assert_one_line(outcome, str(tmp_path / "none"))


def test_gate_without_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "gate", str(tmp_path), "--baseline", str(tmp_path / "none.json"))
    assert_one_line(outcome, "none.json", "iper-bench gate update")


def test_train_unknown_method(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(
        capsys, "train", "--method", "atlwb", "--dataset", "synthetic", "--out", str(tmp_path / "t")
    )
    assert_one_line(outcome, "atlwb", "attlwb")


def test_train_unknown_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--method",
        "attlwb",
        "--dataset",
        "synthetic",
        "--preset",
        "tinny",
        "--out",
        str(tmp_path / "t"),
    ]
    assert_one_line(run_line(capsys, "train", *arguments), "tinny", "tiny")


@pytest.mark.parametrize(
    "arguments", [["metric", "show", "SIM"], ["protocol", "show", "nothing"], ["data", "info", "iperr"]]
)
def test_unknown_names_elsewhere(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, *arguments), f"'{arguments[-1]}'", "expected")


def test_make_synthetic_refuses_nonsense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "data")
    assert_one_line(run_line(capsys, "data", "make-synthetic", "--out", out, "--size", "3"), "size 3", "16")
    assert_one_line(
        run_line(capsys, "data", "make-synthetic", "--out", out, "--size", "big"), "--size", "big"
    )
    assert_one_line(run_line(capsys, "data", "make-synthetic", "--out", out, "--body", "smlp"), "smlp")


def test_interrupt_of_a_real_process(tmp_path: Path) -> None:
    """A signal in the middle of a run: one line, status 130, and the command that resumes."""
    code = (
        "import os, signal, sys, time\nimport iper_bench.run.benchmark as benchmark\n"
        "def interrupted(request):\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(30)\n"
        "benchmark.run_benchmark = interrupted\nfrom iper_bench.cli.main import main\n"
        "sys.argv = 'iper-bench run --method warp --dataset synthetic --out r'.split()\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    (line,) = done.stderr.strip().splitlines()
    assert line.endswith("the same command resumes: iper-bench run --method warp --dataset synthetic --out r")
