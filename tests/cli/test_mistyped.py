"""Verbs, options and values that are mistyped: which one, what there is, what to type."""

from __future__ import annotations

import os

import pytest

from iper_bench.cli.main import VERBS
from tests.cli.command_line import assert_one_line, run_line

GROUPS = ("data", "protocol", "method", "metric", "weights")
LONGEST = 600  # characters of a line that somebody still reads


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())


def test_no_verb_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys)
    assert_one_line(outcome, "no verb; expected one of", *VERBS, "try: iper-bench --help")
    assert len(outcome.err) < LONGEST


@pytest.mark.parametrize("group", GROUPS)
def test_no_sub_verb(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, group)
    assert_one_line(outcome, f"iper-bench {group}: no verb", f"try: iper-bench {group} --help")
    assert len(outcome.err) < LONGEST


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        (["data", "make-syntetic"], "make-synthetic"),
        (["data", "inf"], "info"),
        (["protocol", "shwo"], "show"),
        (["method", "lst"], "list"),
        (["metric", "profile"], "profiles"),
        (["weights", "lits"], "list"),
    ],
)
def test_mistyped_sub_verb(typed: list[str], nearest: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, *typed)
    assert_one_line(
        outcome,
        f"iper-bench {typed[0]}: unknown verb '{typed[1]}'",
        "expected one of",
        f"did you mean {nearest}",
    )


@pytest.mark.parametrize("group", GROUPS)
def test_empty_sub_verb(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, group, ""), "unknown verb ''", "expected one of")


@pytest.mark.parametrize(
    ("typed", "help_line"),
    [
        (["run", "--method"], "iper-bench run --help"),
        (["data", "make-synthetic", "--out"], "iper-bench data make-synthetic --help"),
        (["report", "runs/first", "--out"], "iper-bench report runs/first --help"),
        (["--threads"], "iper-bench --help"),
    ],
)
def test_option_without_its_value(
    typed: list[str], help_line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_one_line(run_line(capsys, *typed), f"'{typed[-1]}' requires an argument", f"try: {help_line}")
    assert run_line(capsys, *help_line.split()[1:]).status == 0, "the help that it names is there"


def test_unknown_option_lists_options_only(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "report", "runs/first", "--ouut", "x")
    listed = "--clips, --help, --no-films, --out, --worst"
    assert_one_line(outcome, f"'--ouut'; expected one of {listed}; try: did you mean --out")


@pytest.mark.parametrize("verb", ["run", "sweep"])
@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--method", ["", ",", "warp,", " , "]),
        ("--settings", ["", "self,"]),
        ("--profile", ["", "offline,,paper"]),
        ("--sn", ["", "0", "-1", "1.5", "two", "1;2", "1 2", "1e3", "²"]),
        ("--steps", ["", "-1", "0.5", "ten", "1e3"]),
        ("--limit", ["", "0", "-3", "1.5", "all"]),
        ("--seeds", ["", "-1", "x", "0,", "9" * 23]),
        ("--jobs", ["", "0", "-1", "many", "1.5", "9" * 9]),
        ("--shard", ["", "1", "0/3", "4/3", "a/b", "1/2/3"]),
        ("--executor", ["", "dask"]),
        ("--executor-option", ["", "x", "=1", "Partition=gpu"]),
        ("--predictions", ["", "jpeg"]),
        ("--only", ["", "a,,b"]),
        ("--size", ["", "15", "-64", "64.5", "big"]),
    ],
)
def test_lists_and_numbers(
    verb: str, option: str, values: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    others = {"--method": "warp", "--dataset": "synthetic", "--out": "never-made"}
    for value in values:
        typed = {**others, option: value}
        outcome = run_line(capsys, verb, *(f"{name}={text}" for name, text in typed.items()))
        assert_one_line(outcome, f"iper-bench {verb}: ", f"'{option}'", f"try: iper-bench {verb} --help")


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--steps", ["0", "-1", "x"]),
        ("--seconds", ["0", "-1", "x"]),
        ("--seed", ["-1", "x"]),
        ("--size", ["3"]),
    ],
)
def test_numbers_of_train(option: str, values: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for value in values:
        typed = ["--method=attlwb", "--dataset=synthetic", "--out=never-made", f"{option}={value}"]
        assert_one_line(run_line(capsys, "train", *typed), f"'{option}'", "try: iper-bench train --help")


@pytest.mark.parametrize("value", ["0", "-1", "x", ""])
def test_threads(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, f"--threads={value}", "method", "list"), "'--threads'")


@pytest.mark.parametrize(
    "typed",
    [
        ["method", "list", "x"],
        ["weights", "list", "x"],
        ["metric", "list", "x"],
        ["gate", "a", "b"],
        ["gate", "update", "a", "b", "--baseline=b.json", "--reason=new"],
    ],
)
def test_one_word_too_many(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, *typed), "unexpected extra argument", "--help")
