"""The GitHub Actions workflow, and every command line in it and in docs/ci.md, against the command line
itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from iper_bench.cli.main import program
from iper_bench.errors import UserError
from tests.packaging.repository import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "benchmark.yml"
CI_PAGE = ROOT / "docs" / "ci.md"


def parse(words: list[str]) -> None:
    """Parse a command line down to its last verb without running anything. Raises as click does."""
    command: click.Command = program
    parent: click.Context | None = None
    while True:
        context = command.make_context(command.name or "iper-bench", words, parent=parent)
        if not isinstance(command, click.Group):
            return
        # what a group left over for its verbs, as click's own Group.invoke takes it up
        rest = [*context._protected_args, *context.args]
        _, found, words = command.resolve_command(context, rest)
        if found is None:
            raise click.UsageError(f"no verb in {rest}")
        command, parent = found, context


def command_lines(text: str) -> Iterator[list[str]]:
    """The words of every line that begins with ``iper-bench``, continued lines joined."""
    for line in text.replace("\\\n", " ").splitlines():
        begins = re.match(r"^\s*(?:(?:- )?run: |- )?(iper-bench .*)$", line)
        if begins:
            yield shlex.split(begins.group(1))[1:]


def workflow() -> dict[Any, Any]:
    content = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def steps(job: str) -> list[dict[str, Any]]:
    return list(workflow()["jobs"][job]["steps"])


def test_workflow_has_what_actions_needs() -> None:
    content = workflow()
    assert content["name"] == "benchmark"
    assert {"push", "pull_request"} <= set(content[True]), "YAML reads the key 'on' as true"
    assert content["permissions"] == {"contents": "read"}
    assert set(content["jobs"]) == {"tests", "gate"}
    for job in content["jobs"].values():
        assert job["runs-on"] == "ubuntu-latest"
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert "@v" in step.get("uses", "@v"), "an action without a version changes under one's hands"


def test_order_and_results() -> None:
    verbs = [words[0] for step in steps("gate") for words in command_lines(step.get("run", ""))]
    assert verbs == ["data", "run", "report", "gate", "gate"]
    gate = next(step for step in steps("gate") if step.get("name") == "Gate")["run"]
    assert "--junit" in gate
    upload = steps("gate")[-1]
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["if"] == "always()", "a gate that failed is when the files are needed"
    written = [words for step in steps("gate") for words in command_lines(step.get("run", ""))]
    outs = [words[words.index("--out") + 1] for words in written if "--out" in words]
    kept = upload["with"]["path"].split()
    assert {"runs/demo", "runs/demo-report", "runs/history"} <= set(outs) & set(kept)


@pytest.mark.parametrize("path", [WORKFLOW, CI_PAGE], ids=lambda path: path.name)
def test_every_command_is_one_of_ours(path: Any) -> None:
    lines = list(command_lines(path.read_text(encoding="utf-8")))
    assert len(lines) >= 5
    for words in lines:
        parse(words)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = [
        name for job in ("tests", "gate") for step in steps(job) for name in _targets(step.get("run", ""))
    ]
    assert {"setup", "check", "test"} <= set(named)
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)


def _targets(text: str) -> list[str]:
    return re.findall(r"^\s*make (\S+)", text, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [["gate", "runs/x", "--no-such-option"], ["gate", "update", "runs/x"], ["data"], ["no-such-verb"]],
)
def test_the_parser_refuses_what_is_wrong(words: list[str]) -> None:
    with pytest.raises((click.ClickException, UserError)):
        parse(words)
