"""Methods that are not registered: ``folder:PATH``, ``process:SPEC``, ``python:module:NAME``."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from iper_bench.errors import UserError

_NO_LABEL = re.compile(r"[^A-Za-z0-9._+-]+")
_PYTHON = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")


@dataclass(frozen=True)
class Outside(ABC):
    """One outside method. ``place``: what stands behind the colon."""

    place: str

    #: whether all that follows the colon is a path
    is_path: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Raises UserError for another form."""
        if not self.place or "\0" in self.place:
            raise self._unreadable()

    @property
    @abstractmethod
    def label(self) -> str:
        """The name in tables when none is typed."""

    @abstractmethod
    def factory(self) -> Callable[..., Any]:
        """What makes the method. Raises UserError when it is not there."""

    @abstractmethod
    def _unreadable(self) -> UserError: ...


class OutsideFolder(Outside):
    """``folder:PATH``."""

    @property
    def label(self) -> str:
        """The folder's name."""
        return as_label(Path(self.place).name or Path(self.place).resolve().name)

    def factory(self) -> Callable[..., Any]:
        """A :class:`iper_bench.methods.folder_method.FolderMethod`."""
        from iper_bench.methods.folder_method import FolderMethod

        return lambda: FolderMethod(Path(self.place))

    def _unreadable(self) -> UserError:
        return UserError("no path", where="--method folder:", expected="folder:PATH of predictions")


class OutsideProcess(Outside):
    """``process:SPEC``."""

    @property
    def label(self) -> str:
        """The file's name without its ending."""
        return as_label(Path(self.place).name.removesuffix(".yaml").removesuffix(".yml"))

    def factory(self) -> Callable[..., Any]:
        """A :class:`iper_bench.methods.process_method.ProcessMethod`."""
        from iper_bench.methods.process_method import ProcessMethod
        from iper_bench.methods.process_spec import ProcessSpec

        return lambda: ProcessMethod(ProcessSpec.read(Path(self.place)))

    def _unreadable(self) -> UserError:
        return UserError("no path", where="--method process:", expected="process:SPEC.yaml")


class OutsidePython(Outside):
    """``python:module:NAME``: a class or function, called without arguments, or with weights and options."""

    is_path = False

    def __post_init__(self) -> None:
        """Raises UserError for another form."""
        if not _PYTHON.fullmatch(self.place):
            raise self._unreadable()

    @property
    def label(self) -> str:
        """Module and name with a dot."""
        return as_label(self.place.replace(":", "."))

    def factory(self) -> Callable[..., Any]:
        """The class or function."""
        from iper_bench.methods.python_method import load_object

        module, _, name = self.place.partition(":")
        found: Callable[..., Any] = load_object(module, name, f"--method python:{self.place}")
        return found

    def _unreadable(self) -> UserError:
        return UserError(
            f"cannot read 'python:{self.place[:80]}'",
            where="--method",
            expected="python:MODULE:NAME of a class or function",
            hint="python:my_package.method:create",
        )


OUTSIDE: dict[str, type[Outside]] = {
    "folder": OutsideFolder,
    "process": OutsideProcess,
    "python": OutsidePython,
}


def outside(kind: str, place: str) -> Outside:
    """The outside method of a kind of :data:`OUTSIDE`. Raises UserError for another form."""
    return OUTSIDE[kind](place)


def as_label(text: str) -> str:
    """``text`` with ``-`` for what a label may not hold."""
    return _NO_LABEL.sub("-", text).lstrip("._+-") or "outside"
