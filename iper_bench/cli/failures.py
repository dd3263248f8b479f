"""What ends a command early, as one line and an exit status.

0 success; 1 a regression found by ``gate``, or something found by a verb that looks for it (``check``,
``data verify``, ``protocol validate``, ``protocol diff``); 2 something the user can put right; 3 a run with
failed units (``run.request.UNITS_FAILED``); 70 a bug of ours (sysexits' EX_SOFTWARE, so that a script can
tell it from a regression); 130 interrupted (128 + SIGINT, the shell's convention).
"""

from __future__ import annotations

import errno
import itertools
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from iper_bench.atomic import FULL, IN_THE_WAY, REFUSED
from iper_bench.errors import UserError, unknown_name

REGRESSION = 1
USER_ERROR = 2
BUG = 70
INTERRUPTED = 130

PROGRAM = "iper-bench"

# click 8.2 and 8.4 brought these; an older one is answered in its own words
_NO_VERB: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
_UNKNOWN_VERB: Any = getattr(click.exceptions, "NoSuchCommand", ())

_UNUSABLE = (errno.ENAMETOOLONG, errno.ELOOP)
_SHOWN = 200  # characters of an unusable path: the reason may be its length


def explain_click(error: click.ClickException, arguments: Sequence[str] = ()) -> UserError:
    """Click's own complaints in the form of every other mistake: what, where, nearest names, what to type."""
    context = getattr(error, "ctx", None)
    if context is None:  # the parser does not say in which verb; what stands before the options does
        path = shlex.join([PROGRAM, *itertools.takewhile(lambda word: not word.startswith("-"), arguments)])
    else:
        path = context.command_path
    where = path if path != PROGRAM else None
    if isinstance(error, click.NoSuchOption):
        close = error.possibilities or []
        hint = f"did you mean {' or '.join(close)}?" if close else f"{path} --help"
        return UserError(
            f"unknown option '{error.option_name}'",
            where=where,
            expected=f"one of {', '.join(sorted({'--help', *_options(context)}))}",
            hint=hint,
        )
    verbs = _verbs(context)
    if verbs and isinstance(error, _NO_VERB):
        return UserError("no verb", where=where, expected=f"one of {', '.join(verbs)}", hint=f"{path} --help")
    if verbs and isinstance(error, _UNKNOWN_VERB):
        return unknown_name("verb", error.command_name, verbs, where=where)
    message = error.format_message().rstrip(".")
    return UserError(message[:1].lower() + message[1:], where=where, hint=f"{path} --help")


def _options(context: click.Context | None) -> list[str]:
    parameters = context.command.params if context is not None else []
    return [
        name for parameter in parameters if isinstance(parameter, click.Option) for name in parameter.opts
    ]


def _verbs(context: click.Context | None) -> list[str]:
    """The verbs of a group, none for a verb."""
    command = context.command if context is not None else None
    return command.list_commands(context) if context is not None and isinstance(command, click.Group) else []


def explain_os_error(error: OSError) -> UserError | None:
    """The file system's refusals in one line, or ``None`` when ``error`` is nothing a user can mend."""
    where = str(error.filename) if error.filename is not None else None
    if error.errno in FULL:
        return UserError(
            "no space left on the disk",
            where=where,
            hint="free some space and type the same command again; what was finished is kept",
        )
    if error.errno in REFUSED:
        return UserError(
            "permission denied",
            where=where,
            expected="a file or folder you may use",
            hint="--out FOLDER with another folder, or IPER_BENCH_HOME=FOLDER for the cache",
        )
    if error.errno in IN_THE_WAY:
        return UserError(
            "in the way: a file stands where a folder is needed, or the reverse",
            where=where,
            hint="another folder, or move that file away",
        )
    if error.errno in _UNUSABLE:
        return UserError(
            f"unusable path: {error.strerror}",
            where=where if where is None or len(where) <= _SHOWN else f"{where[:_SHOWN]}…",
            expected="a path that the file system can hold",
            hint="another name",
        )
    return None


def finish(error: BaseException, arguments: Sequence[str]) -> int:
    """Report ``error`` on standard error and return the exit status.

    ``arguments`` are those of the command line, quoted back when the same command resumes.
    """
    # click turns an end of file inside a verb into Abort as well, but a truncated file is not a keystroke.
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__
    if isinstance(error, KeyboardInterrupt | click.Abort):
        again = shlex.join([PROGRAM, *arguments])
        return _say(f"interrupted; what was finished is kept, the same command resumes: {again}", INTERRUPTED)
    if isinstance(error, UserError):
        return _say(f"error: {error}", USER_ERROR)
    if isinstance(error, click.ClickException):
        return _say(f"error: {explain_click(error, arguments)}", USER_ERROR)
    if isinstance(error, BrokenPipeError):
        # The reader (head, less) went away. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    explained = explain_os_error(error) if isinstance(error, OSError) else None
    if explained is not None:
        return _say(f"error: {explained}", USER_ERROR)
    traceback.print_exception(error, file=sys.stderr)
    again = shlex.join([PROGRAM, *arguments])
    return _say(
        f"this is a bug, not your mistake; please report it with the lines above and the command: {again}",
        BUG,
    )


def _say(line: str, status: int) -> int:
    click.echo(f"{PROGRAM}: {line}", err=True)
    return status
