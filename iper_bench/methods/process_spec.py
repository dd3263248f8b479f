"""``ProcessSpec``: the YAML file behind ``process:SPEC``, a method that is a command of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from iper_bench.data.safe_path import inside
from iper_bench.errors import UserError, unknown_name
from iper_bench.hashing import content_hash, file_sha256

FORMAT = 1  # of the job file
JOB = "{job}"  # stands for the job's folder in the command
PYTHON = "{python}"  # stands for the Python that runs iper-bench
DEFAULT_TIMEOUT = 600.0  # seconds
LONGEST_TIMEOUT = 7 * 86400.0  # seconds
MOST_BYTES = 1 << 20
FIELDS = ("command", "name", "timeout", "environment", "trains", "identity", "files")


@dataclass(frozen=True)
class ProcessSpec:
    """What is run, and what its frames depend on.

    Attributes
    ----------
    path: the file; the command runs in its folder.
    command: program and arguments, no shell; ``{job}`` stands for the job's folder, ``{python}`` for the
        Python that runs iper-bench.
    name: for messages and tables.
    timeout: seconds per job. environment: variables beside those that are there.
    trains: whether the number of personalisation steps has an effect.
    files: what else the frames depend on (code, weights), beside the spec itself.
    identity: content hash of the spec and of ``files``.
    """

    path: Path
    command: tuple[str, ...]
    name: str
    timeout: float = DEFAULT_TIMEOUT
    environment: Mapping[str, str] = field(default_factory=dict)
    trains: bool = False
    files: tuple[str, ...] = ()
    identity: str = ""

    @property
    def folder(self) -> Path:
        """Where the command runs."""
        return self.path.resolve().parent

    @classmethod
    def read(cls, path: Path) -> ProcessSpec:
        """Read a spec.

        Raises
        ------
        UserError, naming file and field, for a file that is not there or no YAML, an unknown field, a value
        of another type, a command without ``{job}``, and a listed file that is not there.
        """
        content = _content(path)
        where = str(path)
        for key in content:
            if key not in FIELDS:
                raise unknown_name("field", str(key)[:60], FIELDS, where=where)
        command = _texts(
            content.get("command"), f"{where}: command", "a list such as [python, predict.py, '{job}']"
        )
        if not command or not any(JOB in part for part in command):
            raise UserError(
                "the job is not among the arguments",
                where=f"{where}: command",
                expected=f"a list with '{JOB}' in it, which stands for the job's folder",
            )
        files = _texts(content.get("files", []), f"{where}: files", "a list of files")
        name = _text(content, "name", path.stem, where)
        _text(content, "identity", "", where)
        return cls(
            path=path,
            command=command,
            name=name,
            timeout=_timeout(content.get("timeout", DEFAULT_TIMEOUT), where),
            environment=_environment(content.get("environment", {}), where),
            trains=_switch(content.get("trains", False), where),
            files=files,
            identity=content_hash(
                {
                    "method": "process",
                    "format": FORMAT,
                    "spec": {key: value for key, value in content.items() if key != "timeout"},
                    "files": {one: _sha256(path, one) for one in files},
                }
            ),
        )


def _content(path: Path) -> dict[str, Any]:
    where = str(path)
    if not path.is_file():
        raise UserError("no such file", where=where, expected="a YAML file with a field 'command'")
    try:
        data = path.read_bytes()[: MOST_BYTES + 1]
        content = yaml.safe_load(data.decode("utf-8")) if len(data) <= MOST_BYTES else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"cannot be read as YAML ({first})"[:160], where=where) from error
    if not isinstance(content, dict):
        raise UserError("no fields", where=where, expected="a YAML file with a field 'command'")
    return content


def _text(content: Mapping[str, Any], key: str, default: str, where: str) -> str:
    value = content.get(key, default)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UserError(f"found {str(value)[:60]}", where=f"{where}: {key}", expected="text")
    return str(value)


def _texts(value: Any, where: str, expected: str) -> tuple[str, ...]:
    good = isinstance(value, Sequence) and not isinstance(value, str)
    if not good or not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in value):
        raise UserError(f"found {str(value)[:60]}", where=where, expected=expected)
    texts = tuple(str(one) for one in value)
    if any("\0" in one for one in texts):
        raise UserError("a text with a zero character", where=where, expected=expected)
    return texts


def _timeout(value: Any, where: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 < value <= LONGEST_TIMEOUT:
        raise UserError(
            f"found {str(value)[:60]}", where=f"{where}: timeout", expected="seconds per job, more than 0"
        )
    return float(value)


def _switch(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"found {str(value)[:60]}", where=f"{where}: trains", expected="true or false")
    return value


def _environment(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise UserError(
            f"found {str(value)[:60]}", where=f"{where}: environment", expected="variables, NAME: value"
        )
    found = {}
    for key in value:
        if not isinstance(key, str) or not key or set(key) & set("=\0"):
            raise UserError(f"a variable called {key!r}"[:80], where=f"{where}: environment")
        found[key] = _text(value, key, "", f"{where}: environment")
        if "\0" in found[key]:
            raise UserError("a value with a zero character", where=f"{where}: environment: {key}")
    return found


def _sha256(spec: Path, name: str) -> str:
    where = f"{spec}: files"
    path = inside(spec.resolve().parent, name, where=where)
    if not path.is_file():
        raise UserError(f"no such file '{name}'", where=where, expected="files beside the spec, or below it")
    return file_sha256(path)
