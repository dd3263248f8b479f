"""``iper-bench explain``: names, words, tables, files, runs and results, and what is refused."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from iper_bench.data.image_io import encode_png
from iper_bench.metrics.kinds import SSIM as SSIM_KIND
from iper_bench.run.explain_page import decimals
from iper_bench.run.scoring import SuiteScorer
from tests.cli.command_line import assert_one_line, run_line
from tests.cli.toy_program import ToyProgram

TRUTHS = np.random.default_rng(0).integers(0, 256, (4, 24, 20, 3), dtype=np.uint8)
PREDICTIONS = np.clip(TRUTHS + np.random.default_rng(1).normal(0, 20, TRUTHS.shape), 0, 255).astype(np.uint8)
WRAP = ("explain", "standard:PSNR", "legacy:psnr/uint8-wrap")
SSIM = ("explain", "standard:SSIM", "legacy:ssim/grey")


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["COLUMNS"] = "250"
    monkeypatch.setattr(Console, "_environ", os.environ)  # it took another when it was imported
    os.environ["IPER_BENCH_WEIGHTS"] = str(tmp_path / "no-weights")


def write(folder: Path, frames: np.ndarray) -> str:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        (folder / f"{number}.png").write_bytes(encode_png(frame))
    return str(folder)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    ours, theirs = write(tmp_path / "mine", PREDICTIONS), write(tmp_path / "truth", TRUTHS)
    return "--predictions", ours, "--references", theirs


def column(out: str) -> tuple[list[Decimal], Decimal]:
    """Changes of the printed table, and the gap."""
    lines = [line.split() for line in out.splitlines()]
    marked = [line for line in lines if len(line) > 4 and line[-2] == "of"]
    changes = [Decimal(line[-4]) for line in marked[1:]]
    (gap,) = (Decimal(line[3]) for line in lines if line[:3] == ["B", "-", "A"])
    return changes, gap


def test_words_alone(capsys):
    outcome = run_line(capsys, "explain", "paper:SSIM", "standard:SSIM")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("A paper:SSIM@self, B standard:SSIM@self: 5 differences\n")
    for words in (
        "to 512x512",
        "uint8 RGB at native size",
        "sample covariance",
        "mean of means of batches of 16",
    ):
        assert words in outcome.out
    assert "--predictions PATH --references PATH" in outcome.out


def test_one_definition_under_two_names(capsys):
    outcome = run_line(capsys, "explain", "offline:PSNR", "standard:PSNR")
    assert outcome.out.strip().endswith("one definition, no difference")


def test_missing_weights_are_said(capsys):
    outcome = run_line(capsys, "explain", "offline:LPIPS", "standard:LPIPS", "--words")
    assert "weights of B are not known" in outcome.out
    assert "weights fetch lpips_alex" in outcome.out
    assert "not on record" in outcome.out


def test_settings_are_found_or_named(capsys):
    """FID/clip of offline is measured in both settings, FID of paper in one."""
    outcome = run_line(capsys, "explain", "offline:FID/clip", "paper:FID", "--words")
    assert outcome.out.startswith("A offline:FID/clip@cross, B paper:FID@cross")
    outcome = run_line(capsys, "explain", "offline:FID/clip@self", "offline:FID/clip@cross")
    assert "setting" in outcome.out
    assert "nothing was measured: the two settings" in outcome.out


def test_the_column_of_changes_adds_up_to_the_gap(capsys, files, tmp_path):
    outcome = run_line(capsys, *SSIM, *files, "--json", str(tmp_path / "out.json"))
    assert (outcome.status, outcome.err) == (0, "")
    changes, gap = column(outcome.out)
    assert len(changes) == 3
    assert sum(changes) == gap
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    (pair,) = content["pairs"]
    measured = pair["attribution"]
    assert measured["gap"] == measured["second"] - measured["first"]
    assert [step["fields"] for step in measured["steps"]] == [["colour"], ["window"], ["covariance"]]
    assert measured["steps"][-1]["value"] == measured["second"]
    assert float(gap) == pytest.approx(measured["gap"], abs=1e-4)


def test_limit_and_numbering(capsys, files):
    assert "the first 2 of 4 pairs" in run_line(capsys, *WRAP, *files, "--limit", "2").out
    assert "the first 4 of 4 pairs" in run_line(capsys, *WRAP, *files, "--numbering", "positions").out


def test_frames_that_cannot_be_read_are_left_out_and_named(capsys, files):
    Path(files[1], "1.png").write_bytes(b"")
    Path(files[1], "2.png").unlink()
    outcome = run_line(capsys, *WRAP, *files)
    assert outcome.status == 0
    assert "2 of 2" in outcome.out
    assert "/mine/1.png: an empty file" in outcome.out
    assert "1 expected frames without a prediction" in outcome.out
    for number in (0, 3):
        Path(files[1], f"{number}.png").write_bytes(b"x")
    assert_one_line(run_line(capsys, *WRAP, *files), "none of 3 pairs can be read")


def test_cross_takes_both_sides_as_they_are(capsys, files):
    Path(files[3], "3.png").unlink()
    outcome = run_line(capsys, "explain", "offline:FID", "offline:KID", *files)
    assert outcome.status == 0, outcome.err
    assert "the first 4 of 4 and 3 of 3 frames" in outcome.out
    changes, gap = column(outcome.out)
    assert changes == [gap]


def test_clips(capsys, tmp_path):
    for name in ("a", "b"):
        write(tmp_path / "mine" / name, PREDICTIONS)
        write(tmp_path / "truth" / name, TRUTHS)
    options = ("--predictions", str(tmp_path / "mine"), "--references", str(tmp_path / "truth"))
    assert "/mine/a and" in run_line(capsys, *WRAP, *options).out
    assert "/mine/b and" in run_line(capsys, *WRAP, *options, "--clip", "b").out
    assert_one_line(run_line(capsys, *WRAP, *options, "--clip", "c"), "unknown clip 'c'")
    one = ("--predictions", str(tmp_path / "mine" / "a"), *options[2:])
    assert_one_line(run_line(capsys, *WRAP, *one), "the references hold 2: a, b", "--clip a")
    other = (*options[:2], "--references", str(tmp_path / "truth" / "a"))
    assert_one_line(run_line(capsys, *WRAP, *other), "the references are the frames of one")


def test_files_that_do_not_fit(capsys, files, tmp_path):
    small = write(tmp_path / "small", PREDICTIONS[:, :12])
    assert_one_line(run_line(capsys, *WRAP, "--predictions", small, *files[2:]), "12x20", "0.png", "24x20")
    assert_one_line(run_line(capsys, *WRAP, *files[:2]), "--predictions alone")
    assert_one_line(run_line(capsys, *WRAP, *files[2:]), "--references alone")
    absent = str(tmp_path / "absent")
    assert_one_line(run_line(capsys, *WRAP, "--predictions", absent, *files[2:]), "no such file or folder")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "77.png").write_bytes(encode_png(TRUTHS[0]))
    other = ("--predictions", str(tmp_path / "other"), *files[2:])
    assert_one_line(run_line(capsys, *WRAP, *other), "none of the 4 expected frames", "iper-bench check")


def test_names_that_are_not_there(capsys, tmp_path):
    for first, words in (
        ("standrd:SSIM", ("standrd", "standard")),
        ("standard:SSIMM", ("SSIMM", "did you mean SSIM")),
        ("standard:SSIM@selv", ("selv", "self")),
        ("standard:SSIM@cross", ("SSIM", "setting cross")),
        ("SSIM", ("neither a folder nor a metric", "standard:SSIM")),
        (str(tmp_path / "absent") + "#SSIM", ("neither a run nor a result",)),
        (str(tmp_path), ("is a folder, the other one metric", "#METRIC")),
    ):
        assert_one_line(run_line(capsys, "explain", first, "standard:SSIM"), *words)
    assert_one_line(run_line(capsys, "explain", "paper:SSIM", "paper:PSNR"), "kind ssim", "kind psnr")
    assert_one_line(run_line(capsys, *WRAP, "--device", "gpu"), "no device 'gpu'")
    assert_one_line(run_line(capsys, *WRAP, "--limit", "0"), "--limit")


@pytest.fixture(scope="module")
def measured_run(tmp_path_factory):
    """A run of the toys, measured by the package's own metrics."""
    with pytest.MonkeyPatch.context() as patch:
        yield ToyRun(tmp_path_factory.mktemp("runs"), patch)


