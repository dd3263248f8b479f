"""The command line as a whole: start-up without heavy imports, unknown names, exit statuses."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from iper_bench.cli.failures import BUG, INTERRUPTED, USER_ERROR
from iper_bench.cli.main import VERBS, program
from iper_bench.errors import UserError
from tests.cli.command_line import assert_one_line, run_line


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program sets thread variables; they must not leak into other tests."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["rnu"], ["run", "--metod", "x"]]
)
def test_help_and_mistakes_import_nothing_heavy(arguments: list[str]) -> None:
    """Start-up stays under half a second because none of these is loaded (time: benchmarks/)."""
    done = _python(
        "import sys\nfrom iper_bench.cli.main import invoke\n"
        f"invoke({arguments!r})\n"
        "heavy = {'torch', 'numpy', 'scipy', 'cv2', 'matplotlib', 'PIL', 'rich', 'yaml', 'jinja2'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    assert done.stdout.splitlines()[-1] == "loaded: []", done.stdout + done.stderr


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_loads_and_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, verb, "--help")
    assert outcome.status == 0
    assert outcome.out.startswith(f"Usage: iper-bench {verb}")


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = (*path, name)
        found += _commands(command, inner) if isinstance(command, click.Group) else [inner]
    return found


@pytest.mark.parametrize("path", _commands(program), ids=" ".join)
def test_every_option_has_help_and_unknown_ones_are_refused(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    command: click.Command | None = program
    for name in path:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name)
    assert command is not None
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{' '.join(path)} {option.name}"
    assert_one_line(
        run_line(capsys, *path, "--no-such-flag"), "--no-such-flag", "iper-bench " + " ".join(path)
    )


def test_unknown_verb_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "swep"), "unknown verb 'swep'", "did you mean sweep")


def test_unknown_sub_verb_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "data", "make-syntetic"), "make-syntetic", "make-synthetic")


def test_unknown_option_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "run", "--metod", "warp"), "unknown option '--metod'", "--method")


def test_missing_option_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "run"), "--method", "iper-bench run --help")


def _verb_that_raises(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    @click.argument("words", nargs=-1)
    def failing(words: tuple[str, ...]) -> None:
        raise error

    monkeypatch.setattr(type(program), "get_command", lambda self, ctx, name: failing)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (UserError("bad", where="x.yaml", hint="y"), USER_ERROR, ["x.yaml: bad", "try: y"]),
        (
            KeyboardInterrupt(),
            INTERRUPTED,
            ["interrupted", "the same command resumes: iper-bench method 'a b'"],
        ),
        (OSError(errno.ENOSPC, "No space", "runs/a"), USER_ERROR, ["runs/a", "no space left"]),
        (OSError(errno.EDQUOT, "Quota", "runs/a"), USER_ERROR, ["runs/a", "no space left"]),
        (
            PermissionError(errno.EACCES, "Permission denied", "runs/a"),
            USER_ERROR,
            ["runs/a", "permission denied"],
        ),
        (OSError(errno.EROFS, "Read-only", "runs/a"), USER_ERROR, ["runs/a", "permission denied"]),
        (
            NotADirectoryError(errno.ENOTDIR, "Not a directory", "runs/a"),
            USER_ERROR,
            ["runs/a", "in the way"],
        ),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    error: BaseException,
    status: int,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _verb_that_raises(monkeypatch, error)
    outcome = run_line(capsys, "method", "a b") if status == INTERRUPTED else run_line(capsys, "method")
    assert_one_line(outcome, *words, status=status)


@pytest.mark.parametrize(
    "error", [RuntimeError("boom"), EOFError("boom"), OSError(errno.EIO, "boom"), MemoryError("boom")]
)
def test_a_bug_keeps_its_traceback_and_says_where_to_go(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _verb_that_raises(monkeypatch, error)
    outcome = run_line(capsys, "method")
    assert outcome.status == BUG
    assert "Traceback" in outcome.err
    assert "boom" in outcome.err
    assert "this is a bug" in outcome.err.splitlines()[-1]


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m iper_bench.cli.main method list | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr


def test_installed_script_answers(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "iper-bench"
    done = subprocess.run([script, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("iper-bench")
