"""``iper-bench body error`` and ``train --method hmr`` as they are typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from iper_bench.body.recovery.small import NETWORK, SmallHmr, SmallHmrConfig
from iper_bench.body.recovery.weights import load_estimator
from iper_bench.lwg.checkpoint import save_safetensors
from tests.cli.command_line import assert_one_line, run_line

FILM = (
    "--size 32 --train-actors 1 --test-actors 2 --outfits 1 --outfit-actors 0 "
    "--turn-frames 4 --action-frames 4"
)


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program sets variables; they must not leak into other tests."""
    monkeypatch.setattr(os, "environ", {**os.environ, "IPER_BENCH_DEVICE": "cpu"})


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips, two of held-out actors."""
    from iper_bench.cli.main import invoke

    folder = tmp_path_factory.mktemp("film")
    assert invoke(["data", "make-synthetic", "--out", str(folder / "made"), *FILM.split()]) == 0
    return folder / "made"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = SmallHmrConfig(side=32, widths=(4, 8), grid=2, squeezed=4, hidden=16)
    path = tmp_path_factory.mktemp("weights") / "hmr.safetensors"
    save_safetensors(SmallHmr(config).state_dict(), path, {"network": NETWORK, "config": config.to_json()})
    return path


def test_the_table_and_the_file_say_the_same(
    film: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = (
        f"body error --weights {weights} --dataset synthetic --data-root {film} --json {tmp_path}/error.json"
    )
    outcome = run_line(capsys, *line.split())
    assert outcome.status == 0, outcome.err
    told = json.loads((tmp_path / "error.json").read_text())
    rows = [row.split() for row in outcome.out.splitlines()]
    assert [row[0] for row in rows[1:]] == [*told["clips"], "mean", "mean"]
    assert len(told["clips"]) == 2
    assert told["split"] == "test_actor"
    named = [*told["clips"].values(), told["mean"], told["baseline"]]
    for row, one in zip(rows[1:], named, strict=True):
        shown = zip(row[-4:], ("mpjpe", "pa_mpjpe", "pixels", "reprojection"), strict=True)
        for text, name in shown:  # half of the last digit that is printed
            assert float(text) == pytest.approx(one[name], abs=0.501 * 10.0 ** -len(text.split(".")[1]))
        assert one["mpjpe"] >= one["pa_mpjpe"] > 0
        assert one["pixels"] == pytest.approx(one["reprojection"] * 32)
    assert told["mean"]["frames"] == 16
    values = [one["mpjpe"] for one in told["clips"].values()]
    assert told["mean"]["mpjpe"] == pytest.approx(sum(values) / 2)


def test_fewer_clips(film: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"body error --weights {weights} --dataset synthetic --data-root {film} --limit 1 --split test"
    outcome = run_line(capsys, *line.split())
    assert outcome.status == 0, outcome.err
    assert len(outcome.out.splitlines()) == 4


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--split test_acter", "did you mean test_actor"),
        ("--dataset synthetik", "did you mean synthetic"),
        ("--weights nowhere.pth", "nowhere.pth: no such file"),
        ("--limit 0", "'--limit'"),
        ("--size 64", "frames of 32 px, not 64"),
        ("--json {folder}", "a file stands where a folder is needed, or the reverse"),
    ],
)
def test_values_that_cannot_be_used_are_one_line(
    typed: str, words: str, film: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = typed.format(folder=film)
    line = f"body error --weights {weights} --dataset synthetic --data-root {film} {typed}"
    assert_one_line(run_line(capsys, *line.split()), words)


def test_an_estimator_of_another_body_is_one_line(
    film: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = load_estimator(weights)
    told = {"network": NETWORK, "config": network.config.to_json(), "body": "smpl"}
    save_safetensors(network.state_dict(), tmp_path / "smpl.safetensors", told)
    line = f"body error --weights {tmp_path}/smpl.safetensors --dataset synthetic --data-root {film}"
    assert_one_line(run_line(capsys, *line.split()), "was trained for the body 'smpl'", "'open-coarse'")


def test_several_processes_are_one_line(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "2")
    line = f"train --method hmr --dataset synthetic@{film} --out {tmp_path}/out --steps 2"
    assert_one_line(run_line(capsys, *line.split()), "2 processes", "without accelerate launch")
    assert not (tmp_path / "out").exists()


def test_training_as_typed(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    line = f"train --method hmr --dataset synthetic@{film} --out {out} --steps 3 --batch 2 --seed 4"
    line += " --log-every 1"
    outcome = run_line(capsys, *line.split())
    assert outcome.status == 0, outcome.err
    assert outcome.out.strip() == str(out / "hmr.safetensors")
    assert "training: done, 3 items, loss " in outcome.err
    assert (out / "hmr.safetensors").stat().st_size < 1_600_000  # it could come with a repository
    assert len((out / "log.jsonl").read_text().splitlines()) == 3
    assert json.loads((out / "plan.json").read_text())["seed"] == 4
    assert load_estimator(out / "hmr.safetensors").config == SmallHmrConfig()
    again = run_line(capsys, *line.split())
    assert again.status == 0, again.err
    assert "training: start, 0 items" in again.err


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--preset tiny", "--preset: means nothing to --method hmr; expected --dataset"),
        ("--validate-every 5", "--validate-every: means nothing"),
        ("--keep-best", "--keep-best: means nothing"),
        ("--dataset synthetik", "did you mean synthetic"),
        ("--batch 0", "'--batch'"),
        ("--method hmr[loss=lp]", "--method: 'hmr[loss=lp]' has options in brackets"),
    ],
)
def test_training_options_that_mean_nothing_are_one_line(
    typed: str, words: str, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"train --method hmr --dataset synthetic@{film} --out {tmp_path}/out {typed}"
    assert_one_line(run_line(capsys, *line.split()), words)
    assert not (tmp_path / "out").exists()
