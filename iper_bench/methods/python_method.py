"""``python:module:NAME`` and entry points: methods of other packages, imported and looked over."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from iper_bench.errors import UserError, unknown_name

#: what :class:`iper_bench.methods.method.Method` asks for
MEMBERS = ("name", "identity", "trains", "personalize", "checkpoints")


def load_object(module: str, attribute: str, where: str) -> Any:
    """The object ``attribute`` (dots allowed) of a module, which is looked for in the current folder and on
    ``sys.path``. The current folder stays on ``sys.path``: the module may import its neighbours later.

    Raises
    ------
    UserError in one line with the original message when the import fails, whatever it raises, and when there
    is no such object.
    """
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except Exception as error:  # a module of somebody else may raise anything
        raise _not_imported(module, error, where) from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            known = (
                [one for one in vars(found) if not one.startswith("_")] if hasattr(found, "__dict__") else []
            )
            raise unknown_name("name", name, known[:40], where=f"{where}, module '{module}'")
        found = getattr(found, name)
    return found


def entry_factory(load: Callable[[], Callable[..., Any]], name: str, origin: str) -> Callable[..., Any]:
    """``load()``, the import of a registered method of another package. Raises UserError in one line with the
    original message when it fails.
    """
    try:
        return load()
    except Exception as error:  # as above
        raise _not_imported(name, error, f"method '{name}' of {origin}") from error


def made_by_others(factory: Callable[..., Any], arguments: Mapping[str, object], name: str) -> Any:
    """``factory(**arguments)``. Raises UserError in one line with the original message when it fails."""
    try:
        return factory(**arguments)
    except UserError:
        raise
    except Exception as error:  # as above
        raise UserError(
            f"cannot be made ({type(error).__name__}: {_first_line(error)})"[:300], where=f"method '{name}'"
        ) from error


def require_members(made: object, where: str) -> None:
    """Raise UserError naming every member of a method that an object lacks."""
    lacking = [member for member in MEMBERS if not hasattr(made, member)]
    if lacking:
        raise UserError(
            f"{type(made).__name__} lacks {', '.join(lacking)}",
            where=where,
            expected=f"a method with {', '.join(MEMBERS)} (iper_bench/methods/method.py)",
            hint="iper-bench method new NAME writes one to start from",
        )


def _not_imported(what: str, error: Exception, where: str) -> UserError:
    if isinstance(error, UserError):
        return error
    return UserError(
        f"cannot import '{what}' ({type(error).__name__}: {_first_line(error)})"[:300], where=where
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or "no message"
