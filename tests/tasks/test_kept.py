"""A person who is kept in a file and taken up again; every mistake about it in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.image_io import decode_png
from tests.cli.command_line import run_line
from tests.tasks.people import People

TARGET = ("--target", "people:b", "--target-frames", "1,3")
SOURCE = ("--source", "people:a", "--source-frames", "0,4")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


def pictures(folder: Path) -> np.ndarray:
    return np.stack([decode_png(path.read_bytes()) for path in sorted((folder / "frames").glob("*.png"))])


@pytest.fixture
def anna(kept: Path, dataset: People, capsys: pytest.CaptureFixture[str]) -> Path:
    """Anna after one step, and what was drawn of her then in ``first``."""
    path = kept / "anna.subject"
    if not path.exists():
        outcome = run_line(
            capsys,
            "imitate",
            *SOURCE,
            *TARGET,
            "--steps",
            "1",
            "--save-subject",
            path,
            "--out",
            kept / "first",
        )
        assert outcome.status == 0, outcome.err
        assert f"the person is kept in {path}" in outcome.err
    return path


def test_she_is_drawn_as_she_was(anna: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = anna.parent / "again"
    outcome = run_line(capsys, "imitate", "--source", anna, *TARGET, "--out", out, "--overwrite")
    assert outcome.status == 0, outcome.err
    assert np.array_equal(pictures(out), pictures(anna.parent / "first"))
    record = json.loads((out / "record.json").read_text())
    assert record["method"]["steps"] == 1
    assert record["people"][0]["source"] == str(anna)
    turn = run_line(capsys, "view", "--source", anna, "--views", "2", "--out", anna.parent / "turn.png")
    assert turn.status == 2  # two frames are no single picture
    turn = run_line(capsys, "view", "--source", anna, "--views", "1", "--out", anna.parent / "turn.png")
    assert turn.status == 0, turn.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sn", "2"), "--sn with a kept person"),
        (("--source-frames", "0"), "--source-frames with a kept person"),
        (("--size", "64"), "--size with a kept person"),
        (("--body", "open-mid"), "--body with a kept person"),
        (("--steps", "3"), "personalized already (1 steps)"),
        (("--save-subject", "x.subject"), "--save-subject with a kept person"),
        (("--method", "warp"), "method 'warp' keeps no people"),
    ],
)
def test_options_that_leave_nothing_to_do(
    anna: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    outcome = run_line(
        capsys, "imitate", "--source", anna, *TARGET, *options, "--out", anna.parent / "no.mp4"
    )
    assert outcome.status == 2
    assert words in outcome.err.strip().splitlines()[-1]
    assert not (anna.parent / "no.mp4").exists()


def test_she_cannot_be_taken_apart(anna: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (
        ("--source", anna, "--take", "upper=people:b"),
        ("--source", "people:b", "--take", f"upper={anna}"),
    ):
        outcome = run_line(capsys, "swap", *line, "--out", anna.parent / "no.png")
        assert outcome.status == 2
        assert "cannot be taken apart" in outcome.err.strip().splitlines()[-1]


def test_she_has_no_motion(anna: Path, dataset: People, capsys: pytest.CaptureFixture[str]) -> None:
    for verb, line, option in (
        ("imitate", ("--source", "people:b", "--target", anna), "--target"),
        ("view", ("--source", anna, "--bullet-time", "0:4"), "--bullet-time"),
    ):
        outcome = run_line(capsys, verb, *line, "--out", anna.parent / "no.mp4")
        assert outcome.status == 2
        assert (
            f"{option}: '{anna}' is a kept person, who has no motion" in outcome.err.strip().splitlines()[-1]
        )


def test_other_names_other_files_other_methods(
    dataset: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junk = tmp_path / "junk.subject"
    junk.write_bytes(b"no safetensors")
    for options, words in (
        ((*SOURCE, "--save-subject", tmp_path / "x.pth"), "ends in '.pth'"),
        ((*SOURCE, "--method", "warp", "--save-subject", tmp_path / "x.subject"), "cannot be kept"),
        (("--source", junk), "damaged weights file"),
        (("--source", tmp_path / "absent.subject"), "no such file"),
    ):
        outcome = run_line(capsys, "imitate", *options, *TARGET, "--out", tmp_path / "no.mp4")
        assert outcome.status == 2
        assert words in outcome.err.strip().splitlines()[-1], outcome.err
