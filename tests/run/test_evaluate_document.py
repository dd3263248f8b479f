"""``docs/score.md`` says what is there: its functions can be imported, its columns and options are those."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import iper_bench
from iper_bench.cli.score import score
from iper_bench.run.evaluate import COLUMNS, FRAME_COLUMNS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "score.md").read_text(encoding="utf-8")


def test_functions_of_one_metric_can_be_imported() -> None:
    code = [line.strip() for line in TEXT.splitlines() if line.startswith("    from iper_bench")]
    lines = [line.split("#")[0].strip() for line in code]
    assert len(lines) >= 7
    for line in lines:
        exec(line, {})


def test_columns_and_options_are_named() -> None:
    for name in (*COLUMNS, *FRAME_COLUMNS):
        assert f"`{name}`" in TEXT or f"`_{name.rpartition('_')[2]}`" in TEXT, name
    options = {option for parameter in score.params for option in parameter.opts}
    for option in re.findall(r"--[a-z][a-z-]+", TEXT):
        assert option in options, option
    keywords = set(inspect.signature(iper_bench.evaluate).parameters)
    for keyword in re.findall(r"evaluate\((.*)\)", TEXT):
        for name in re.findall(r"(\w+)=", keyword):
            assert name in keywords, name