class ToyRun:
    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.path = folder, folder / "run"
        self.program = ToyProgram(folder, patch)
        self.program.scorer = SuiteScorer(
            ("offline",), weights_dir=None, device="cpu", metrics=("PSNR", "SSIM", "Body-CS", "FID/clip")
        )

    def made(self, capsys) -> str:
        if not self.path.exists():
            outcome = self.program.run(capsys, self.path)
            assert outcome.status == 0, outcome.err
        return str(self.path)


def result_of(run: str, folder: Path, **changed: str) -> Path:
    """A result folder with the definitions of a run, those of SSIM changed."""
    from iper_bench.run.stored_definitions import read_definitions

    definitions = {key: dict(one) for key, one in read_definitions(Path(run)).definitions.items()}
    for one in definitions.values():
        if one["metric"] == "SSIM":
            one["choices"] = {**one["choices"], **changed}
            one["words"] = {name: SSIM_KIND.fields[name][choice] for name, choice in one["choices"].items()}
    folder.mkdir()
    named = {f"x{key}" if one["metric"] == "SSIM" else key: one for key, one in definitions.items()}
    content = {"format": 1, "rows": [], "definitions": named}
    (folder / "rows.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_a_metric_of_a_run_is_measured_on_its_frames(capsys, measured_run):
    run = measured_run.made(capsys)
    outcome = run_line(capsys, "explain", f"{run}#SSIM", "legacy:ssim/grey", "--limit", "4")
    assert (outcome.status, outcome.err) == (0, "")
    assert "toy self:p0/c0 sn=1 T=0: the first 4 of 6 frames" in outcome.out
    changes, gap = column(outcome.out)
    assert sum(changes) == gap != 0
    same = run_line(capsys, "explain", f"{run}#offline:SSIM@self", "offline:SSIM")
    assert "no difference" in same.out


def test_the_sample_of_a_run_gives_the_rows_of_the_run(capsys, measured_run, tmp_path):
    """Self with the boxes of the tracks, cross with the real frames: the values of the first unit."""
    from iper_bench.store.rows import read_rows

    run = measured_run.made(capsys)
    rows = {
        (row.metric, row.setting): row.value
        for row in read_rows(Path(run))
        if row.place == 0 and row.trial != "*"
    }
    for metric, other, setting in (
        ("Body-CS", "offline:Body-CS/detected", "self"),
        ("Body-CS", "offline:Body-CS/detected", "cross"),
        ("FID/clip", "offline:KID", "cross"),
    ):
        out = tmp_path / "out.json"
        named = (f"{run}#{metric}@{setting}", f"{other}@{setting}")
        assert run_line(capsys, "explain", *named, "--json", str(out)).status == 0
        (pair,) = json.loads(out.read_text(encoding="utf-8"))["pairs"]
        assert pair["attribution"]["first"] == pytest.approx(rows[metric, setting], rel=1e-12)
    outcome = run_line(capsys, "explain", f"{run}#Body-CS", "offline:Body-CS/detected", "--boxes", "none")
    assert "no body boxes were given" in outcome.out


def test_two_folders(capsys, measured_run, tmp_path):
    run = measured_run.made(capsys)
    assert "0 of them under two definitions" in run_line(capsys, "explain", run, run).out
    result = result_of(run, tmp_path / "result", window="uniform-7", covariance="sample")
    for named in (str(result), str(result / "rows.json")):
        outcome = run_line(capsys, "explain", run, named)
        assert outcome.status == 0, outcome.err
        assert outcome.out.count("#offline:SSIM@self") == 2
        assert "1 of them under two definitions" in outcome.out
        changes, gap = column(outcome.out)
        assert len(changes) == 2
        assert sum(changes) == gap
    by_passport = json.loads((result / "rows.json").read_text(encoding="utf-8"))["definitions"]
    (key,) = (key for key, one in by_passport.items() if one["metric"] == "SSIM")
    assert "2 differences" in run_line(capsys, "explain", f"{result}#{key}", f"{run}#SSIM", "--words").out


def test_runs_whose_frames_are_gone_are_explained_in_words(capsys, measured_run, tmp_path):
    run = measured_run.made(capsys)
    result = result_of(run, tmp_path / "result", window="uniform-7")
    hidden = measured_run.path / "predictions"
    hidden.rename(measured_run.path / "hidden")
    try:
        outcome = run_line(capsys, "explain", f"{run}#SSIM", f"{result}#SSIM")
    finally:
        (measured_run.path / "hidden").rename(hidden)
    assert outcome.status == 0
    assert "uniform window 7x7" in outcome.out
    assert "nothing was measured" in outcome.out
    assert "no predictions of setting self" in outcome.out


def test_definitions_of_other_versions_and_damaged_results(capsys, measured_run, tmp_path, files):
    run = measured_run.made(capsys)
    result = result_of(run, tmp_path / "result", window="uniform-7")
    rows = result / "rows.json"
    content = json.loads(rows.read_text(encoding="utf-8"))

    def changed(**entries: object) -> None:
        named = {
            key: {**one, **entries} if one["metric"] == "SSIM" else one
            for key, one in content["definitions"].items()
        }
        rows.write_text(json.dumps({**content, "definitions": named}), encoding="utf-8")

    pair = ("explain", f"{result}#SSIM", "standard:SSIM")
    changed(version=7)
    assert "version of the computation" in run_line(capsys, *pair, "--words").out
    assert_one_line(run_line(capsys, *pair, *files), "made by version 7", "--words")
    changed(choices={"frame": "native"})
    assert_one_line(run_line(capsys, *pair, *files), "incomplete definition")
    changed(choices={**_choices(content), "window": "box"})
    assert_one_line(run_line(capsys, *pair, *files), "unknown choice of 'window' 'box'")
    changed(choices={**_choices(content), "resized": "bicubic 48x48"})
    assert "bicubic 48x48" in run_line(capsys, *pair).out
    assert_one_line(run_line(capsys, *pair, *files), "resized first (bicubic 48x48)", "--words")
    assert_one_line(run_line(capsys, "explain", f"{result}#SSMI", "standard:SSIM"), "SSMI", "SSIM")
    assert_one_line(run_line(capsys, "explain", f"{result}#paper:SSIM", "paper:SSIM"), "offline:SSIM@self")
    for text, words in (
        ("[]", "no valid format number"),
        ("{", "cannot be read as JSON"),
        ('{"format": 1}', "no definitions by their passports"),
        ('{"format": 1, "definitions": {}}', "holds no definitions"),
        ('{"format": 99, "definitions": {}}', "newer"),
    ):
        rows.write_text(text, encoding="utf-8")
        assert_one_line(run_line(capsys, *pair), words)


def _choices(content: dict) -> dict[str, str]:
    return next(one["choices"] for one in content["definitions"].values() if one["metric"] == "SSIM")


def test_other_weights_than_on_record_are_said(capsys, measured_run, tmp_path):
    run = measured_run.made(capsys)
    result = result_of(run, tmp_path / "result")
    rows = result / "rows.json"
    rows.write_text(
        rows.read_text(encoding="utf-8").replace("efficientnet_lite0@", "efficientnet_lite0@beef"), "utf-8"
    )
    outcome = run_line(capsys, "explain", f"{result}#Body-CS", f"{run}#Body-CS")
    assert "weights of network" in outcome.out
    assert "was measured with efficientnet_lite0@beef" in outcome.out


def test_decimals_show_the_smallest_change_and_no_rounding_noise():
    assert decimals([1.0, 1.0]) == 4
    assert decimals([1.0, None, 1.5]) == 4
    assert decimals([0.94, 0.94012]) == 5
    assert decimals([30.0, 30.0 + 3e-7]) == 8
    assert decimals([30.0, 30.0 + 4e-15]) == 4
    assert decimals([]) == 4


def test_steps_without_a_value_say_why_once(capsys, tmp_path):
    frames = np.kron(TRUTHS, np.ones((1, 2, 2, 1), np.uint8))  # 48 px: LPIPS needs 32
    ours, theirs = write(tmp_path / "mine", frames[:2]), write(tmp_path / "truth", frames[2:])
    files = ("--predictions", ours, "--references", theirs)
    outcome = run_line(capsys, "explain", "offline:LPIPS", "standard:LPIPS", *files)
    assert (outcome.status, outcome.err) == (0, "")
    text = " ".join(outcome.out.split())
    assert text.count("weights fetch lpips_alex") == 1
    assert "no value either" in text
    assert "at once: lpips_alex takes values signed or unit, not own" in text
    assert "no gap: B has no value" in text
